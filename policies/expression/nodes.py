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


def varies(node: Node) -> bool:
    """Whether its value may be another one for the next request."""
    return any(isinstance(one, Variable) or one == Call("uuid", ()) for one in parts(node))


def truth(node: Node) -> bool | None:
    """What a condition gives for every request; None where that depends on it, or is no boolean."""
    match node:
        case Literal(bool() as value):
            return value
        case Not(of):
            return None if (inner := truth(of)) is None else not inner
        case Binary("and" | "or" as operator, left, right):
            sides, decisive = (truth(left), truth(right)), operator == "or"
            return decisive if decisive in sides else None if None in sides else not decisive
        case Binary("==" | "!=" as operator, Literal(left), Literal(right)) if type(left) is type(right):
            return (left == right) == (operator == "==")
        case Conditional(condition, then, otherwise):
            if (chosen := truth(condition)) is not None:
                return truth(then if chosen else otherwise)
            return truth(then) if truth(then) == truth(otherwise) else None
    return None


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
