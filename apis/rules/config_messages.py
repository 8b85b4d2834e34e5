"""What is wrong with a policy's configuration, in words for the person who fills in its form."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, get_args

import pydantic
from pydantic_core.core_schema import ErrorType

from apis.rules.config_reading import judging
from console.forms import durations
from console.forms.schema import Schema, of_model, resolve
from gateways.protocol.faults import did_you_mean, ended, fields_beside, own_words, wanted

Fault = Mapping[str, Any]


class Configurable(Protocol):
    """A policy, or another thing whose configuration a form asks for."""

    @property
    def title(self) -> str: ...

    @property
    def config(self) -> type[pydantic.BaseModel]: ...


_PYDANTICS_OWN = frozenset(get_args(ErrorType))
_BOUNDS = {
    "greater_than_equal": "Write {ge} or more.",
    "greater_than": "Write more than {gt}.",
    "less_than_equal": "Write {le} or less.",
    "less_than": "Write less than {lt}.",
    "literal_error": "{value} is not one of {expected}.",
    "enum": "{value} is not one of {expected}.",
}


def messages(policy: Configurable, error: pydantic.ValidationError) -> dict[str, list[str]]:
    """By "config.<path>". A value that may be a secret is not repeated."""
    return of_faults(policy, judging.faults(error))


def of_faults(policy: Configurable, faults: Iterable[Fault]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fault in faults:
        path = ".".join(("config", *map(str, fault["loc"])))
        found.setdefault(path, []).append(_message(policy, fault))
    return found


def _message(policy: Configurable, fault: Fault) -> str:
    kind, text = fault["type"], str(fault["msg"])
    if kind == "missing":
        return f'"{_title(policy, fault["loc"])}" is required.'
    if kind == "extra_forbidden":
        return _unknown(policy, fault["loc"])
    kept = durations.base(_schema(policy, fault["loc"]))
    if kind in _BOUNDS:
        bounds = {name: _bound(one, kept) for name, one in fault["ctx"].items()}
        return _BOUNDS[kind].format(value=_value(policy, fault), **bounds)
    if kept and kind == "int_parsing":
        return f"{_value(policy, fault)} is not a whole number of {durations.LABELS[kept]}."
    if what := wanted(kind):
        return f"{_value(policy, fault)} is not {what}."
    text = own_words(text)
    return _sentence(text.replace("Input", "The value") if kind in _PYDANTICS_OWN else text)


def _bound(value: Any, kept: str) -> Any:
    """As people write it: a duration with its unit, and 0 rather than 0.0."""
    if kept:
        return durations.words(value, kept)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _title(policy: Configurable, loc: Sequence[int | str]) -> str:
    """What the form calls the parameter."""
    return str(_schema(policy, loc).get("title") or (loc[-1] if loc else policy.title))


def _schema(policy: Configurable, loc: Sequence[int | str]) -> Schema:
    """The schema of the parameter at this place."""
    schema = root = of_model(policy.config)
    for part in loc:
        inside = (
            schema.get("items", {}) if isinstance(part, int) else schema.get("properties", {}).get(part, {})
        )
        schema = resolve(inside, root)
    return schema


def _unknown(policy: Configurable, loc: Sequence[int | str]) -> str:
    remedy = did_you_mean(str(loc[-1]), fields_beside(policy.config, tuple(loc)))
    return f'"{loc[-1]}" is not a parameter of {policy.title}{remedy or "; take it out."}'


def _value(policy: Configurable, fault: Fault) -> str:
    value = fault.get("input")
    is_shown = isinstance(value, str | int | float) and not _is_secret(policy, fault)
    return f'"{value}"' if is_shown else "The value"


def _sentence(text: str) -> str:
    """A catalog's message as a form shows it."""
    return f"{text[:1].upper()}{ended(text[1:])}"


def _is_secret(policy: Configurable, fault: Fault) -> bool:
    """Whether the value at fault may be secret, since a secret of the policy has that name."""
    schema = of_model(policy.config)
    shapes = [schema, *schema.get("$defs", {}).values()]
    last = next((part for part in reversed(fault["loc"]) if isinstance(part, str)), "")
    return any(shape.get("properties", {}).get(last, {}).get("writeOnly") for shape in shapes)
