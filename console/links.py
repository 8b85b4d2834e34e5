"""Addresses of pages by name, as Django's `reverse` has them: a list of many rows asks for hundreds."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse

MOST = 4
"""Arguments of an address whose pattern is kept."""
LONGEST, KEPT = 40, 2000
"""Characters of a word that is part of a pattern; patterns."""
_STAND_INS: dict[object, list[str]] = {
    int: [str(8 * 10**17 + at) for at in range(MOST)],
    UUID: [str(uuid4()) for _ in range(MOST)],
}
_known: dict[tuple[object, ...], str] = {}
"""Patterns by the page's name, the kinds of numbers that stand in its address, and its words."""


Where = tuple[str, str | None]
"""The path below which the console is, and the module of its addresses."""


def where() -> Where:
    """As the thread has them: a page asks for hundreds of addresses, and once for this."""
    return get_script_prefix(), get_urlconf()


def link(name: str, args: Sequence[object] = (), place: Where | None = None) -> str:
    """Where it takes numbers, UUIDs and short words alone, the address is written once and filled in from
    then on. `place` is of `where`.
    """
    if len(args) > MOST or not all(map(_is_plain, args)):
        return reverse(name, args=args)
    kinds = tuple(one if isinstance(one, str) else type(one) for one in args)
    key = (name, kinds, *(place or where()))
    pattern = _known.get(key)
    if pattern is None:
        if len(_known) >= KEPT:
            _known.clear()
        pattern = _known[key] = _pattern(name, kinds)
    numbers = tuple(one for one in args if not isinstance(one, str))
    return pattern % numbers if pattern else reverse(name, args=args)


def _is_plain(one: object) -> bool:
    kind = type(one)
    return kind is UUID or (kind is int and one >= 0) or (kind is str and len(one) <= LONGEST)  # type: ignore[operator, arg-type]


def _pattern(name: str, kinds: Sequence[type | str]) -> str:
    """Empty where an argument must be of another form than any number or any UUID."""
    stand_ins = [kind if isinstance(kind, str) else _STAND_INS[kind][at] for at, kind in enumerate(kinds)]
    try:
        found = reverse(name, args=stand_ins)
    except NoReverseMatch:
        return ""
    found = found.replace("%", "%%")
    for one, kind in zip(stand_ins, kinds, strict=True):
        if isinstance(kind, str):
            continue
        if found.count(one) != 1:
            return ""
        found = found.replace(one, "%s")
    return found
