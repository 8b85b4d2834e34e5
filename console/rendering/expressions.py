"""What stands between braces in a template, `row.api.label|default:"–"`: looked up as Django does, sooner.

Django asks each value on the way anew whether it has items, by trying, and each filter what it expects.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

from django.template import Context, VariableDoesNotExist
from django.template.base import FilterExpression, Parser, Variable
from django.utils import timezone
from django.utils.functional import SimpleLazyObject, empty
from django.utils.safestring import SafeData, mark_safe

Look = Callable[[Context], Any]

_BY_NUMBER_ALONE = (None, tuple.__getitem__, list.__getitem__, str.__getitem__)
_without_items: set[type] = set()
"""Types whose values have attributes alone, or items that no name leads to."""


class Expression(FilterExpression):
    """`look` finds the value before its filters, `steps` are those."""

    __slots__ = ("look", "steps")

    def __init__(self, token: str, parser: Parser) -> None:
        super().__init__(token, parser)
        self.look: Look | None = look_for(self.var) if isinstance(self.var, Variable) else None
        self.steps = [_step(function, args) for function, args in self.filters]

    def resolve(self, context: Context, ignore_failures: bool = False) -> Any:
        if self.look is None:
            found = self.var
        else:
            try:
                found = self.look(context)
            except VariableDoesNotExist:
                found = None if ignore_failures else ""
        for step in self.steps:
            found = step(found, context)
        return found


def look_for(variable: Variable) -> Look:
    """What is not found is a VariableDoesNotExist."""
    if variable.lookups is None or variable.translate:
        return variable.resolve
    first, *rest = variable.lookups

    def look(context: Context) -> Any:
        for layer in reversed(context.dicts):
            if first in layer:
                found = layer[first]
                break
        else:
            # Such as an attribute of the context itself: seldom, and Django knows.
            return variable.resolve(context)
        if callable(found):
            found = _called(found)
        for bit in rest:
            kind = type(found)
            try:
                if kind is SimpleLazyObject:
                    found = _unwrapped(found)
                    kind = type(found)
                if kind in _without_items or _has_no_items(kind):
                    found = getattr(found, bit)
                elif kind is dict:
                    found = found[bit]
                else:
                    return variable.resolve(context)
            except Exception:
                # It has no such part, or its part failed: what that means, Django knows.
                return variable.resolve(context)
            if callable(found):
                found = _called(found)
        return found

    return look


def _called(found: Any) -> Any:
    """A function's value where it may be asked for by a template, and needs nothing."""
    if getattr(found, "do_not_call_in_templates", False):
        return found
    if getattr(found, "alters_data", False):
        return ""
    try:
        return found()
    except TypeError:
        try:
            signature(found).bind()
        except (TypeError, ValueError):
            return ""
        raise
    except Exception as error:
        if getattr(error, "silent_variable_failure", False):
            return ""
        raise


def _has_no_items(kind: type) -> bool:
    if getattr(kind, "__getitem__", None) not in _BY_NUMBER_ALONE:
        return False
    _without_items.add(kind)
    return True


def _unwrapped(lazy: Any) -> Any:
    if lazy._wrapped is empty:
        lazy._setup()
    return lazy._wrapped


def _step(function: Callable[..., Any], args: list[tuple[bool, Any]]) -> Callable[[Any, Context], Any]:
    """A filter with its arguments."""
    is_safe = getattr(function, "is_safe", False)
    wants_local = getattr(function, "expects_localtime", False)
    wants_autoescape = getattr(function, "needs_autoescape", False)
    given: list[Look | None] = [look_for(value) if is_found else None for is_found, value in args]
    constants = [None if is_found else mark_safe(value) for is_found, value in args]  # noqa: S308 - of the template

    def step(value: Any, context: Context) -> Any:
        found = [constants[at] if look is None else look(context) for at, look in enumerate(given)]
        if wants_local:
            value = timezone.template_localtime(value, context.use_tz)  # type: ignore[attr-defined]  # the stubs lack it
        shown = function(value, *found, **({"autoescape": context.autoescape} if wants_autoescape else {}))
        return mark_safe(shown) if is_safe and isinstance(value, SafeData) else shown  # noqa: S308 - as Django has it

    return step
