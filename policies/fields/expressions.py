"""The pydantic type of a field that takes text or an expression."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from policies.expression import lua
from policies.expression.context import REQUEST, RESPONSE, Context
from policies.expression.nodes import Literal, Node
from policies.expression.parser import CLOSE, OPEN, ExpressionError, is_expression, parse

_MEMBER = re.compile(r"\[?\s*(attributes|authentication|vars)\s*[.\[]")


@dataclass(frozen=True)
class Expression:
    """What the user wrote, and what it means. Text outside #[ ] means itself."""

    text: str
    node: Node
    is_of_request: bool = True

    @classmethod
    def read(cls, text: str, context: Context) -> "Expression":
        """Raises ExpressionError."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ExpressionError("the text has half of a character", text, error.start) from None
        node = _parsed(text, context) if is_expression(text) else Literal(text)
        return cls(text, node, context is REQUEST)

    @property
    def constant(self) -> str | None:
        """The value, when it is the same for every request."""
        return (
            self.node.value if isinstance(self.node, Literal) and isinstance(self.node.value, str) else None
        )

    @property
    def lua(self) -> lua.Source:
        """A Lua function from the stream's handle to the value."""
        return lua.function(self.node)

    def __str__(self) -> str:
        return self.text


def marked(text: str) -> str:
    """The expression that a text without its marks was meant to be; "" where it looks like none."""
    if not _MEMBER.match(text):
        return ""
    return f"{OPEN}{text[1:-1] if text[0] == '[' else text}{CLOSE}"


def written(text: str, usual: str = "client_id") -> str:
    """What somebody wrote as a text, written as an expression: of a header's name that header, of what looks
    like an expression itself; else the header that is usual.
    """
    if meant := marked(text):
        return meant
    name = text if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", text) else usual
    return f"{OPEN}attributes.headers['{name}']{CLOSE}"


@lru_cache(4096)
def _parsed(text: str, context: Context) -> Node:
    """A configuration is read several times on its way, by the console and by each gateway."""
    return parse(text, context)


@dataclass(frozen=True)
class Evaluated:
    """Marks an Expression field with the moment of its evaluation."""

    context: Context

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        moment = {} if self.context is REQUEST else {"moment": self.context.name}
        return {"type": "string", "format": "dataweave", **moment}

    def read(self, value: Any) -> Expression:
        if isinstance(value, Expression):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError(
                "expression_type", "must be text or an expression in #[ ]; put it in quotes"
            )
        try:
            return Expression.read(value, self.context)
        except ExpressionError as error:
            raise PydanticCustomError(
                "expression",
                "line {line}, column {column}: {reason}",
                {"line": error.line, "column": error.column, "offset": error.offset, "reason": error.reason},
            ) from None


RequestExpression = Annotated[Expression, Evaluated(REQUEST)]
ResponseExpression = Annotated[Expression, Evaluated(RESPONSE)]
