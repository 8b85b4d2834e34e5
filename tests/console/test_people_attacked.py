"""Nobody becomes somebody who may do more: by a team, by a place of another organization, by two at once."""

import threading
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.test import Client

from console import accounts, granting, passwords
from console.admin import RoleForm
from console.factors.changes import set_rule
from console.models import AccessToken, AuditEntry, ConnectedApp, Environment, Organization, Role, User
from console.providers.people import belongs
from console.rest import tokens
from console.roles.models import CustomRole
from console.stack.waiting import wait_for
from console.teams import changes as teams
from console.teams.models import Team
from tests.console.conftest import LogIn
from tests.factories import (
    make_api,
    make_application,
    make_environment,
    make_gateway,
    make_organization,
    make_role,
    make_user,
)

pytestmark = pytest.mark.django_db


def in_a_team(user: User, organization: Organization, name: str = Role.Name.ADMINISTRATOR) -> Role:
    team = Team.objects.create(organization=organization, name=f"Team of {user}")
    team.members.add(user)
    return Role.objects.create(team=team, organization=organization, name=name)


def test_who_is_given_something_elsewhere_by_a_team_is_not_taken_over(
    administrator: User, environment: Environment
) -> None:
    grace, other = make_user("grace"), make_organization("Other")
    make_role(grace, environment.organization, Role.Name.VIEWER)
    in_a_team(grace, other)

    for take in (accounts.reset_password, passwords.make_link):
        with pytest.raises(PermissionDenied, match="administrator of Other"):
            take(administrator, grace)


def test_who_owns_a_client_application_elsewhere_is_not_taken_over(
    administrator: User, environment: Environment
) -> None:
    grace, acme, other = make_user("grace"), environment.organization, make_organization("Other")
    make_role(grace, acme, Role.Name.VIEWER)
    assert belongs(grace, acme)

    make_application(other).owners.add(grace)

    assert not belongs(grace, acme)
    with pytest.raises(PermissionDenied, match="administrator of Other"):
        passwords.make_link(administrator, grace)


def test_a_member_of_a_team_alone_is_on_the_page_of_users(admin: Client, environment: Environment) -> None:
    grace = make_user("grace")
    in_a_team(grace, environment.organization, Role.Name.VIEWER)

    assert "grace" in admin.get("/administration/users").content.decode()
    assert admin.post(f"/administration/users/{grace.pk}/active", {"active": "0"}).status_code == 302
    grace.refresh_from_db()
    assert not grace.is_active


def test_the_team_by_which_one_administers_is_not_ones_own_to_take(environment: Environment) -> None:
    tess = make_user("tess")
    role = in_a_team(tess, environment.organization)

    with pytest.raises(ValidationError, match="left without an administrator"):
        granting.revoke_role(tess, role)


def test_no_stranger_is_put_into_a_team(administrator: User, admin: Client, environment: Environment) -> None:
    stranger, ours = make_user("stranger"), make_user("ours")
    make_role(stranger, make_organization("Other"), Role.Name.VIEWER)
    make_role(ours, environment.organization, Role.Name.VIEWER)
    team = teams.make(administrator, environment.organization, "Crew")

    def add(name: str) -> str:
        return admin.post(f"/administration/teams/{team.pk}/members/add", {"username": name}).content.decode()

    assert "Nobody whom you administer is called that" in add("stranger")
    assert "Nobody whom you administer is called that" in add("nobody")
    add("ours")
    assert list(team.members.all()) == [ours]


def test_a_team_holds_roles_where_its_members_are_chosen_and_below(
    administrator: User, environment: Environment
) -> None:
    acme, other = environment.organization, make_organization("Other")
    group = make_organization("Retail", parent=acme)
    make_role(administrator, other)
    team = teams.make(administrator, group, "Crew")

    for organization in (acme, other):
        with pytest.raises(ValidationError, match="chooses the members of Crew"):
            granting.give(administrator, {"team": team}, organization, "manager")
    granting.give(administrator, {"team": team}, group, "manager")


def test_tokens_of_members_of_teams_end_when_a_second_factor_is_needed(
    administrator: User, environment: Environment
) -> None:
    grace, pipeline = make_user("grace"), ConnectedApp(name="ci", organization=environment.organization)
    in_a_team(grace, environment.organization, Role.Name.VIEWER)
    pipeline.owner = administrator
    pipeline.renew_secret()
    pipeline.save()
    tokens.issue(grace)
    tokens.issue(grace, pipeline)
    tokens.issue(administrator, pipeline)

    set_rule(administrator, environment.organization, True)

    assert list(AccessToken.objects.values_list("user__username", flat=True)) == ["ada"]


def test_a_login_by_a_team_is_in_the_log_of_its_organization(environment: Environment) -> None:
    in_a_team(make_user("grace"), environment.organization, Role.Name.VIEWER)

    Client().post("/login", {"username": "grace", "password": "secret"})

    assert AuditEntry.objects.get(action="login").organization == environment.organization


def test_a_role_of_one_organization_reaches_nothing_of_another(environment: Environment) -> None:
    other = make_environment(make_organization("Other"))
    theirs = CustomRole.objects.create(organization=other.organization, name="Theirs", permissions=[])
    api = make_api(make_gateway(other))
    home = {"user": make_user().pk, "organization": environment.organization_id}

    def words(**given: Any) -> str:
        form = _form()(home | given)
        return "" if form.is_valid() else str(form.errors)

    assert "is not an environment of Acme" in words(name="viewer", environment=other.pk)
    assert "is not an API of" in words(name="api-viewer", environment=environment.pk, api=api.pk)
    assert "is of Other" in words(name="custom", custom=theirs.pk)
    assert words(name="viewer", environment=environment.pk) == ""


def test_what_a_role_is_for_stands_on_the_pages(
    admin: Client, log_in: LogIn, environment: Environment
) -> None:
    api, grace = make_api(make_gateway(environment), name="orders"), make_user("grace")
    make_role(grace, environment.organization, "api-manager", environment=environment, api=api)

    for client, path in (
        (admin, "/administration/users"),
        (admin, f"/administration/users/{grace.pk}"),
        (log_in(grace), "/profile"),
    ):
        assert str(api) in client.get(path).content.decode(), path


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("take", ["deactivate", "revoke"])
def test_two_administrators_do_not_take_each_other_away(take: str) -> None:
    acme = make_organization("Acme")
    ada, ben = make_user("ada"), make_user("ben")
    roles = {one.pk: make_role(one, acme) for one in (ada, ben)}

    def rid(actor: User, other: User) -> None:
        if take == "revoke":
            granting.revoke_role(actor, Role.objects.get(pk=roles[other.pk].pk))
        else:
            accounts.set_active(actor, other, False)

    refused: list[Exception] = []

    def meanwhile() -> None:
        try:
            rid(ben, ada)
        except (PermissionDenied, ValidationError) as error:
            refused.append(error)
        connection.close()

    other = threading.Thread(target=meanwhile)
    with transaction.atomic():
        rid(ada, ben)
        other.start()
        wait_for(_somebody_waits, 20, "the second one")
    other.join()

    assert len(refused) == 1
    ada.refresh_from_db()
    assert ada.is_active
    assert list(granting.administrators(acme)) == [ada]


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


def _form() -> Any:
    from django.forms import modelform_factory

    fields = ["user", "team", "organization", "environment", "api", "name", "custom"]
    return modelform_factory(Role, form=RoleForm, fields=fields)
