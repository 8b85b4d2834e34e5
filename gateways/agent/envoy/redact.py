"""Takes out of Envoy's words what they quote of its configuration, where secrets stand."""

import re
from collections.abc import Iterator
from typing import Any

MASK = "••••••"

_DUMP = re.compile(r"goo\.gle/debug.*?(?:^: |\Z)", re.DOTALL | re.MULTILINE)
_WHOLE = re.compile(r"(Unable to parse JSON as proto \(.*?\)):\s*[{\[\"].*")
_SCRIPT = re.compile(r'\[string ".*?"\]:(\d+):.*')
_PIECE = re.compile(r"[^\s'\",()]{6,}")
_TOLD = frozenset(
    (
        "@type",
        "address",
        "cipher_suites",
        "cluster",
        "cluster_name",
        "country_db_path",
        "domains",
        "filename",
        "host_rewrite_literal",
        "name",
        "path",
        "path_separated_prefix",
        "prefix",
        "regex",
        "stat_prefix",
        "substitution",
        "type",
    )
)
"""Fields whose values may be told: names, addresses and patterns. A reason is of no use without them."""
_SHORTEST = 4
"""What is shorter is part of ordinary words."""


def without_messages(said: str) -> str:
    """Envoy's words without the whole messages, configurations and lines of scripts that stand in them."""
    said = _WHOLE.sub(r"\1", _DUMP.sub("", said))
    return _SCRIPT.sub(r"line \1 of the script", said)


def masked(said: str, *configurations: Any) -> str:
    """Envoy's words, a few of them, without the values of these configurations or pieces of one."""
    found = list(_values(configurations, ""))
    told = {value for field, value in found if field in _TOLD}
    hidden = {value for _, value in found if len(value) >= _SHORTEST} - told
    for value in sorted((one for one in hidden if one in said), key=len, reverse=True):
        said = re.sub(_bounded(value), MASK, said)
    everything = "\n".join(hidden)
    return _PIECE.sub(lambda piece: MASK if _is_part(piece[0], everything) else piece[0], said)


def _values(value: Any, field: str) -> Iterator[tuple[str, str]]:
    """Every text, with the field that holds it or the list it is in."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _values(one, name)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _values(one, field)


def _bounded(value: str) -> str:
    """A pattern of it, no part of a longer word."""
    return r"(?<!\w)" * value[0].isalnum() + re.escape(value) + r"(?!\w)" * value[-1].isalnum()


def _is_part(piece: str, hidden: str) -> bool:
    """Envoy quotes single words of a value too. Plain words are its own."""
    return not piece.strip(".:;").isalpha() and piece in hidden
