"""What the audit log calls things, and whose they are: by the names of models, which its rows keep."""

from functools import cache

from django.apps import apps

NOUNS = {
    "apiinstance": "API",
    "apitest": "test of an API",
    "hiddenapi": "visibility to consumers",
    "loginrule": "rule for logins",
    "policybinding": "policy",
}
"""Words where those of the model are others."""


def noun(kind: str) -> str:
    """In the middle of a sentence. The kind itself, where this release has no such model any more."""
    return NOUNS.get(kind) or _known().get(kind, (kind, ""))[0]


def unless_said(noun: str, name: str) -> str:
    """The noun that goes before a name, but for one that begins with it: "invitation of ann@example.com"."""
    return "" if name.casefold().startswith(f"{noun.casefold()} ") else noun


def area(kind: str) -> str:
    """The package of the model: console, gateways, apis and so on; empty for one that is gone."""
    return _known().get(kind, ("", ""))[1]


@cache
def _known() -> dict[str, tuple[str, str]]:
    return {
        model._meta.model_name or "": (str(model._meta.verbose_name), model.__module__.partition(".")[0])
        for model in apps.get_models()
    }
