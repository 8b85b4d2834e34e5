"""Operations of an API's OpenAPI document, to choose from: as conditions of a policy, as rules of routes."""

import re
from collections.abc import Iterable
from typing import Any

from django.http import QueryDict

from apis.documents.specification import Operation, Specification
from apis.models import ApiInstance
from apis.rules.instances import METHODS

ADD = "operations"
"""What the button says that adds those that are chosen, see `console.forms.rows`."""
SHOWN = 40
MOST_CHOSEN = 100
MOST_TAGS = 200
_PARAMETER = re.compile(r"\{[^{}/]*\}")
_SPECIAL = re.compile(r"[.+*?()|\[\]{}^$\\]")


def choice(document: Specification | None, data: QueryDict) -> dict[str, Any]:
    """What a form offers: those that match `operation_q`, and before them those that are chosen already."""
    if document is None or not document.operation_count:
        return {}
    query = data.get("operation_q", "").strip()[:200]
    found = document.operations.matching(query)
    ticked = [] if data.get("rows") == ADD else chosen(document, data)
    keys = {one.pk for one in ticked}
    return {
        "document": document,
        "operations": [*ticked, *(one for one in found[: SHOWN + len(ticked)] if one.pk not in keys)],
        "ticked": keys,
        "operation_q": query,
        "operations_found": found.count(),
    }


def document_of(api: ApiInstance) -> Specification | None:
    return Specification.objects.filter(pk=api.asset.specification_id).first()


def chosen(document: Specification | None, data: QueryDict) -> list[Operation]:
    if document is None:
        return []
    keys = [key for key in data.getlist("operation") if key.isascii() and key.isdigit() and len(key) < 19]
    return list(document.operations.filter(pk__in=keys[:MOST_CHOSEN]))


def asked(document: Specification | None, data: QueryDict) -> list[Operation]:
    """Those that a link names: by their ids (`operation`), or all with a tag (`tag`)."""
    tag = data.get("tag", "")
    if document is None or not tag:
        return chosen(document, data)
    return list(document.operations.tagged(tag)[:MOST_CHOSEN])


def tags_of(document: Specification) -> list[str]:
    """By their names; of a document with very many, the first."""
    rows = document.operations.exclude(tags="").order_by("tags").values_list("tags", flat=True).distinct()
    found = {tag for row in rows[:MOST_TAGS] for tag in row.split(", ")}
    return sorted(found)[:MOST_TAGS]


def conditions(operations: Iterable[Operation]) -> list[dict[str, str]]:
    """One row for each path, whatever its methods; a path's parameters stand for any one segment."""
    return [
        {"methodRegex": "|".join(methods), "uriTemplateRegex": path} for path, methods in _by_path(operations)
    ]


def routes(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """Rows of the routes' form, without upstreams."""
    return [
        {"methods": [one for one in methods if one in METHODS], "path": path}
        for path, methods in _by_path(operations)
    ]


def expression(template: str) -> str:
    """A path's template as a regular expression: `/orders/{id}` is `/orders/[^/]+`."""
    parts = _PARAMETER.split(template)
    return "[^/]+".join(_SPECIAL.sub(lambda found: "\\" + found[0], part) for part in parts)


def _by_path(operations: Iterable[Operation]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for one in operations:
        methods = found.setdefault(expression(one.path), [])
        if one.method not in methods:
            methods.append(re.escape(one.method) if not one.method.isalpha() else one.method)
    return list(found.items())
