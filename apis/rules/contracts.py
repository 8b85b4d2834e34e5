"""When an application may have a contract with an API, and on which tier."""

from collections.abc import Iterator

from django.utils import timezone

from apis.contracts.models import Application, Contract, Tier
from apis.models import ApiInstance
from apis.rules.problem import Problem

MOST_OF_GATEWAY = 50_000
"""Contracts that a gateway takes (`policies.contracts.contract.MOST`)."""


def request_problems(application: Application, api: ApiInstance, tier: Tier | None) -> Iterator[Problem]:
    if application.organization.root_id != api.environment.organization.root_id:
        yield Problem(
            "api", f"{api} belongs to others than {application}; choose an API of its organization."
        )
        return
    if application.expires_at and application.expires_at <= timezone.now():
        yield Problem("application", f"{application} has expired; give it more time first.", code="conflict")
    if api.is_deprecated:
        yield Problem("api", f"{api} is deprecated and takes no new contracts.", code="conflict")
    yield from tier_problems(api, tier)
    yield from room(api)


def tier_problems(api: ApiInstance, tier: Tier | None) -> Iterator[Problem]:
    """Of a tier that an application would get anew; None where it names none."""
    if tier is None:
        known = list(api.tiers.values_list("status", flat=True)[:1001])
        if Tier.Status.ACTIVE in known:
            yield Problem("tier", f"{api} has SLA tiers; choose one of them.")
        elif known:
            yield Problem(
                "tier", f"All tiers of {api} are deprecated; it takes no new contracts.", "conflict"
            )
    elif tier.api_id != api.pk:
        yield Problem("tier", f"{tier} is not a tier of {api}; choose one of its own.")
    elif not tier.is_active:
        message = f"Tier {tier} is deprecated and takes no new applications; choose another one."
        yield Problem("tier", message, code="conflict")


def room(api: ApiInstance) -> Iterator[Problem]:
    """Whether the API's gateway can take one contract more."""
    if api.gateway_id is None:
        return
    contracts = Contract.objects.filter(api__gateway=api.gateway_id, status=Contract.Status.APPROVED)
    if contracts.count() >= MOST_OF_GATEWAY:
        message = (
            f"Gateway {api.gateway} has {MOST_OF_GATEWAY:,} contracts, and takes no more; revoke or delete "
            "some, or move APIs to another gateway."
        )
        yield Problem("api", message, code="conflict")
