"""The parts of an expression: what the parser makes and the compiler reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Literal:
    value: str | float | bool


@dataclass(frozen=True)
class Array:
    items: tuple["Node", ...]


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


Node = Literal | Array | Variable | Select | Call | Binary | Not | Conditional
