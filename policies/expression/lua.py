"""Turns values and expressions into Lua source that Envoy's LuaJIT runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.expression.nodes import (
    Array,
    Binary,
    Call,
    Conditional,
    Literal,
    Node,
    Not,
    Object,
    Select,
    Variable,
    needed,
)

RUNTIME = Path(__file__).with_name("runtime.lua").read_text()
"""The functions that compiled expressions call; it makes the one local `dw`."""


@dataclass(frozen=True)
class Source:
    """Lua that stands as it is. `needs` names the variables it reads that other policies give values to."""

    text: str
    needs: frozenset[str] = frozenset()


Value = Source | None | bool | int | float | str | bytes | Sequence["Value"] | Mapping[str, "Value"]

OPERATORS = {
    "==": "equal",
    "!=": "unequal",
    "<": "less",
    ">": "greater",
    "<=": "at_most",
    ">=": "at_least",
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
}

_ESCAPED = {byte: f"\\{byte:03d}" for byte in range(256) if byte in b'"\\' or not 32 <= byte < 127}


def literal(value: Value) -> str:
    """The Lua literal of a value: mappings and sequences become tables, text its UTF-8 bytes."""
    match value:
        case Source(text=text):
            return text
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(int(value)) if value == int(value) else repr(value)
        case str():
            return literal(value.encode())
        case bytes():
            return '"' + value.decode("latin-1").translate(_ESCAPED) + '"'
        case Mapping():
            return "{" + ", ".join(f"[{literal(key)}] = {literal(item)}" for key, item in value.items()) + "}"
        case Sequence():
            return "{" + ", ".join(literal(item) for item in value) + "}"


def function(node: Node) -> Source:
    """A Lua function from the stream's handle to the expression's value; it needs RUNTIME before it."""
    return Source(f"function(handle) return {_source(node)} end", needed(node))


def _source(node: Node) -> str:
    match node:
        case Literal(value):
            return literal(value)
        case Array(items):
            return f"dw.array({', '.join([str(len(items)), *map(_source, items)])})"
        case Object(keys, values):
            entries = zip(keys, values, strict=True)
            return "{" + ", ".join(f"[{literal(key)}] = {_source(value)}" for key, value in entries) + "}"
        case Variable(name):
            return f"dw.{name.removeprefix('attributes.')}(handle)"
        case Select(Variable(name="attributes.headers" | "attributes.queryParams" as name), key):
            return f"dw.{name.removeprefix('attributes.')}(handle, {_source(key)})"
        case Select(of, key):
            return f"dw.select({_source(of)}, {_source(key)})"
        case Call("++", (left, right)):
            return f"dw.concat({_source(left)}, {_source(right)})"
        case Call(name, arguments):
            return f"dw.{name}({', '.join(map(_source, arguments))})"
        case Not(of):
            return f"(not dw.boolean({_source(of)}))"
        case Binary("and" | "or" as operator, left, right):
            return f"(dw.boolean({_source(left)}) {operator} dw.boolean({_source(right)}))"
        case Binary("default", left, right):
            value = f"local value = {_source(left)} if value == nil then return {_source(right)} end"
            return f"(function() {value} return value end)()"
        case Binary(operator, left, right):
            return f"dw.{OPERATORS[operator]}({_source(left)}, {_source(right)})"
        case Conditional(condition, then, otherwise):
            test = f"if dw.boolean({_source(condition)}) then return {_source(then)} end"
            return f"(function() {test} return {_source(otherwise)} end)()"
