"""GraphQL schemas as their language writes them (SDL), read into types, fields and arguments."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

MOST_BYTES, MOST_TOKENS, MOST_TYPES, DEEPEST = 512 * 1024, 200_000, 3_000, 20
LONGEST_NAME = 255
SCALARS = ("Int", "Float", "String", "Boolean", "ID")
_TOKEN = re.compile(
    r"[_A-Za-z][_0-9A-Za-z]*|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.\.\.|[!$&():=@\[\]{|}]"
)
_IGNORED = re.compile(r"(?:[\s,\ufeff]+|#[^\r\n]*)+")
_TEXT = re.compile(r'"(?:[^"\\\r\n]|\\.)*"')
_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")


class Wrong(ValueError):
    """Says in which line."""


@dataclass(frozen=True)
class Type:
    """A name, or a list of another."""

    name: str = ""
    of: "Type | None" = None
    is_needed: bool = False

    @property
    def named(self) -> str:
        return self.of.named if self.of else self.name

    @property
    def table(self) -> dict[str, Any]:
        made: dict[str, Any] = {"of": self.of.table} if self.of else {"name": self.name}
        return made | ({"is_needed": True} if self.is_needed else {})


@dataclass(frozen=True)
class Argument:
    type: Type
    has_default: bool
    default: Any = None


@dataclass
class Field:
    """`directives` are their arguments' values, by name."""

    type: Type
    arguments: dict[str, Argument]
    directives: dict[str, dict[str, Any]]
    has_default: bool = False


@dataclass
class Definition:
    """Of kind scalar, type, interface, union, enum or input; `members` are types or values of it."""

    kind: str
    fields: dict[str, Field] = field(default_factory=dict)
    interfaces: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)


@dataclass
class Schema:
    """`roots` are the types of query, mutation and subscription; `directives` their arguments."""

    types: dict[str, Definition]
    roots: dict[str, str]
    directives: dict[str, dict[str, Argument]]

    @property
    def table(self) -> dict[str, Any]:
        """As the Lua scripts read it."""
        objects: dict[str, list[str]] = {}
        for name, one in self.types.items():
            for it in one.interfaces if one.kind == "type" else ():
                objects.setdefault(it, []).append(name)
        return {
            "roots": self.roots,
            "types": {name: self._type(name, one, objects) for name, one in self.types.items()},
            "directives": {name: _arguments(one) for name, one in self.directives.items()},
        }

    @staticmethod
    def _type(name: str, one: Definition, objects: Mapping[str, list[str]]) -> dict[str, Any]:
        """`objects` are the object types of each interface."""
        made: dict[str, Any] = {"kind": one.kind}
        if one.kind == "enum":
            made["values"] = dict.fromkeys(one.members, True)
        elif one.kind != "scalar":
            made["fields"] = {
                key: {"type": it.type.table, "arguments": _arguments(it.arguments)}
                for key, it in one.fields.items()
            }
        if one.kind == "input":
            made["fields"] = {
                key: {"type": it.type.table, "has_default": it.has_default} for key, it in one.fields.items()
            }
        if one.kind in ("type", "interface", "union"):
            known = {"type": [name], "union": one.members, "interface": objects.get(name, [])}
            made["possible"] = dict.fromkeys(known[one.kind], True)
        return made


def _arguments(found: Mapping[str, Argument]) -> dict[str, Any]:
    return {name: {"type": one.type.table, "has_default": one.has_default} for name, one in found.items()}


@lru_cache(16)
def read(text: str) -> Schema:
    """Raises Wrong."""
    if len(text.encode()) > MOST_BYTES:
        raise Wrong(f"the schema has more than {MOST_BYTES // 1024} KB")
    schema = _SchemaReader(text).schema()
    _check(schema)
    return schema


class _SchemaReader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._split()
        self.at = 0
        self.line = 1
        self.token = ""
        self.count = 0
        self.advance()

    def _split(self) -> Iterator[tuple[str, int]]:
        """Each token with where it begins, "" at the end. A text is a quotation mark and what follows."""
        at = 0
        while True:
            if ignored := _IGNORED.match(self.text, at):
                at = ignored.end()
            if at >= len(self.text):
                yield "", at
                return
            if self.text.startswith('"""', at):
                end = self.text.find('"""', at + 3)
                while end > 0 and self.text[end - 1] == "\\":
                    end = self.text.find('"""', end + 3)
                if end < 0:
                    raise self.wrong("a description has no end", at)
                yield f'"{self.text[at + 3 : end]}', at
                at = end + 3
            elif found := _TEXT.match(self.text, at):
                yield found[0][:-1], at
                at = found.end()
            elif found := _TOKEN.match(self.text, at):
                yield found[0], at
                at = found.end()
            else:
                raise self.wrong(f'"{self.text[at : at + 10]}" means nothing', at)

    def wrong(self, message: str, at: int | None = None) -> Wrong:
        line = self.text.count("\n", 0, self.at if at is None else at) + 1
        return Wrong(f"line {line}: {message}")

    def advance(self) -> str:
        before = self.token
        self.token, self.at = next(self.tokens)
        self.count += 1
        if self.count > MOST_TOKENS:
            raise self.wrong(f"the schema has more than {MOST_TOKENS:,} words")
        return before

    def takes(self, token: str) -> bool:
        if self.token != token:
            return False
        self.advance()
        return True

    def expect(self, token: str) -> None:
        if not self.takes(token):
            raise self.wrong(f'"{token}" is wanted before "{self.token[:40]}"')

    def name(self) -> str:
        if not _NAME.fullmatch(self.token):
            raise self.wrong(f'a name is wanted before "{self.token[:40]}"')
        if len(self.token) > LONGEST_NAME:
            raise self.wrong(f"a name has more than {LONGEST_NAME} characters")
        return self.advance()

    def described(self) -> None:
        if self.token.startswith('"'):
            self.advance()

    def schema(self) -> Schema:
        made = Schema({name: Definition("scalar") for name in SCALARS}, {}, {})
        made.directives |= {
            "skip": {"if": Argument(Type("Boolean", is_needed=True), False)},
            "include": {"if": Argument(Type("Boolean", is_needed=True), False)},
        }
        while self.token:
            self.described()
            is_more = self.takes("extend")
            kind = self.name()
            if kind == "schema":
                self.roots(made)
            elif kind == "directive":
                self.directive(made)
            elif kind in ("scalar", "type", "interface", "union", "enum", "input"):
                self.definition(made, kind, is_more=is_more)
            else:
                raise self.wrong(
                    f'"{kind[:40]}" begins nothing; a schema has types, inputs, enums and the like'
                )
        if not made.roots:
            made.roots = {
                one.lower(): one for one in ("Query", "Mutation", "Subscription") if one in made.types
            }
        return made

    def roots(self, made: Schema) -> None:
        self.directives()
        self.expect("{")
        while not self.takes("}"):
            kind = self.name()
            self.expect(":")
            made.roots[kind] = self.name()

    def directive(self, made: Schema) -> None:
        self.expect("@")
        name = self.name()
        made.directives[name] = self.arguments()
        self.takes("repeatable")
        self.expect("on")
        self.takes("|")
        self.name()
        while self.takes("|"):
            self.name()

    def definition(self, made: Schema, kind: str, *, is_more: bool) -> None:
        name = self.name()
        known = made.types.get(name)
        if known and not is_more and name not in SCALARS:
            raise self.wrong(f"{name} is described twice")
        if known and is_more and known.kind != kind:
            raise self.wrong(f"{name} is no {kind}")
        if len(made.types) > MOST_TYPES:
            raise self.wrong(f"the schema has more than {MOST_TYPES:,} types")
        one = known if known and is_more else Definition(kind)
        made.types[name] = one
        if self.takes("implements"):
            self.takes("&")
            one.interfaces.append(self.name())
            while self.takes("&"):
                one.interfaces.append(self.name())
        self.directives()
        if kind == "union" and self.takes("="):
            self.takes("|")
            one.members.append(self.name())
            while self.takes("|"):
                one.members.append(self.name())
        elif kind == "enum" and self.takes("{"):
            while not self.takes("}"):
                self.described()
                one.members.append(self.name())
                self.directives()
        elif kind in ("type", "interface", "input") and self.takes("{"):
            while not self.takes("}"):
                self.field(one)

    def field(self, one: Definition) -> None:
        self.described()
        name = self.name()
        if name in one.fields:
            raise self.wrong(f"{name} is described twice")
        arguments = self.arguments() if one.kind != "input" else {}
        self.expect(":")
        type_ = self.type()
        if has_default := one.kind == "input" and self.takes("="):
            self.value()
        one.fields[name] = Field(type_, arguments, self.directives(), has_default)

    def arguments(self) -> dict[str, Argument]:
        found: dict[str, Argument] = {}
        if not self.takes("("):
            return found
        while not self.takes(")"):
            self.described()
            name = self.name()
            self.expect(":")
            type_, has_default = self.type(), self.takes("=")
            default = self.value() if has_default else None
            self.directives()
            found[name] = Argument(type_, has_default, default)
        return found

    def type(self, depth: int = 0) -> Type:
        if depth > DEEPEST:
            raise self.wrong(f"a list has more than {DEEPEST} levels")
        if self.takes("["):
            inner = self.type(depth + 1)
            self.expect("]")
            return Type(of=inner, is_needed=self.takes("!"))
        return Type(self.name(), is_needed=self.takes("!"))

    def directives(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        while self.takes("@"):
            name = self.name()
            values = found.setdefault(name, {})
            if self.takes("("):
                while not self.takes(")"):
                    key = self.name()
                    self.expect(":")
                    values[key] = self.value()
        return found

    def value(self, depth: int = 0) -> Any:
        """Names of enums are texts."""
        if depth > DEEPEST:
            raise self.wrong(f"a value has more than {DEEPEST} levels")
        if self.takes("["):
            items = []
            while not self.takes("]"):
                items.append(self.value(depth + 1))
            return items
        if self.takes("{"):
            found = {}
            while not self.takes("}"):
                key = self.name()
                self.expect(":")
                found[key] = self.value(depth + 1)
            return found
        token = self.advance()
        if token.startswith('"'):
            return token[1:]
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        if _NAME.fullmatch(token):
            return token
        try:
            return float(token)
        except ValueError:
            raise self.wrong(f'a value is wanted before "{token[:40]}"') from None


def _check(schema: Schema) -> None:
    """Raises Wrong where a name stands for nothing."""
    if "query" not in schema.roots:
        raise Wrong("describe what can be asked for: type Query { … }")
    for kind, name in schema.roots.items():
        if kind not in ("query", "mutation", "subscription"):
            raise Wrong(f"schema: {kind[:40]} is none of query, mutation and subscription")
        if name not in schema.types or schema.types[name].kind != "type":
            raise Wrong(f"schema: there is no type {name[:80]}")
    for name, one in schema.types.items():
        for key, it in one.fields.items():
            for asked in (it.type, *(argument.type for argument in it.arguments.values())):
                if asked.named not in schema.types:
                    raise Wrong(f"{name}.{key}: there is no type {asked.named[:80]}")
        for member in (*one.interfaces, *(one.members if one.kind == "union" else ())):
            if member not in schema.types:
                raise Wrong(f"{name}: there is no type {member[:80]}")
