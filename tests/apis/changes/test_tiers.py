"""SLA tiers: made, changed, deprecated, deleted."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apis.changes import tiers
from apis.contracts.models import Contract, Tier
from apis.models import ApiInstance
from console.models import AuditEntry, User
from console.versions import Changed
from gateways.models import Book
from tests.factories import make_api, make_contract, make_tier

pytestmark = pytest.mark.django_db
PENDING, APPROVED = Contract.Status.PENDING, Contract.Status.APPROVED
MINUTE = {"maximumRequests": 5, "timePeriodInMilliseconds": 60_000, "visible": True}
DAY = {"maximumRequests": 500, "timePeriodInMilliseconds": 86_400_000, "visible": False}


@pytest.fixture
def api() -> ApiInstance:
    return make_api()


def generation(api: ApiInstance) -> int:
    book = Book.objects.filter(gateway=api.gateway).first()
    return book.generation if book else 0


def test_a_tier_may_hide_one_of_several_limits(actor: User, api: ApiInstance) -> None:
    tier = tiers.create(actor, api, name=" Gold ", limits=[MINUTE, DAY])

    assert (tier.name, tier.limits, tier.status) == ("Gold", [MINUTE, DAY], "ACTIVE")
    assert AuditEntry.objects.about("apiinstance", [api.pk])[0].object_name == "Gold"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "Taken"}, "name"),
        ({"description": "x" * 10_001}, "description"),
        ({"limits": []}, "limits"),
        ({"limits": [MINUTE | {"maximumRequests": number} for number in range(1, 10)]}, "limits"),
        ({"limits": [MINUTE, MINUTE]}, "limits"),
        ({"limits": [DAY]}, "limits"),
        ({"limits": [MINUTE | {"maximumRequests": 0}]}, "limits"),
        ({"limits": [MINUTE | {"maximumRequests": 2**31}]}, "limits"),
        ({"limits": [MINUTE | {"timePeriodInMilliseconds": 0}]}, "limits"),
        ({"limits": [MINUTE | {"timePeriodInMilliseconds": 367 * 86_400_000}]}, "limits"),
        ({"status": "GONE"}, "status"),
    ],
)
def test_what_cannot_be_is_refused(actor: User, api: ApiInstance, fields: dict[str, Any], field: str) -> None:
    make_tier(api, name="Taken")

    with pytest.raises(ValidationError) as refused:
        tiers.create(actor, api, **{"name": "Gold", "limits": [MINUTE], **fields})

    assert list(refused.value.message_dict) == [field]
    assert api.tiers.count() == 1


def test_limits_that_change_reach_gateways_where_somebody_has_them(actor: User, api: ApiInstance) -> None:
    tier = make_tier(api)

    tiers.update(actor, tier, limits=[MINUTE])
    assert generation(api) == 0
    make_contract(api, tier=tier)
    tiers.update(actor, tier, description="For friends")
    assert generation(api) == 0
    tiers.update(actor, tier, limits=[DAY, MINUTE])

    assert generation(api) == 1


def test_a_tier_that_begins_to_approve_by_itself_approves_what_waits(actor: User, api: ApiInstance) -> None:
    tier, other = make_tier(api), make_tier(api)
    asked = make_contract(api, status=PENDING, approved_at=None, requested_tier=tier)
    wished = make_contract(api, tier=other, requested_tier=tier)
    elsewhere = make_contract(api, status=PENDING, requested_tier=other)
    rejected = make_contract(api, status="REJECTED", requested_tier=tier)

    tiers.update(actor, tier, approves_by_itself=True)

    for one in (asked, wished, elsewhere, rejected):
        one.refresh_from_db()
    assert (asked.status, asked.tier, asked.requested_tier) == (APPROVED, tier, None)
    assert asked.approved_at is not None
    assert (wished.status, wished.tier, wished.requested_tier) == (APPROVED, tier, None)
    assert elsewhere.status == PENDING and rejected.status == "REJECTED"
    assert generation(api) == 1
    assert AuditEntry.objects.filter(object_type="contract").count() == 2


def test_a_tier_in_use_is_not_deleted_but_may_be_deprecated(actor: User, api: ApiInstance) -> None:
    tier, wanted, free = make_tier(api), make_tier(api), make_tier(api)
    make_contract(api, tier=tier, requested_tier=wanted)

    for used in (tier, wanted):
        with pytest.raises(ValidationError, match="a contract is on it or waiting for it"):
            tiers.delete(actor, used)
    tiers.delete(actor, free)
    tiers.deprecate(actor, tier)
    assert not Tier.objects.get(pk=tier.pk).is_active
    tiers.deprecate(actor, tier, is_deprecated=False)

    assert set(api.tiers.all()) == {tier, wanted} and Tier.objects.get(pk=tier.pk).is_active


def test_two_who_edit_do_not_overwrite_each_other(actor: User, api: ApiInstance) -> None:
    from apis.changes import versions

    tier = make_tier(api)
    seen = versions.of_tier(tier)
    tiers.update(actor, tier, name="First", seen=seen)

    with pytest.raises(Changed):
        tiers.update(actor, tier, name="Second", seen=seen)
