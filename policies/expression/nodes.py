"""The parts of an expression: what the parser makes and the compiler reads."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import cast


@dataclass(frozen=True)
class Literal:
    value: str | float | bool


@dataclass(frozen=True)
class Array:
    items: tuple["Node", ...]


@dataclass(frozen=True)
class Object:
    """`keys` and `values` in the same order."""

    keys: tuple[str, ...]
    values: tuple["Node", ...]


@dataclass(frozen=True)
class Variable:
    """What the request or the response offers, by its full name: `attributes.method`, `vars`."""

    name: str


@dataclass(frozen=True)
class Select:
    """`of[key]` or `of.key`: an entry of an array, an object or a string; null when there is none."""

    of: "Node"
    key: "Node"


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Binary:
    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Not:
    of: "Node"


@dataclass(frozen=True)
class Conditional:
    condition: "Node"
    then: "Node"
    otherwise: "Node"


Node = Literal | Array | Object | Variable | Select | Call | Binary | Not | Conditional


GIVEN = frozenset(("authentication", "vars"))
"""Variables that have a value only where a policy has given them one."""
_SAID = ("attributes.headers", "attributes.queryParams", "attributes.queryString", "attributes.requestUri")
_TOLD_BY_GATEWAY = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
"""Headers in which the gateway writes what it knows itself, unless a trusted proxy said it."""


def parts(node: Node) -> Iterator[Node]:
    """The node and all that it is made of."""
    yield node
    for field in fields(node):
        value = getattr(node, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part):
                yield from parts(cast(Node, part))


def needed(node: Node) -> frozenset[str]:
    """The variables in the node that another policy must have given a value."""
    return frozenset(part.name for part in parts(node) if isinstance(part, Variable) and part.name in GIVEN)


def said_by_caller(node: Node) -> str:
    """The first thing in the node whose value callers choose as they like, by its name; "" for none."""
    keys = {id(part.of): part.key for part in parts(node) if isinstance(part, Select)}
    for part in parts(node):
        if not isinstance(part, Variable) or part.name not in _SAID:
            continue
        key = keys.get(id(part))
        name = key.value if isinstance(key, Literal) else ""
        if part.name == "attributes.headers" and str(name).lower() in _TOLD_BY_GATEWAY:
            continue
        return f"{part.name}['{name}']" if name else part.name
    return ""
