"""A choice among as many as a thousand: Django's own renders a template for each of them."""

from collections.abc import Mapping
from html import escape
from itertools import repeat
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe


def _option(choice: tuple[Any, Any], chosen: str) -> str:
    """Without `format_html`, which takes as long again for each, as Django's own `escape` does."""
    key, words = str(choice[0]), str(choice[1])
    return f'<option value="{escape(key)}"{" selected" * (key == chosen)}>{escape(words)}</option>'


class LongSelect(forms.Select):
    def render(
        self, name: str, value: Any, attrs: Mapping[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        chosen = "" if value is None else str(value)
        options = mark_safe("".join(map(_option, self.choices, repeat(chosen))))  # noqa: S308 - escaped there
        attributes = self.build_attrs(self.attrs, {**(attrs or {}), "name": name})
        return format_html("<select{}>{}</select>", flatatt(attributes), options)
