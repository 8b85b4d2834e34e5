"""The field by which an outbound policy is given the upstreams that it acts on."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.http import QueryDict

from apis.models import ApiInstance, PolicyBinding
from console.forms.schema_form import Choice, Errors, Field
from policies.policy import Policy

NAME = "upstreams"


def chosen(api: ApiInstance, policy: Policy[Any], binding: PolicyBinding | None) -> list[UUID]:
    """What an untouched form shows: where there is but one upstream, a new policy is for that one."""
    if binding:
        return list(binding.upstreams)
    known = list(api.upstreams.values_list("pk", flat=True)[:2]) if policy.is_outbound else []
    return known if len(known) == 1 else []


def read(data: QueryDict) -> list[UUID]:
    return ids(data.getlist(NAME))


def ids(texts: Iterable[str]) -> list[UUID]:
    """Each once; what is no id is of no upstream."""
    return list(dict.fromkeys(one for text in texts if (one := _id(text))))


def schema(api: ApiInstance, policy: Policy[Any]) -> dict[str, Any]:
    """Of the field, as other fields of a form have one; without it for a policy that is not outbound."""
    if not policy.is_outbound:
        return {}
    labels = {str(row.pk): _words(row.label, row.uri) for row in api.upstreams.all()}
    item = {"type": "string", "enum": list(labels), "labels": labels}
    return {"properties": {NAME: {"type": "array", "title": "Upstreams", "items": item}}}


def field(api: ApiInstance, policy: Policy[Any], upstreams: Collection[UUID], errors: Errors) -> Field | None:
    """None for a policy that is not outbound."""
    if not policy.is_outbound:
        return None
    rows = list(api.upstreams.all())
    choices = tuple(Choice(str(row.pk), _words(row.label, row.uri), row.pk in upstreams) for row in rows)
    return Field(
        "choices",
        NAME,
        "Upstreams",
        help="It acts on what the gateway sends to these." if rows else "The API has none yet.",
        is_required=True,
        value=[str(one) for one in upstreams],
        choices=choices,
        errors=_errors(errors),
    )


def _words(label: str, uri: str) -> str:
    return f"{label} ({uri})" if label else uri


def _errors(errors: Errors) -> tuple[str, ...]:
    found: Sequence[str] = errors.get(NAME, ())
    return tuple(found)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
