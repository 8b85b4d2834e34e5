"""Contracts: asked for, decided, ended."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import Http404
from django.utils import timezone

from apis.changes import contracts
from apis.contracts.models import Contract
from apis.models import ApiInstance
from console.models import AuditEntry, Role, User
from console.notices.models import Notice
from console.teams.models import Team
from console.versions import Changed
from gateways.models import Book
from tests.factories import (
    make_api,
    make_application,
    make_contract,
    make_organization,
    make_role,
    make_tier,
    make_user,
)

pytestmark = pytest.mark.django_db
Status = Contract.Status


@pytest.fixture
def api() -> ApiInstance:
    return make_api()


def generation(api: ApiInstance) -> int:
    book = Book.objects.filter(gateway=api.gateway).first()
    return book.generation if book else 0


def ask(actor: User, api: ApiInstance, **fields: Any) -> Contract:
    application = fields.pop("application", None) or make_application(api.environment.organization)
    return contracts.request(actor, application, api, **fields)


def test_an_api_without_tiers_approves_by_itself(actor: User, api: ApiInstance) -> None:
    made = ask(actor, api, reason="To sell", accepted_terms=True)

    assert (made.status, made.tier, made.requested_by, made.decided_by) == ("APPROVED", None, actor, None)
    assert made.approved_at and made.accepted_terms and generation(api) == 1
    entry = AuditEntry.objects.about("apiinstance", [api.pk])[0]
    assert (entry.object_type, entry.action) == ("contract", "create")


def test_a_tier_decides_who_is_approved_by_itself(actor: User, api: ApiInstance) -> None:
    manual, free = make_tier(api), make_tier(api, approves_by_itself=True)

    waits, passes = ask(actor, api, tier=manual), ask(actor, api, tier=free)

    assert (waits.status, waits.tier, waits.requested_tier) == ("PENDING", None, manual)
    assert (passes.status, passes.tier, passes.requested_tier) == ("APPROVED", free, None)
    assert generation(api) == 1


def test_who_may_not_ask(actor: User, api: ApiInstance) -> None:
    tier, old = make_tier(api), make_tier(api, status="DEPRECATED")
    foreign = make_application(make_organization())
    over = make_application(api.environment.organization, expires_at=timezone.now())

    def refused(message: str, **fields: Any) -> None:
        with pytest.raises(ValidationError, match=message):
            ask(actor, api, **fields)

    refused("belongs to others", application=foreign, tier=tier)
    refused("has expired", application=over, tier=tier)
    refused("choose one of them")
    refused("is deprecated and takes no new applications", tier=old)
    refused("is not a tier of", tier=make_tier())
    refused("at most 500", tier=tier, reason="x" * 501)
    refused("is over already", tier=tier, expires_at=timezone.now())
    api.tiers.filter(pk=tier.pk).delete()
    refused("All tiers of .* are deprecated")
    api.tiers.all().delete()
    ApiInstance.objects.filter(pk=api.pk).update(is_deprecated=True)
    refused("is deprecated and takes no new contracts")

    assert not Contract.objects.exists()


def test_an_application_of_the_tenant_may_ask_and_has_one_contract(actor: User, api: ApiInstance) -> None:
    below = make_application(make_organization(parent=api.environment.organization))
    made = ask(actor, api, application=below)

    with pytest.raises(ValidationError, match="has a contract already") as refused:
        ask(actor, api, application=below)
    assert refused.value.error_dict["application"][0].code == "conflict"
    contracts.revoke(actor, made)
    with pytest.raises(ValidationError, match="have it restored"):
        ask(actor, api, application=below)


def test_who_was_rejected_may_ask_anew(actor: User, api: ApiInstance) -> None:
    tier = make_tier(api)
    made = ask(actor, api, tier=tier)
    contracts.reject(actor, made, answer="Say why.")
    assert (made.status, made.answer) == ("REJECTED", "Say why.") and made.rejected_at

    again = ask(actor, api, application=made.application, tier=tier, reason="To sell")

    assert again.pk == made.pk and again.status == "PENDING"
    assert (again.answer, again.rejected_at, again.reason) == ("", None, "To sell")


def test_the_walk_of_a_contract(actor: User, api: ApiInstance) -> None:
    tier = make_tier(api)
    made = ask(actor, api, tier=tier)
    assert generation(api) == 0

    contracts.approve(actor, made, answer="Welcome")
    assert (made.status, made.tier, made.requested_tier) == ("APPROVED", tier, None)
    assert made.decided_by == actor and generation(api) == 1
    contracts.approve(actor, made)
    assert generation(api) == 1
    contracts.revoke(actor, made)
    assert made.revoked_at and generation(api) == 2
    contracts.restore(actor, made)
    assert (made.status, made.tier, made.revoked_at) == ("APPROVED", tier, None)
    with pytest.raises(ValidationError, match="revoke it first"):
        contracts.delete(actor, made)
    contracts.revoke(actor, made)
    contracts.delete(actor, made)

    assert not Contract.objects.exists() and generation(api) == 4
    with pytest.raises(Http404):
        contracts.restore(actor, made)


@pytest.mark.parametrize(
    ("change", "statuses"),
    [
        (contracts.approve, {"REVOKED"}),
        (contracts.reject, {"APPROVED", "REVOKED"}),
        (contracts.revoke, {"PENDING", "REJECTED"}),
        (contracts.restore, {"PENDING", "REJECTED"}),
    ],
)
def test_what_does_not_follow_is_a_conflict(
    actor: User, api: ApiInstance, change: Callable[..., Contract], statuses: set[str]
) -> None:
    for status in Status.values:
        made = make_contract(api, status=status)
        if status not in statuses:
            change(actor, made)
            continue
        with pytest.raises(ValidationError) as refused:
            change(actor, made)
        assert refused.value.error_dict["status"][0].code == "conflict"
        assert Contract.objects.get(pk=made.pk).status == status


def test_another_decides_first(actor: User, api: ApiInstance) -> None:
    made = make_contract(api, status=Status.PENDING)
    stale = Contract.objects.get(pk=made.pk)
    contracts.reject(actor, made, seen=Status.PENDING)

    with pytest.raises(Changed):
        contracts.approve(actor, stale, seen=Status.PENDING)

    assert Contract.objects.get(pk=made.pk).status == Status.REJECTED


def test_a_manager_gives_another_tier_at_once(actor: User, api: ApiInstance) -> None:
    one, two, old = make_tier(api), make_tier(api), make_tier(api, status="DEPRECATED")
    made = make_contract(api, tier=one, requested_tier=two)
    waits = make_contract(api, status=Status.PENDING, requested_tier=one)

    contracts.change_tier(actor, made, two, answer="You need it")
    contracts.change_tier(actor, waits, two)
    assert (made.tier, made.requested_tier) == (two, None)
    assert (waits.tier, waits.requested_tier) == (None, two)
    for wrong in (old, None, make_tier()):
        with pytest.raises(ValidationError):
            contracts.change_tier(actor, made, wrong)

    assert generation(api) == 1


def test_an_owner_asks_for_another_tier(actor: User, api: ApiInstance) -> None:
    one, two, free = make_tier(api), make_tier(api), make_tier(api, approves_by_itself=True)
    made = make_contract(api, tier=one)

    contracts.ask_for_tier(actor, made, two, reason="More guests")
    assert (made.tier, made.requested_tier, made.reason) == (one, two, "More guests")
    contracts.reject_tier(actor, made, answer="Not yet")
    assert (made.tier, made.requested_tier, made.answer) == (one, None, "Not yet")
    assert generation(api) == 0
    contracts.ask_for_tier(actor, made, two)
    contracts.approve_tier(actor, made)
    assert (made.tier, made.requested_tier) == (two, None) and generation(api) == 1
    contracts.ask_for_tier(actor, made, one)
    contracts.ask_for_tier(actor, made, None)
    assert made.requested_tier is None
    contracts.ask_for_tier(actor, made, free)

    assert (made.tier, made.status) == (free, "APPROVED") and generation(api) == 2


def test_a_contract_ends_by_the_clock(actor: User, api: ApiInstance) -> None:
    made = make_contract(api)

    contracts.change_expiry(actor, made, timezone.now() + timedelta(hours=1))
    with pytest.raises(ValidationError, match="over already"):
        contracts.change_expiry(actor, made, timezone.now())

    assert generation(api) == 1 and Contract.objects.in_force().get() == made
    assert not Contract.objects.in_force(timezone.now() + timedelta(hours=2)).exists()


def test_what_waits_lets_nobody_pass_and_is_deleted_freely(actor: User, api: ApiInstance) -> None:
    waits = make_contract(api, status=Status.PENDING)

    contracts.delete(actor, waits)

    assert generation(api) == 0 and not Contract.objects.exists()


def test_people_are_told_of_what_waits_and_of_what_was_decided(actor: User, api: ApiInstance) -> None:
    owner, manager, elsewhere = make_user(), make_user(), make_user()
    make_role(manager, api.environment.organization, Role.Name.MANAGER)
    make_role(elsewhere, make_organization(), Role.Name.MANAGER)
    tier = make_tier(api)
    application = make_application(api.environment.organization, name="Shop", owners=[owner])
    member = make_user()
    team = Team.objects.create(organization=api.environment.organization, name="Shop people")
    for one in (member, owner):
        team.memberships.create(user=one)
    application.teams.add(team)

    def told(user: User) -> list[str]:
        return [one.subject for one in Notice.objects.filter(user=user).order_by("pk")]

    made = ask(actor, api, application=application, tier=tier, reason="To sell")
    assert told(manager) == [f"Shop asks for access to {api}"] and told(owner) == []
    contracts.approve(actor, made, answer="Welcome")
    contracts.revoke(actor, made)
    contracts.restore(actor, made)
    contracts.change_tier(actor, made, make_tier(api, name="Gold"))

    of = f"Shop: the contract with {api}"
    assert told(owner) == [
        f"{of} was approved",
        f"{of} was revoked",
        f"{of} was restored",
        f"{of} is on tier Gold now",
    ]
    assert len(told(manager)) == 1 and told(elsewhere) == []
    assert told(member) == told(owner)


def test_what_waits_gets_no_tier_by_itself_where_nobody_is_taken(actor: User, api: ApiInstance) -> None:
    waits, free = make_tier(api), make_tier(api, approves_by_itself=True)
    made = ask(actor, api, tier=waits)
    api.is_deprecated = True
    api.save()

    with pytest.raises(ValidationError, match="deprecated"):
        contracts.ask_for_tier(actor, made, free)

    made.refresh_from_db()
    assert made.status == Status.PENDING
