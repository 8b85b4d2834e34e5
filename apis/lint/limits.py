"""Limits that can never refuse, since another one before always does; said only where it is certain."""

from collections.abc import Iterator

from apis.lint.finding import Finding
from apis.lint.subject import Running
from console.forms import durations
from policies.traits import Limit


def findings(running: list[Running]) -> Iterator[Finding]:
    known = [(one, limits_of(one)) for one in running]
    for at, (one, own) in enumerate(known):
        before = [
            (f"{other.policy.title} before it", limit)
            for other, theirs in known[:at]
            if other.is_enforced and _covers(other, one)
            for limit in theirs
        ]
        for number, limit in enumerate(own):
            others = [
                ("another limit of it", each)
                for other, each in enumerate(own)
                if other != number and _is_stricter(each, limit, comes_first=other < number)
            ]
            others += [(who, each) for who, each in before if each.leaves_nothing_to(limit)]
            if others:
                who, each = others[0]
                text = f"never refuses by {_words(limit)}: {who} lets {_words(each)} pass"
                yield Finding("limit-never-fires", one.place, text)


def is_shared_by_all(one: Running) -> bool:
    """Whether all callers have one count."""
    return bool(own := limits_of(one)) and all(limit.key == "" for limit in own)


def limits_of(one: Running) -> list[Limit]:
    return list(one.policy.limits(one.config))


def _words(limit: Limit) -> str:
    return f"{limit.requests} in {durations.words(limit.period_ms, 'ms')}"


def _covers(one: Running, other: Running) -> bool:
    """Whether the first policy surely sees all that the other does."""
    return not one.binding.conditions or one.binding.conditions == other.binding.conditions


def _is_stricter(one: Limit, other: Limit, *, comes_first: bool) -> bool:
    """Of two limits of one policy over the same time only the stricter counts; of equal ones, the first."""
    if one.period_ms == other.period_ms:
        return one.requests < other.requests or (one.requests == other.requests and comes_first)
    return one.leaves_nothing_to(other)
