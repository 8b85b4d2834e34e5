"""The tags with which every form shows its fields."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.forms import BaseForm, BoundField
from django.template import Context
from django.template.loader import get_template
from django.utils.safestring import SafeString

from console.forms.control import control
from console.forms.schema_form import Field

register = template.Library()
USUAL = {"is_label_hidden": False, "optional_words": "", "notes": ""}
"""What a field may be told for its own template, and what lies inside it must not inherit."""
SAID = frozenset({"id", "kind", "label", "unit", "needed", "template", "when"})


@register.simple_tag(takes_context=True)
def field(context: Context, one: Field | BoundField, **said: Any) -> SafeString:
    """`{% field form.port %}`: label, control, unit, help, warnings and errors.

    `id`, `kind`, `label`, `unit`, `needed` and `template` (of the control) say otherwise than the form;
    `when="name"` and `is="a b"` show it with these values of another field alone; what begins with `data_` or
    `hx_` becomes an attribute; the rest is for the control's template.
    """
    when = (said.pop("when"), said.pop("is")) if "when" in said else None
    attributes = {name.replace("_", "-"): said.pop(name) for name in list(said) if _is_attribute(name)}
    told = {name: said.pop(name) for name in list(said) if name in SAID}
    shown = control(one, attributes=attributes, **told, **({"when": when} if when else {}))
    warnings: Mapping[str, Any] = context.get("warnings") or {}
    named = warnings.get(one.name, ()) if isinstance(warnings, Mapping) else ()
    values = {"control": shown, "field": one, "field_warnings": named, **USUAL, **said}
    return _render("components/_field.html", context, values)


@register.simple_tag(takes_context=True)
def fields(context: Context, form: BaseForm | Iterable[Field]) -> SafeString:
    """All fields of a form in their order, the advanced ones folded at its end."""
    hidden: list[BoundField] = []
    if isinstance(form, BaseForm):
        shown: list[Field | BoundField] = list(form.visible_fields())
        hidden = form.hidden_fields()
    else:
        shown = list(form)
    folded = [one for one in shown if isinstance(one, Field) and one.is_advanced]
    values = {
        "plain": [one for one in shown if one not in folded],
        "folded": folded,
        "is_open": any(one.is_set or one.is_wrong for one in folded),
        "hidden": hidden,
    }
    return _render("components/_fields.html", context, values)


@register.simple_tag(takes_context=True)
def folded(context: Context, *some: Field) -> SafeString:
    """`{% folded form.consumer_endpoint %}`: fields that few need, open where one of them is set or wrong."""
    is_open = any(one.is_set or one.is_wrong for one in some)
    return _render("components/_fields.html", context, {"plain": [], "folded": some, "is_open": is_open})


def _render(name: str, context: Context, values: dict[str, Any]) -> SafeString:
    """As `include` does: with all that the page knows."""
    found = get_template(name).template  # type: ignore[attr-defined]
    with context.push(**values):
        shown: SafeString = found.render(context)
    return shown


def _is_attribute(name: str) -> bool:
    return name.startswith(("data_", "hx_"))
