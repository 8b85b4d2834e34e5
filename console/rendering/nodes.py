"""Nodes of templates that show what Django's own do, with what can be known before worked out once."""

import operator
from collections.abc import Callable
from html import escape
from typing import Any, cast

from django.template import Context, VariableDoesNotExist
from django.template.base import Node, NodeList, TextNode, VariableNode, render_value_in_context
from django.template.defaulttags import IfNode, TemplateLiteral
from django.utils.safestring import SafeString

from console.rendering.expressions import Expression

Test = Callable[[Context], Any]
Show = Callable[[Context], str]
EMPTY = Context()

_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "in": lambda one, other: one in other,
    "not in": lambda one, other: one not in other,
    "is": operator.is_,
    "is not": operator.is_not,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def quick(node: Node) -> Node:
    """In the place of this one; one of which there is no quicker is itself."""
    if type(node) is VariableNode and isinstance(node.filter_expression, Expression):
        return QuickVariableNode(node.filter_expression)
    if type(node) is IfNode:
        return QuickIfNode(node.conditions_nodelists)
    return node


class QuickVariableNode(VariableNode):
    filter_expression: Expression

    def render_annotated(self, context: Context) -> str:
        try:
            value = self.filter_expression.resolve(context)
        except UnicodeDecodeError:
            return ""
        kind = type(value)
        if kind is SafeString:
            return value
        if kind is str:
            return escape(value) if context.autoescape else value
        # Where numbers are written as Python writes them; what has an exponent is not.
        if kind is int:
            return str(value)
        if kind is float and "e" not in (text := repr(value)):
            return text
        return render_value_in_context(value, context)

    render = render_annotated


class QuickIfNode(IfNode):
    """Its conditions are functions, and a branch that is text alone is that text."""

    def __init__(self, conditions_nodelists: Any) -> None:
        super().__init__(conditions_nodelists)
        self.branches = [
            (None if condition is None else _test(condition), _shown(nodelist))
            for condition, nodelist in conditions_nodelists
        ]

    def render_annotated(self, context: Context) -> str:
        for test, show in self.branches:
            try:
                is_met = test is None or test(context)
            except VariableDoesNotExist:
                continue
            if is_met:
                return show(context)
        return ""

    render = render_annotated


def _shown(nodelist: NodeList) -> Show:
    if all(isinstance(one, TextNode) for one in nodelist):
        text = SafeString("".join(one.render(EMPTY) for one in nodelist))
        return lambda context: text
    return nodelist.render


def _test(token: Any) -> Test:
    """A comparison that fails is not met, as what cannot be found is nothing."""
    if isinstance(token, TemplateLiteral):
        resolve = cast(Expression, token.value).resolve
        return lambda context: resolve(context, True)
    if token.id == "not":
        return _reversed(_test(token.first))
    if token.id in ("and", "or"):
        return _joined(_test(token.first), _test(token.second), token.id == "and")
    if token.id in _COMPARED:
        return _compared(_test(token.first), _test(token.second), _COMPARED[token.id])
    return cast(Test, token.eval)


def _reversed(test: Test) -> Test:
    def met(context: Context) -> Any:
        try:
            return not test(context)
        except Exception:
            return False

    return met


def _joined(one: Test, other: Test, is_both: bool) -> Test:
    def both(context: Context) -> Any:
        try:
            return one(context) and other(context)
        except Exception:
            return False

    def either(context: Context) -> Any:
        try:
            return one(context) or other(context)
        except Exception:
            return False

    return both if is_both else either


def _compared(one: Test, other: Test, compare: Callable[[Any, Any], Any]) -> Test:
    def met(context: Context) -> Any:
        try:
            return compare(one(context), other(context))
        except Exception:
            return False

    return met
