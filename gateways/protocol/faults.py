"""What is wrong with a resource, said so that its author can mend it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateways.protocol.resources import AnyResource

Path = tuple[str | int, ...]

_WANTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "an object",
    "mapping": "an object",
    "model": "an object",
}
"""By how the types of pydantic's mistakes begin: "int_parsing", "tuple_type" and so on."""
_MOST_REMEDIES = 20
"""Of so many mistakes the field that may have been meant is looked for."""
_IN_YAML = {"text": "text; put it in quotes", "an object": "a mapping of names to values"}


@dataclass(frozen=True)
class Fault:
    """`path` leads to the field inside the resource's document, such as ("spec", "rules", 0, "path")."""

    kind: str
    namespace: str
    name: str
    path: Path
    message: str
    is_warning: bool = False

    @property
    def field(self) -> str:
        return dotted(self.path)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.field}: {self.message}"


class Faulty(ValueError):
    """Raised with the faults of one resource."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def fault(resource: AnyResource, path: Path, message: str, *, is_warning: bool = False) -> Fault:
    return Fault(resource.kind, *resource.key, path, message, is_warning)


def dotted(path: Path) -> str:
    """spec.rules[0].path"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def explained(error: ValidationError, shape: Any = None) -> Iterator[tuple[Path, str]]:
    """Each mistake as (path, message), without the input, which may be a secret.

    `shape` is the model, or the annotation, that was to be read: a misspelt field is told what it may be.
    """
    for index, mistake in enumerate(error.errors(include_url=False)):
        path = tuple(part for part in mistake["loc"] if part != "[key]")
        if mistake["type"] in ("union_tag_invalid", "union_tag_not_found"):
            path = (*path, "kind")
        many = isinstance(mistake["input"], list | tuple | dict)
        remedy = _remedy(mistake, path, shape) if index < _MOST_REMEDIES else ""
        yield path, _message(mistake["type"], mistake["msg"], many) + remedy


def fields_beside(shape: Any, path: Path) -> list[str]:
    """The names that fields may have where this one stands, in a model or in what an annotation holds."""
    models = list(_models(shape))
    for part in path[:-1]:
        inside = [
            inner
            for model in models
            for name, info in model.model_fields.items()
            if part in (name, info.alias)
            for inner in _models(info.annotation)
        ]
        # Otherwise it is a place in a list, a key of a mapping, or which model of several was read.
        models = inside or [model for model in models if model.__name__ == part] or models
    return [info.alias or name for model in models for name, info in model.model_fields.items()]


def _remedy(mistake: ErrorDetails, path: Path, shape: Any) -> str:
    if mistake["type"] == "union_tag_invalid":
        told = mistake["ctx"]
        return did_you_mean(str(told["tag"]), str(told["expected_tags"]).replace("'", "").split(", "))
    if mistake["type"] == "extra_forbidden":
        return did_you_mean(str(path[-1]), fields_beside(shape, path)) or "; check its spelling"
    return ""


def _models(shape: Any) -> Iterator[type[BaseModel]]:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        yield shape
    for inner in get_args(shape):
        yield from _models(inner)


def first(error: ValidationError) -> str:
    """The first mistake of a message between programs, with its place; the input is not repeated."""
    path, message = next(explained(error))
    return f"{dotted(path) or 'body'}: {message}"


def wanted(kind: str) -> str | None:
    """What a value should have been, such as "a whole number", where a mistake of this kind is about that."""
    is_about_type = kind.endswith(("_type", "_parsing", "_from_float"))
    return _WANTED.get(kind.partition("_")[0]) if is_about_type else None


def own_words(message: str) -> str:
    """The message of a check of ours, without what pydantic puts before it."""
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def ended(text: object) -> str:
    """As a sentence, which ends with one sign."""
    said = str(text)
    return said if said.endswith((".", "?", "!")) else f"{said}."


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """ "; did you mean X?", or nothing."""
    close = get_close_matches(name, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def _message(kind: str, message: str, is_of_many: bool) -> str:
    if kind == "string_type" and is_of_many:
        return "must be one text, not several values"
    if kind == "extra_forbidden":
        return "there is no such field"
    if kind == "union_tag_invalid":
        return f"is not one of {message.rpartition(': ')[2]}"
    if kind in ("missing", "union_tag_not_found"):
        return "is missing"
    if what := wanted(kind):
        return f"must be {_IN_YAML.get(what, what)}"
    message = own_words(message)
    return message[:1].lower() + message[1:]
