"""An OpenAPI document's text as values, within bounds, and what is found in them by references."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import yaml

if yaml.__with_libyaml__:
    from yaml import CSafeLoader as _Base
else:
    from yaml import SafeLoader as _Base  # type: ignore[assignment]  # the two share no base

MOST_BYTES, MOST_VALUES, MOST_LEVELS, MOST_HOPS = 512 * 1024, 300_000, 100, 20
MOST_TEXT = 4 * MOST_BYTES
TOO_DEEP = f"the document has more than {MOST_LEVELS} levels"
_LOOKS_LIKE_JSON = re.compile(r'\s*\{\s*(?:["}]|\Z)')
Place = tuple[str | int, ...]


class Wrong(ValueError):
    """What is wrong in a document, and where."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(f"{pointer(place)}: {message}" if place else message)


def pointer(place: Place) -> str:
    """As people read it: paths./orders/{id}.get.parameters.0, at most so long."""
    text = ".".join(map(str, place))
    return text if len(text) <= 200 else f"…{text[-199:]}"


@lru_cache(8)
def load(text: str) -> Mapping[str, Any]:
    """The document. Raises Wrong."""
    if len(text.encode()) > MOST_BYTES:
        raise Wrong((), f"the document has more than {MOST_BYTES // 1024} KB; leave out what is for readers")
    try:
        found = _braced(text) if text.lstrip()[:1] == "{" else _yaml(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Wrong((), f"line {line}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError) as error:
        if isinstance(error, Wrong):
            raise
        raise Wrong((), "the document is neither JSON nor YAML that can be read") from None
    if not isinstance(found, dict):
        raise Wrong((), "write an OpenAPI document, which begins with openapi: 3.0.3")
    _check_size(found)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Wrong((), f'"{name[:80]}" is given twice')
        found[name] = value
    return found


class _Loader(_Base):
    """YAML 1.2 as OpenAPI means it: no dates, no yes and no, no merging."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key in found:
                raise yaml.MarkedYAMLError(
                    problem="a key is text" if key is None else f'"{key[:80]}" is given twice',
                    problem_mark=key_node.start_mark,
                )
            found[key] = self.construct_object(value_node, deep=deep)
        return found


for tag, expression, first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]{1,18}$", "-+0123456789"),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]{1,3})?$", "-+0123456789."),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(expression), list(first))


def _unknown(loader: Any, node: Any) -> Any:
    return loader.construct_undefined(node)


for tag in ("binary", "timestamp", "omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{tag}", _unknown)


def _number(loader: Any, node: Any) -> int | float | str:
    """`0123` is the number 123, and not an octal one."""
    text: str = node.value
    number = float(text)
    if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        return int(text)
    return number if abs(number) < float("inf") else text


for tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{tag}", _number)


def _braced(text: str) -> Any:
    """JSON, or else YAML in flow style. What is neither is told of as what it looks like.

    Raises Wrong and yaml.YAMLError.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        try:
            return _yaml(text)
        except yaml.YAMLError:
            if not _LOOKS_LIKE_JSON.match(text):
                raise
        raise Wrong((), f"line {error.lineno}, column {error.colno}: {error.msg}") from None


def _yaml(text: str) -> Any:
    # Asked of events before there are nodes: the parser in C dies of what is nested too deeply.
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_LEVELS:
            raise Wrong((), TOO_DEEP)
    return yaml.load(text, Loader=_Loader)  # noqa: S506  # a loader of plain values


def _check_size(document: Any) -> None:
    """What aliases stand for is counted each time."""
    count, size, level = 0, 0, [document]
    for _ in range(MOST_LEVELS):
        count += len(level)
        size += sum(map(_length, level))
        if count > MOST_VALUES:
            raise Wrong((), f"the document holds more than {MOST_VALUES:,} values")
        if size > MOST_TEXT:
            raise Wrong((), "the document's aliases make more than 2 MB of it")
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return
    raise Wrong((), TOO_DEEP)


def _length(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(len, value))
    return len(value) if isinstance(value, str) else 0


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


class References:
    """Finds what `$ref` means within a document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def followed(self, value: Any, place: Place) -> tuple[Any, Place]:
        """What the value stands for, if it is a reference, and where that is. Raises Wrong."""
        for _ in range(MOST_HOPS):
            if not isinstance(value, dict) or "$ref" not in value:
                return value, place
            value, place = self.target(value["$ref"], place)
        raise Wrong(place, "a reference leads to itself")

    def target(self, reference: Any, place: Place) -> tuple[Any, Place]:
        """Raises Wrong."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise Wrong(
                (*place, "$ref"), "write a reference within the document (#/components/…); none else is read"
            )
        found: Any = self.document
        steps = [unquote(one).replace("~1", "/").replace("~0", "~") for one in reference.split("/")[1:]]
        for step in steps:
            if isinstance(found, dict) and step in found:
                found = found[step]
            elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                raise Wrong((*place, "$ref"), f"there is no {reference[:120]}")
        return found, tuple(steps)
