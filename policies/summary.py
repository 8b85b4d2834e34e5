"""A policy's configuration in one line, for lists: only what was set, in the words of its form."""

from collections.abc import Mapping
from typing import Any

from console.forms import durations
from console.forms.schema import Schema, resolve

MAX_ITEMS = 3
MAX_LENGTH = 160
LIMIT = {"maximumRequests", "timePeriodInMilliseconds"}


def summary(schema: Schema, config: Mapping[str, Any]) -> str:
    """Values that are the default anyway are left out, and so are secrets, which are not in `config`."""
    words = "; ".join(_parts(schema, schema, config))
    return words if len(words) <= MAX_LENGTH else f"{words[: MAX_LENGTH - 1].rstrip()}…"


def _parts(schema: Schema, root: Schema, config: Mapping[str, Any]) -> list[str]:
    found = []
    for key, part in schema.get("properties", {}).items():
        shape = resolve(part, root)
        value = config.get(key)
        if value in (None, "", [], {}) or value == shape.get("default"):
            continue
        found.append(_one(shape, root, shape.get("title") or key, value))
    return found


def _one(shape: Schema, root: Schema, title: str, value: Any) -> str:
    if isinstance(value, bool):
        return title if value else f"{title}: off"
    if isinstance(value, int) and (kept := durations.base(shape)):
        return f"{title}: {durations.words(value, kept)}"
    if isinstance(value, Mapping):
        return f"{title}: {', '.join(_parts(shape, root, value))}"
    if not isinstance(value, list):
        return f"{title}: {shape.get('labels', {}).get(str(value), value)}"
    item = resolve(shape.get("items", {}), root)
    shown = [_entry(item, root, one) for one in value]
    more = f" and {len(shown) - MAX_ITEMS} more" if len(shown) > MAX_ITEMS else ""
    return f"{title}: {', '.join(shown[:MAX_ITEMS])}{more}"


def _entry(item: Schema, root: Schema, value: Any) -> str:
    """One entry of a list; a quota reads "100 per minute"."""
    if not isinstance(value, Mapping):
        return str(value)
    if value.keys() == LIMIT and isinstance(value["timePeriodInMilliseconds"], int):
        return f"{value['maximumRequests']} per {_period(value['timePeriodInMilliseconds'])}"
    return " ".join(map(str, value.values())) if _is_pair(value) else ", ".join(_parts(item, root, value))


def _is_pair(value: Mapping[str, Any]) -> bool:
    return len(value) == 2 and all(isinstance(part, str) for part in value.values())


def _period(milliseconds: int) -> str:
    """ "minute", "2 hours", "1500 ms"."""
    number, unit = durations.split(milliseconds, "ms")
    if unit == "ms":
        return f"{number} ms"
    return durations.words(milliseconds, "ms").removeprefix("1 ")
