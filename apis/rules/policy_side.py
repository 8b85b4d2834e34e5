"""On which side of an API a policy acts: on requests to it, or on what is sent to some of its upstreams."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from apis.models import ApiInstance, PolicyBinding, Upstream
from apis.rules import upstream_settings
from policies.policy import Policy

Faults = dict[str, list[str]]


def faults(api: ApiInstance, policy: Policy[Any], upstreams: Sequence[UUID]) -> Faults:
    """What is wrong with the upstreams that a policy is to act on."""
    if not policy.is_outbound:
        message = f"{policy.title} acts on requests to the API; leave the upstreams out."
        return {"upstreams": [message]} if upstreams else {}
    if not upstreams:
        return {"upstreams": [f"{policy.title} acts on requests to upstreams; name at least one."]}
    known = {row.pk: row for row in api.upstreams.all()}
    wrong = [f"Upstream {one} of API {api.pk} not found." for one in upstreams if one not in known]
    acted_on = [known[one] for one in upstreams if one in known]
    wrong += [
        f"{row}: {text}" for row in acted_on if (text := upstream_settings.beside(policy.name, row.told))
    ]
    return {"upstreams": wrong} if wrong else {}


def outbound(api: ApiInstance) -> dict[UUID, list[str]]:
    """By upstream the names of the policies that are applied to it, disabled ones too."""
    return _by_upstream(api.policies.outbound())


def acting(api: ApiInstance) -> dict[UUID, list[str]]:
    """By upstream the names of the policies that act on it."""
    return _by_upstream(api.policies.outbound().filter(is_disabled=False))


def _by_upstream(bindings: QuerySet[PolicyBinding]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for name, upstreams in bindings.values_list("policy", "upstreams"):
        for one in upstreams:
            found.setdefault(one, []).append(name)
    return found


def check_free(
    api: ApiInstance,
    policy: Policy[Any],
    upstreams: Sequence[UUID],
    *,
    but: PolicyBinding | None = None,
    allow_duplicated: bool = True,
) -> None:
    """Raise ValidationError where the API has the policy already, or one of the upstreams has, and may not
    have it twice.
    """
    if allow_duplicated and not policy.is_applied_once:
        return
    others = api.policies.filter(policy=policy.name)
    if policy.is_outbound:
        others = others.filter(upstreams__overlap=list(upstreams))
    if not any(one != but for one in others):
        return
    where = "one of these upstreams" if policy.is_outbound else str(api)
    once = "it can be there once; edit that one" if policy.is_applied_once else ""
    remedy = once or "edit it instead, or send allowDuplicated=true"
    message = f"{policy.title} is applied to {where} already; {remedy}."
    raise ValidationError({"policy": [ValidationError(message, code="conflict")]})


def let_go(api: ApiInstance, gone: Iterable[Upstream]) -> None:
    """Take upstreams that are about to be deleted from the policies that act on others too.

    Raises ValidationError where one acts on these alone: it would be forgotten in silence.
    """
    rows = {row.pk: row for row in gone}
    found = list(api.policies.filter(upstreams__overlap=list(rows)))
    for binding in found:
        left = [pk for pk in binding.upstreams if pk not in rows]
        if not left:
            named = ", ".join(str(row) for pk, row in rows.items() if pk in binding.upstreams)
            message = f"{binding.title} acts on {named}; remove the policy first, or have it act on others."
            raise ValidationError({"upstream": [ValidationError(message, code="conflict")]})
        binding.upstreams = left
    PolicyBinding.objects.bulk_update(found, ["upstreams"])
