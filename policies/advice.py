"""What is sound in a policy's configuration and probably not meant, by field."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from policies import repeats
from policies.expression import nodes
from policies.expression.parser import CLOSE, OPEN
from policies.fields.expressions import Expression, marked
from policies.policy import Policy, PolicyConfig
from policies.traits import Advice

_HOLDERS = Expression, BaseModel, list, tuple


def advice(policy: Policy[Any], config: PolicyConfig) -> list[Advice]:
    """Of what every policy has in common, and of this one's own."""
    own = list(policy.advice(config))
    # Of its own document the console fills in what there is, whatever the configuration says.
    known = {policy.own_document, *(one.field for one in own)}
    return [*(one for one in _of(config, ()) if one.field not in known), *own]


def _of(value: Any, path: tuple[str, ...]) -> Iterator[Advice]:
    if isinstance(value, Expression):
        if message := _looks_like_one(value.text):
            yield Advice(".".join(path), message)
    elif isinstance(value, BaseModel):
        for name, alias, when in _fields(type(value)):
            held = getattr(value, name)
            if message := _of_field(value, name, when):
                yield Advice(".".join((*path, alias)), message)
            if isinstance(held, _HOLDERS):
                yield from _of(held, (*path, alias))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _of(item, (*path, str(index)))


def _of_field(model: BaseModel, name: str, when: Mapping[str, Any] | None) -> str:
    return (
        (when and _idle(model, name, when))
        or _same_for_all(model, name)
        or repeats.of_field(type(model).model_fields[name], getattr(model, name))
    )


@cache
def _fields(model: type[BaseModel]) -> list[tuple[str, str, Mapping[str, Any] | None]]:
    """(name, the name that users write, `when` of its schema) of each field."""
    found: list[tuple[str, str, Mapping[str, Any] | None]] = []
    for name, info in model.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        when = extra.get("when")
        found.append((name, info.alias or name, when if isinstance(when, dict) else None))
    return found


def _idle(model: BaseModel, name: str, when: Mapping[str, Any]) -> str:
    """Why a field that was set does nothing: its schema's `when` asks a neighbour for another value."""
    if name not in model.model_fields_set or _is_usual(model, name):
        return ""
    for key, values in when.items():
        neighbour, other = next(
            (one, it) for one, it in type(model).model_fields.items() if key in (it.alias, one)
        )
        if isinstance(values, list) and getattr(model, neighbour) not in values:
            return f'does nothing while "{other.title or key}" is {_said(other, getattr(model, neighbour))}'
    return ""


def _is_usual(model: BaseModel, name: str) -> bool:
    """Whether it is what stands there where nobody says anything, as a form sends it of a hidden field."""
    value, usual = getattr(model, name), type(model).model_fields[name].default
    return bool(value == usual or (isinstance(value, Expression) and value.text == usual))


def _same_for_all(model: BaseModel, name: str) -> str:
    """Why a field tells no request from another, though it is an expression where nobody says otherwise."""
    value, usual = getattr(model, name), type(model).model_fields[name].default
    if not isinstance(value, Expression) or not (isinstance(usual, str) and usual.startswith(OPEN)):
        return ""
    if nodes.varies(value.node) or nodes.truth(value.node) is not None or _looks_like_one(value.text):
        return ""
    return f"is one text for all requests; an expression is written {usual}"


def _said(field: FieldInfo, value: Any) -> str:
    """As the form has it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    labels = extra.get("labels")
    return f'"{labels[value]}"' if isinstance(labels, dict) and value in labels else str(value)


def _looks_like_one(text: str) -> str:
    """What is wrong with a text that means itself and seems to be meant otherwise; "" where it does not."""
    text = text.strip()
    if text.startswith(OPEN):
        return ""
    if OPEN in text:
        before, _, rest = text.partition(OPEN)
        inner = rest.rpartition(CLOSE)[0] or rest
        return f"is taken as it is, {OPEN} and all; write {OPEN}'{before}' ++ {inner}{CLOSE}"
    meant = marked(text)
    return f"is a text; write {meant}" if meant else ""
