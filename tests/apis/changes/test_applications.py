"""Client applications: made, changed, given another secret, deleted."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import Http404
from django.utils import timezone

from apis.changes import applications
from apis.contracts import access
from apis.contracts.models import Application, Contract
from console.models import AuditEntry, Organization, Role, User, digest
from console.once import Sending
from console.teams.models import Team
from console.versions import Changed
from gateways.models import Book
from tests.factories import (
    make_api,
    make_application,
    make_contract,
    make_environment,
    make_organization,
    make_role,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def generation(contract: Contract) -> int:
    book = Book.objects.filter(gateway=contract.api.gateway).first()
    return book.generation if book else 0


def test_a_secret_is_told_once_and_its_digest_kept(actor: User, organization: Organization) -> None:
    made, secret = applications.create(
        actor,
        organization,
        name=" Web shop ",
        url="https://shop.example.com",
        redirect_uris=["https://shop.example.com/back", "com.example.shop:/back", ""],
        grant_types=["authorization_code", "authorization_code"],
    )

    kept = made.secrets.get()
    assert len(secret) == 43 and kept.digest == digest(secret) and kept.hint == secret[-4:]
    assert made.name == "Web shop" and list(made.owners.all()) == [actor]
    assert made.redirect_uris == ["https://shop.example.com/back", "com.example.shop:/back"]
    assert made.grant_types == ["authorization_code"]
    entry = AuditEntry.objects.about("application", [made.pk]).get()
    assert secret not in str(entry.diff) and entry.diff["owners"] == [None, [actor.get_username()]]


def test_a_form_sent_twice_makes_one(actor: User, organization: Organization) -> None:
    sending = Sending("the same")

    first = applications.create(actor, organization, name="Shop", sending=sending)
    again = applications.create(actor, organization, name="Shop", sending=sending)

    assert first == again and Application.objects.count() == 1
    applications.reset_secret(actor, first[0])
    with pytest.raises(ValidationError, match="was reset since"):
        applications.create(actor, organization, name="Shop", sending=sending)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "Taken"}, "name"),
        ({"description": "x" * 10_001}, "description"),
        ({"description": "a\0b"}, "description"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://x.example/" + "x" * 1024}, "url"),
        ({"redirect_uris": ["/back"]}, "redirect_uris"),
        ({"redirect_uris": ["https://x.example/#there"]}, "redirect_uris"),
        ({"redirect_uris": ["https://x.example:port/"]}, "redirect_uris"),
        ({"redirect_uris": [f"https://x.example/{n}" for n in range(51)]}, "redirect_uris"),
        ({"grant_types": ["magic"]}, "grant_types"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
    ],
)
def test_what_cannot_be_is_refused(
    actor: User, organization: Organization, fields: dict[str, Any], field: str
) -> None:
    make_application(organization, name="Taken")

    with pytest.raises(ValidationError) as refused:
        applications.create(actor, organization, **{"name": "Shop", **fields})

    assert list(refused.value.message_dict) == [field]
    assert Application.objects.count() == 1


def test_owners_are_people_of_the_organization(actor: User, organization: Organization) -> None:
    member, below, owner, stranger = (make_user(name) for name in ("member", "below", "owner", "stranger"))
    make_role(member, organization, Role.Name.VIEWER)
    make_role(below, make_organization(parent=organization), Role.Name.VIEWER)
    make_role(stranger, make_organization(), Role.Name.ADMINISTRATOR)
    make_application(organization, owners=[owner])

    made, _ = applications.create(actor, organization, name="Shop", owners=[member, below, owner])
    assert set(made.owners.all()) == {member, below, owner}
    with pytest.raises(ValidationError, match="whom you may name"):
        applications.update(actor, made, owners=[member, stranger])

    assert set(made.owners.all()) == {member, below, owner}


def test_teams_of_the_organization_and_above_own_it(actor: User, organization: Organization) -> None:
    group = make_organization("Group", parent=organization)
    above, own, foreign = (
        Team.objects.create(organization=one, name=f"of {one}")
        for one in (organization, group, make_organization())
    )
    below = Team.objects.create(organization=make_organization("Deep", parent=group), name="below")
    member, manager = make_user(), make_user()
    make_role(manager, group, Role.Name.MANAGER)
    own.memberships.create(user=member)
    made, _ = applications.create(manager, group, name="Shop", teams=[above, own])

    for team in (foreign, below):
        with pytest.raises(ValidationError, match="that you may name"):
            applications.update(manager, made, teams=[above, team])
    with pytest.raises(ValidationError, match="that you may name"):
        applications.create(member, group, name="Mine", teams=[above])
    applications.update(member, made, teams=[above, own], description="A member may change it")

    assert list(made.owners.all()) == []
    assert set(access.owners_of(made)) == {member}
    assert access.may_manage_application(member, made) and access.owns_any(member)
    assert AuditEntry.objects.get(object_name="Shop", action="create").diff["teams"] == [
        None,
        [f"of {group}", f"of {organization}"],
    ]
    own.memberships.all().delete()
    assert not access.may_manage_application(member, made) and not access.owns_any(member)


def test_only_what_is_given_changes_and_gateways_hear_what_concerns_them(actor: User) -> None:
    contract = make_contract()
    application = contract.application

    applications.update(actor, application, description="Sells things")
    assert generation(contract) == 0
    applications.update(actor, application, name="Shop")
    applications.update(actor, application, expires_at=timezone.now() + timedelta(days=1))
    assert generation(contract) == 2

    application.refresh_from_db()
    assert (application.name, application.description) == ("Shop", "Sells things")


def test_two_who_edit_do_not_overwrite_each_other(actor: User) -> None:
    from apis.changes import versions

    application = make_application()
    seen = versions.of_application(application)
    applications.update(actor, application, name="First", seen=seen)

    with pytest.raises(Changed):
        applications.update(actor, application, name="Second", seen=seen)


def test_both_secrets_are_live_until_the_overlap_is_over(actor: User) -> None:
    contract = make_contract()
    application = contract.application

    applications.reset_secret(actor, application, overlap=timedelta(hours=1))
    new, old = application.secrets.all()
    assert new.expires_at is None and old.hint == "cret"
    assert timedelta(minutes=59) < old.expires_at - timezone.now() <= timedelta(hours=1)

    applications.reset_secret(actor, application, overlap=timedelta(days=1))
    assert [one.pk for one in application.secrets.all()][1] == new.pk
    assert application.secrets.live().count() == 2
    assert generation(contract) == 2


def test_without_an_overlap_the_old_secret_ends_at_once(actor: User) -> None:
    application = make_contract().application

    secret = applications.reset_secret(actor, application)

    assert application.secrets.get().digest == digest(secret)
    assert secret not in str(AuditEntry.objects.about("application", [application.pk]).get().diff)


def test_the_old_secret_can_be_ended_early(actor: User) -> None:
    contract = make_contract()
    secret = applications.reset_secret(actor, contract.application, overlap=timedelta(days=1))

    applications.end_old_secret(actor, contract.application)
    applications.end_old_secret(actor, contract.application)

    assert contract.application.secrets.get().digest == digest(secret)
    assert generation(contract) == 2


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=91)])
def test_an_overlap_has_a_bound(actor: User, overlap: timedelta) -> None:
    application = make_application()

    with pytest.raises(ValidationError, match="0 to 90 days"):
        applications.reset_secret(actor, application, overlap=overlap)

    assert application.secrets.count() == 1


def test_a_reset_sent_twice_resets_once(actor: User) -> None:
    application = make_application()
    sending = Sending("reset")

    first = applications.reset_secret(actor, application, overlap=timedelta(days=1), sending=sending)
    again = applications.reset_secret(actor, application, overlap=timedelta(days=1), sending=sending)

    assert first == again and application.secrets.count() == 2


def test_a_deleted_application_has_no_contracts(actor: User) -> None:
    contract = make_contract()
    application = Application.objects.get(pk=contract.application_id)

    applications.delete(actor, contract.application)

    assert not Contract.objects.exists() and generation(contract) == 1
    with pytest.raises(Http404):
        applications.update(actor, application, name="Back")


def test_who_may_what() -> None:
    api = make_api()
    organization = api.environment.organization
    owner, manager, viewer, elsewhere, stranger = (make_user() for _ in range(5))
    make_role(manager, organization, Role.Name.MANAGER)
    make_role(viewer, organization, Role.Name.VIEWER)
    make_role(elsewhere, organization, Role.Name.MANAGER, environment=make_environment(organization))
    make_role(stranger, make_organization(), Role.Name.ADMINISTRATOR)
    application = make_application(organization, owners=[owner])
    people = (owner, manager, viewer, elsewhere, stranger)

    def allowed(question: Any) -> list[bool]:
        return [question(user) for user in people]

    assert allowed(lambda one: access.may_manage_application(one, application)) == [1, 1, 0, 0, 0]
    assert allowed(lambda one: access.may_request(one, application, api)) == [1, 1, 0, 0, 0]
    assert allowed(lambda one: access.may_manage_contracts(one, api)) == [0, 1, 0, 0, 0]
    assert allowed(lambda one: access.may_create_application(one, organization)) == [1, 1, 1, 1, 0]
    assert allowed(lambda one: Application.objects.visible_to(one).exists()) == [1, 1, 1, 1, 0]
    pending = make_contract(api, application=application, status=Contract.Status.PENDING)
    assert allowed(lambda one: access.may_delete_contract(one, pending)) == [1, 1, 0, 0, 0]
    assert allowed(lambda one: Contract.objects.visible_to(one).exists()) == [1, 1, 1, 0, 0]
    pending.status = Contract.Status.REVOKED
    assert allowed(lambda one: access.may_delete_contract(one, pending)) == [0, 1, 0, 0, 0]
    assert not access.requestable(owner, application).filter(pk=make_api().pk).exists()


def test_a_part_of_a_name_is_found_by_an_index(actor: User, organization: Organization) -> None:
    make_application(organization, name="Web Shop")
    found = Application.objects.filter(name__icontains="eb sh")

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = found.order_by().explain()

    assert "application_name_is_searched" in plan and found.get().name == "Web Shop"
