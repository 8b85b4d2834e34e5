"""Every change of an API's SLA tiers: the same functions serve pages and REST.

Each is atomic, takes who does it, raises ValidationError with `{field: [messages]}`, and writes the audit
entry. Limits are rows of `Tier.limits`; a change of them applies at once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import Http404

from apis.changes import bookkeeping, contracts, granting, versions
from apis.contracts.models import Contract, Tier
from apis.models import ApiInstance
from apis.rules.problem import refuse
from apis.rules.tiers import MOST_TIERS, problems
from console.models import AuditEntry, User
from console.versions import check as check_version

Action = AuditEntry.Action
FIELDS = ("name", "description", "limits", "approves_by_itself", "status")


@transaction.atomic
def create(
    actor: User,
    api: ApiInstance,
    *,
    name: str,
    limits: Iterable[Mapping[str, Any]],
    description: str = "",
    approves_by_itself: bool = False,
    status: str = Tier.Status.ACTIVE,
) -> Tier:
    bookkeeping.lock(api=api)
    if api.tiers.count() >= MOST_TIERS:
        raise ValidationError({"": [f"An API has {MOST_TIERS:,} tiers at most; delete one first."]})
    tier = Tier(api=api)
    given = _tidied(
        {
            "name": name,
            "description": description,
            "limits": limits,
            "approves_by_itself": approves_by_itself,
            "status": status,
        }
    )
    refuse(problems(tier, given))
    _fill(tier, given)
    bookkeeping.record(actor, Action.CREATE, api, target=tier, after=facts(tier))
    return tier


@transaction.atomic
def update(actor: User, tier: Tier, *, seen: str = "", **fields: Any) -> Tier:
    """Only what is given, of FIELDS. A tier that approves by itself from now on approves what waits for it.
    Raises Changed when it is not as it was `seen`.
    """
    lock(tier)
    check_version(seen, versions.of_tier(tier))
    before, was_manual, limits = facts(tier), not tier.approves_by_itself, tier.limits
    given = _tidied(fields)
    refuse(problems(tier, given))
    _fill(tier, given)
    if tier.limits != limits:
        granting.changed_all(tier.contracts.all())
    bookkeeping.record(actor, Action.UPDATE, tier.api, target=tier, before=before, after=facts(tier))
    if tier.approves_by_itself and was_manual and tier.is_active:
        contracts.approve_waiting(actor, tier)
    return tier


def deprecate(actor: User, tier: Tier, *, is_deprecated: bool = True) -> Tier:
    """It takes no new applications; those that are on it stay. Or it does again."""
    status = Tier.Status.DEPRECATED if is_deprecated else Tier.Status.ACTIVE
    return update(actor, tier, status=status)


@transaction.atomic
def delete(actor: User, tier: Tier) -> None:
    """Refused while a contract is on it or asks for it."""
    lock(tier)
    using = Contract.objects.filter(Q(tier=tier) | Q(requested_tier=tier)).distinct()
    if count := using.count():
        many = "a contract is" if count == 1 else f"{count:,} contracts are"
        message = (
            f"Tier {tier} cannot be deleted: {many} on it or waiting for it. Move them to another tier, or "
            "deprecate this one."
        )
        raise ValidationError({"": [ValidationError(message, code="conflict")]})
    bookkeeping.record(actor, Action.DELETE, tier.api, target=tier, before=facts(tier))
    tier.delete()


def lock(tier: Tier) -> None:
    """Its API, and the tier as it is now. Raises Http404 when it was deleted meanwhile."""
    api = tier.api
    bookkeeping.lock(api=api)
    try:
        tier.refresh_from_db()
    except Tier.DoesNotExist as gone:
        raise Http404(f"Tier {tier.pk} not found.") from gone
    tier.api = api


def facts(tier: Tier) -> dict[str, Any]:
    """What the audit compares of a tier."""
    return {name: getattr(tier, name) for name in FIELDS}


def _tidied(given: Mapping[str, Any]) -> dict[str, Any]:
    if strange := given.keys() - {*FIELDS}:
        raise TypeError(f"no fields of a tier: {', '.join(sorted(strange))}")
    tidy: dict[str, Any] = dict(given)
    for name in ("name", "description"):
        if name in tidy:
            tidy[name] = tidy[name].strip()
    if "limits" in tidy:
        tidy["limits"] = [
            {
                "maximumRequests": one["maximumRequests"],
                "timePeriodInMilliseconds": one["timePeriodInMilliseconds"],
                "visible": one.get("visible", True),
            }
            for one in tidy["limits"]
        ]
    return tidy


def _fill(tier: Tier, given: Mapping[str, Any]) -> None:
    for name in FIELDS:
        if name in given:
            setattr(tier, name, given[name])
    tier.save()
