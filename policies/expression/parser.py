"""Reads the text of an expression into nodes, or says where it cannot."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from policies.expression.context import AUTHENTICATION, FUNCTIONS, KEYED, Context
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
)

OPEN, CLOSE = "#[", "]"
MAX_CHARACTERS = 4096
"""Of an expression with its #[ ]; a longer one is a program, and reading it would take a while."""
MAX_DEPTH = 60
"""Levels of nesting. Lua's own compiler stops at 200, and a level here can be three there."""

MAX_DIGITS = 15
"""As many as a 64-bit float keeps."""

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
LOOSE = frozenset(("comparison", "conjunction", "disjunction", "negation"))
"""What must stand in parentheses beside an infix function, so that nobody has to know which binds tighter."""


class ExpressionError(ValueError):
    """An expression outside the subset. `offset` counts characters of the whole text, from 0."""

    def __init__(self, reason: str, text: str, offset: int) -> None:
        self.reason = reason
        self.offset = offset
        self.line = text.count("\n", 0, offset) + 1
        self.column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        super().__init__(f"line {self.line}, column {self.column}: {reason}")


def is_expression(text: str) -> bool:
    """Whether the text asks to be evaluated; any other text means itself."""
    return text.strip().startswith(OPEN)


def parse(text: str, context: Context) -> Node:
    """The nodes of "#[...]". Raises ExpressionError."""
    start = text.index(OPEN) + len(OPEN)
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"the expression has {len(text)} characters and may have {MAX_CHARACTERS}", text, start
        )
    if not text.rstrip().endswith(CLOSE):
        raise ExpressionError(f'the expression has no end; close it with "{CLOSE}"', text, len(text.rstrip()))
    # Blanks keep every position as it is in the whole text.
    inner = " " * start + text.rstrip()[start : -len(CLOSE)]
    if not inner.strip():
        raise ExpressionError("the expression is empty", text, start)
    try:
        tree = _grammar().parse(inner)
    except UnexpectedInput as error:
        raise _unexpected(error, text) from None
    if _depth(tree) > MAX_DEPTH:
        raise ExpressionError("the expression is nested too deeply", text, start)
    return _Builder(text, context).build(tree)


@cache
def _grammar() -> Lark:
    source = Path(__file__).with_name("grammar.lark").read_text()
    return Lark(source, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _depth(tree: Tree[Token]) -> int:
    deepest, level = 0, [tree]
    while level:
        deepest += 1
        level = [child for tree in level for child in tree.children if isinstance(child, Tree)]
    return deepest


def _unexpected(error: UnexpectedInput, text: str) -> ExpressionError:
    end = len(text.rstrip()) - len(CLOSE)
    if isinstance(error, UnexpectedCharacters):
        offset = error.pos_in_stream or 0
        character = text[offset]
        if character in "\"'":
            return ExpressionError(f"the string that starts here has no closing {character}", text, offset)
        return ExpressionError(f'"{character}" is not part of the expression language', text, offset)
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return ExpressionError(f'"{error.token}" is not expected here', text, error.token.start_pos or 0)
    return ExpressionError("the expression ends too early", text, end)


@dataclass(frozen=True)
class _Builder:
    text: str
    context: Context

    def build(self, tree: Tree[Token]) -> Node:
        parts = [part for part in tree.children if isinstance(part, Tree)]
        tokens = [part for part in tree.children if isinstance(part, Token)]
        match tree.data:
            case "group":
                return self.build(parts[0])
            case "true" | "false":
                return Literal(tree.data == "true")
            case "number":
                return self.number(tokens[0])
            case "string":
                return Literal(self.string(tokens[0]))
            case "array":
                return Array(tuple(self.build(part) for part in parts))
            case "object":
                return self.object(tree, parts)
            case "name" | "member" | "index":
                return self.selection(tree)
            case "call":
                return self.call(tokens[0], parts)
            case "named" | "concatenation" | "default":
                return self.infix(tree, tokens, parts)
            case "conditional":
                return Conditional(*(self.build(part) for part in parts))
            case "negation":
                return Not(self.build(parts[0]))
            case "signed":
                return Binary(str(tokens[0]), Literal(0.0), self.build(parts[0]))
            case "conjunction" | "disjunction":
                operator = "and" if tree.data == "conjunction" else "or"
                return Binary(operator, self.build(parts[0]), self.build(parts[1]))
        if tree.data == "comparison":
            self.refuse_loose(parts, str(tokens[0]), frozenset(("negation",)))
        return Binary(str(tokens[0]), self.build(parts[0]), self.build(parts[1]))

    def object(self, tree: Tree[Token], parts: list[Tree[Token]]) -> Node:
        if not self.context.is_script:
            raise self.error('"{" is not part of what can be written here', tree)
        tokens = [_token(part.children[0]) for part in parts]
        keys = [self.string(one) if one.type == "STRING" else str(one) for one in tokens]
        for key, token in zip(keys, tokens, strict=True):
            if keys.count(key) > 1:
                raise self.error(f'"{key}" is given twice', token)
        inner = [part.children[1] for part in parts]
        return Object(tuple(keys), tuple(self.build(one) for one in inner if isinstance(one, Tree)))

    def infix(self, tree: Tree[Token], tokens: list[Token], parts: list[Tree[Token]]) -> Node:
        word = {"concatenation": "++", "default": "default"}.get(tree.data) or str(tokens[0])
        if tree.data == "named" and FUNCTIONS.get(word) != 2:
            infix = [name for name, arguments in FUNCTIONS.items() if arguments == 2]
            raise self.unknown_function(tokens[0], "an infix function", infix)
        self.refuse_loose(parts, word, LOOSE)
        left, right = (self.build(part) for part in parts)
        return Binary("default", left, right) if word == "default" else Call(word, (left, right))

    def call(self, name: Token, parts: list[Tree[Token]]) -> Node:
        if name not in FUNCTIONS:
            raise self.unknown_function(name, "a function", list(FUNCTIONS))
        if len(parts) != FUNCTIONS[name]:
            takes = f"{FUNCTIONS[name]} argument{'' if FUNCTIONS[name] == 1 else 's'}"
            raise self.error(f"{name} takes {takes}, not {len(parts)}", name)
        return Call(str(name), tuple(self.build(part) for part in parts))

    def selection(self, tree: Tree[Token]) -> Node:
        """A variable, perhaps with selectors behind it, or selectors behind any other value."""
        chain: list[Tree[Token]] = []
        while tree.data in ("member", "index"):
            chain.insert(0, tree)
            tree = tree.children[0]  # type: ignore[assignment]  # a selector's first child is what it selects from
        node: Node
        if tree.data == "name":
            node, used = self.variable(tree, chain)
            chain = chain[used:]
        else:
            node = self.build(tree)
        for selector in chain:
            node = Select(node, self.key(selector))
        return node

    def variable(self, tree: Tree[Token], chain: list[Tree[Token]]) -> tuple[Variable, int]:
        """The variable and how many of its selectors belong to its name."""
        name = _token(tree.children[0])
        if name == "vars":
            return Variable("vars"), 0
        if name == "payload" and self.context.is_script:
            return Variable("payload"), 0
        if name == "payload":
            raise self.error("payload cannot be read by this policy", name)
        if name == "null":
            raise self.error('null cannot be written here; use "default" to replace a missing value', name)
        if name not in ("attributes", "authentication"):
            raise self.error(f'"{name}" is not a variable{self.header_hint(name)}', name)
        key = self.key(chain[0]) if chain else None
        if not isinstance(key, Literal) or not isinstance(key.value, str):
            raise self.error(
                f"{name} must be followed by a member, such as {name}.{self.example(name)}", name
            )
        if name == "authentication":
            self.check_member(chain[0], name, key.value, AUTHENTICATION)
            return Variable("authentication"), 0
        self.check_member(chain[0], name, key.value, self.context.attributes)
        full = f"{name}.{key.value}"
        if full in KEYED and (len(chain) == 1 or not self.may_be_text(self.key(chain[1]))):
            raise self.error(f"{full} must be followed by a key, such as {full}['name']", name)
        return Variable(full), 1

    def may_be_text(self, key: Node) -> bool:
        return not isinstance(key, Array) and (not isinstance(key, Literal) or isinstance(key.value, str))

    def check_member(self, selector: Tree[Token], name: str, member: str, known: frozenset[str]) -> None:
        if member not in known:
            close = get_close_matches(member, known, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"one of {', '.join(sorted(known))}."
            where = f" of a {self.context.name}" if name == "attributes" else ""
            raise self.error(f'{name} has no member "{member}"{where}; {hint}', selector.children[1])

    def key(self, selector: Tree[Token]) -> Node:
        key = selector.children[1]
        if isinstance(key, Tree):
            return self.build(key)
        return Literal(self.string(key) if key.type == "STRING" else str(key))

    def number(self, token: Token) -> Literal:
        if len(token) > MAX_DIGITS:
            raise self.error(f"a number has {MAX_DIGITS} digits at most; write text in quotes", token)
        return Literal(float(token))

    def string(self, token: Token) -> str:
        def unescaped(match: re.Match[str]) -> str:
            escape, dollar = match.groups()
            if dollar:
                raise ExpressionError(
                    "a string cannot hold an expression; join with ++, or write \\$ for a dollar sign",
                    self.text,
                    (token.start_pos or 0) + 1 + match.start(),
                )
            if escape.startswith("u"):
                return chr(int(escape[1:], 16))
            return ESCAPES.get(escape, escape)

        text = re.sub(r"\\(u[0-9a-fA-F]{4}|.)|(\$[(A-Za-z_])", unescaped, token[1:-1], flags=re.DOTALL)
        try:
            # Characters beyond U+FFFF are written as two escapes.
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self.error("the string has half of an escaped character", token) from None

    def refuse_loose(self, parts: list[Tree[Token]], word: str, loose: frozenset[str]) -> None:
        for part in parts:
            if part.data in loose:
                raise self.error(f'write what stands beside "{word}" in parentheses', part)

    def unknown_function(self, name: Token, kind: str, known: list[str]) -> ExpressionError:
        close = get_close_matches(name, known, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else f"; one of {', '.join(known)}."
        return self.error(f'"{name}" is not {kind}{hint}', name)

    def header_hint(self, name: Token) -> str:
        if (name.start_pos or 0) > 0 and self.text[(name.start_pos or 0) - 1] == "-":
            return "; write a name that holds a hyphen as ['x-name']"
        return "; use attributes, authentication or vars, or put text in quotes"

    def example(self, name: str) -> str:
        return "principal" if name == "authentication" else "headers['name']"

    def error(self, reason: str, at: Token | Tree[Token]) -> ExpressionError:
        offset = at.start_pos if isinstance(at, Token) else at.meta.start_pos
        return ExpressionError(reason, self.text, offset or 0)


def _token(part: Token | Tree[Token]) -> Token:
    assert isinstance(part, Token)
    return part
