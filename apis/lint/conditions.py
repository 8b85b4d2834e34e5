"""More different conditions among an API's policies than gateways have room for."""

from collections.abc import Iterator

from apis.lint.finding import Finding
from apis.lint.subject import Running
from gateways.protocol.conditions import IN_ANY_ORDER, TOGETHER

Conditions = tuple[tuple[tuple[str, str], ...], ...]


def findings(running: list[Running]) -> Iterator[Finding]:
    """One, at the first policy that is too many."""
    found: dict[Conditions, Running] = {}
    for one in running:
        if own := _conditions(one):
            found.setdefault(own, one)
    first = list(found.values())
    if len(first) > TOGETHER:
        text = f"has other conditions than {TOGETHER} policies before it: gateways refuse them"
        yield Finding("conditions-too-many", first[TOGETHER].place, text)
    elif len(first) > IN_ANY_ORDER and _has_others_before(running, first[-1]):
        text = (
            f"has other conditions than {IN_ANY_ORDER} policies before it, among some without any: gateways"
        )
        yield Finding("conditions-many", first[IN_ANY_ORDER].place, f"{text} may not tell so many apart")


def _conditions(one: Running) -> Conditions:
    """Those that decide; policies with the same ones are chosen together."""
    return tuple(tuple(sorted(row.items())) for row in one.binding.conditions)


def _has_others_before(running: list[Running], last: Running) -> bool:
    return any(not _conditions(one) for one in running[: running.index(last)])
