"""One of many APIs, found by what is typed of it: the text that was suggested, its number, or its name."""

import re
from collections.abc import Collection
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from console.finder import nearest_first

OFFERED = 50
LONGEST = 400
_NUMBER = re.compile(r"\((?:API )?(\d{1,18})\)$")


class SearchedInput(forms.TextInput):
    """What fits is suggested while one types. `address` names the page that finds it, which is told of the
    form's fields `alongside`, too.
    """

    shown_by = "console/fields/_searched.html"

    def __init__(self, address: str, alongside: Collection[str] = ()) -> None:
        super().__init__()
        self.address, self.alongside = address, tuple(alongside)


def attributes(address: str) -> dict[str, Any]:
    """Of a control that is no form field of Django's: its suggestions are what the address answers."""
    return {
        "hx-get": address,
        "hx-trigger": "focus once, input changed delay:200ms",
        "hx-target": "next datalist",
        "hx-sync": "this:replace",
        "maxlength": LONGEST,
    }


def suggestion(api: Any) -> str:
    label = f" · {api.label}" if api.label else ""
    return f"{api.asset.name}{label} ({api.pk})"


def suggested(apis: QuerySet[Any], typed: str) -> list[Any]:
    """The first of those that the text fits, by name, label or number."""
    text = typed.strip()[:LONGEST]
    pk = _number(text)
    named = Q(asset__name__icontains=text) | Q(label__icontains=text)
    fits = named | Q(pk=pk) if pk else named
    found = apis.filter(fits).select_related("asset", "environment__organization")
    return list(found.order_by(*nearest_first("asset__name", text), "pk")[:OFFERED])


def one(apis: QuerySet[Any], typed: str) -> Any | None:
    """The API that is meant. Raises ValidationError where a name is that of several."""
    text = typed.strip()[:LONGEST]
    if pk := _number(text):
        return apis.filter(pk=pk).first()
    named = list(apis.filter(asset__name__iexact=text)[:2])
    if len(named) > 1:
        raise ValidationError(f"Several APIs are called {text[:80]}; write the number of the one you mean.")
    return named[0] if named else None


def _number(text: str) -> int | None:
    found = _NUMBER.search(text)
    if found:
        return int(found[1])
    return int(text) if text.isdecimal() and len(text) <= 18 else None
