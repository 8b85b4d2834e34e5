"""Who may do what: somebody with one permission asks every address, and the answers are a table.

`who_may.yaml` is that table: by permission, the addresses that it opens (with what it implies), and how. By
day each permission asks every sixteenth address, with --long all of them. Run this with WHO_MAY=write to
write it anew (WHO_MAY=token: of addresses whose name has that, a pattern, alone), and read the difference as
code.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import transaction
from django.test import Client

from apis.changes import policies
from apis.models import ApiInstance
from console import granting
from console.models import AuditEntry, Role, User
from console.permissions import BUILT_IN, EVERYTHING, Permission, closed
from console.roles import changes as role_changes
from console.roles.models import CustomRole
from console.teams import changes as team_changes
from tests.console.addresses import Address, addresses
from tests.console.place import FORMS, INSTEAD, QUERIES, Place, handed, make_place
from tests.console.test_reach import PAGES, REST, is_about_something
from tests.factories import make_api, make_environment, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

TABLE = Path(__file__).with_name("who_may.yaml")
BY_DAY = 16
ALL = "all of them"
"""Its row tells what more than one permission opens."""
REFUSED = (401, 403, 404, 405)
WRITES = ("POST", "PUT", "PATCH", "DELETE")
OWN = (
    "consumer",
    "notice",
    "saved_view",
    "rest_saved_view",
    "token_revoke",
    "rest_own_token",
)
"""About what is somebody's own, whatever they may do beside."""
EVERYBODYS = (
    "agent_",
    "begin",
    "docs",
    "factor",
    "healthz",
    "home",
    "identity_untie",
    "inbox",
    "join",
    "log",
    "own_password",
    "passkey_",
    "password_",
    "profile",
    "provider_tie",
    "rest_login",
    "rest_me",
    "rest_policy_definition",
    "rest_telemetry",
    "rest_token",
    "rest_users_me",
    "schema",
    "scope",
    "search",
    "session",
    "styleguide",
    "theme",
    "token_add",
)
"""Of a login, of somebody's own, or of nobody: of what is about no thing."""
OF_THE_CONSOLE = {"mail", "mail_remove", "mail_test"}
"""Of administrators of everything alone, whom no permission makes."""
PLACES = [one for one in addresses() if not is_about_something(one) and not one.name.startswith(EVERYBODYS)]
"""Lists, forms and settings of the place in which somebody works."""


@cache
def table() -> dict[str, Any]:
    return yaml.safe_load(TABLE.read_text()) if TABLE.exists() else {}


def somebody(place: Place, permission: str) -> User:
    """Who holds this permission, and what it implies, in the whole organization."""
    user, organization = make_user(), place.environment.organization
    given = Permission.values if permission == ALL else [permission]
    custom = CustomRole.objects.create(organization=organization, name="one", permissions=given)
    Role.objects.create(user=user, organization=organization, name=Role.CUSTOM, custom=custom)
    return user


def asked(permission: str, *, all_of_them: bool) -> list[Address]:
    """Another part for each permission, so that each address is asked by one."""
    found = [one for one in (*PAGES, *REST, *PLACES) if not one.name.startswith(OWN)]
    row = [*Permission.values, ALL].index(permission)
    return found if all_of_them else found[row % BY_DAY :: BY_DAY]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("permission", [*Permission.values, ALL])
def test_each_address_opens_by_the_permissions_of_the_table(
    permission: str, request: pytest.FixtureRequest
) -> None:
    written = os.environ.get("WHO_MAY", "")
    place = make_place("Acme")
    user = somebody(place, permission)
    place = handed(place, user)
    browser, rest = Client(raise_request_exception=False), Rest(user)
    browser.force_login(user)
    looks = permission.startswith("view:")
    chosen = asked(permission, all_of_them=bool(written) or request.config.getoption("--long"))
    if written not in ("", "write"):
        chosen = [one for one in chosen if re.search(written, one.name)]
    found = {one.name: sorted(_open(one, place, browser, rest, looks=looks)) for one in chosen}
    opened = {name: methods for name, methods in found.items() if methods}

    if written:
        kept = (
            {}
            if written == "write"
            else {k: v for k, v in table().get(permission, {}).items() if k not in found}
        )
        TABLE.write_text(yaml.safe_dump(table() | {permission: kept | opened}, sort_keys=True))
        table.cache_clear()
    told = table().get(permission, {})
    assert opened == {name: told[name] for name in found if name in told}


def test_each_address_opens_for_somebody() -> None:
    """Where it does not, the sample that it was asked with is none of its own."""
    asked_for = {one.name for one in asked(ALL, all_of_them=True)}

    assert asked_for - set().union(*table().values()) == OF_THE_CONSOLE


def test_who_may_do_everything_gets_what_has_a_sample_of_its_own() -> None:
    place = make_place("Acme")
    user = somebody(place, ALL)
    place = handed(place, user)
    browser, rest = Client(raise_request_exception=False), Rest(user)
    browser.force_login(user)
    special = {*(name for name, _ in INSTEAD), *QUERIES, *FORMS, "api_import", "rest_import"}
    chosen = [one for one in asked(ALL, all_of_them=True) if one.name in special]

    found = {one.name: dict(_answers(one, place, browser, rest)) for one in chosen}

    assert found.keys() == special
    assert [name for name, told in found.items() if min(told.values()) >= 400] == []


def _open(one: Address, place: Place, browser: Client, rest: Rest, *, looks: bool) -> Iterator[str]:
    """The methods that open it; who only `looks` changes nothing by any of them."""
    for method, status in _answers(one, place, browser, rest):
        assert not (looks and AuditEntry.objects.exists()), (one.name, method)
        assert status < 500, (one.name, method)
        if status not in REFUSED:
            yield method


def _answers(one: Address, place: Place, browser: Client, rest: Rest) -> Iterator[tuple[str, int]]:
    """Each method and its status; what was done is undone when the next is asked for."""
    is_rest = one.name.startswith("rest_")
    for method in ("GET", *(WRITES if is_rest else ("POST",))):
        with transaction.atomic():
            if is_rest:
                answer = _of_rest(rest, method, place.path(one))
            elif method == "GET":
                answer = browser.get(place.path(one))
            else:
                answer = browser.post(place.path(one), place.form(one))
            yield method, 200 if answer is None else answer.status_code
            transaction.set_rollback(True)


def _of_rest(rest: Rest, method: str, path: str) -> Any:
    """None for a file, which is no JSON."""
    try:
        return rest(method, path, {} if method in WRITES else None)
    except ValueError:
        return None


class TestSets:
    def test_the_three_roles_are_what_they_were(self) -> None:
        assert BUILT_IN["administrator"] == EVERYTHING
        assert not {one for one in BUILT_IN["manager"] if one.startswith("administer")}
        assert all(one.startswith("view:") for one in BUILT_IN["viewer"])
        assert BUILT_IN["api-viewer"] < BUILT_IN["api-manager"] < BUILT_IN["manager"]

    def test_who_may_change_may_look(self) -> None:
        assert closed(["manage:policies"]) == {"manage:policies", "view:policies", "view:apis"}

    def test_what_is_no_permission_is_none(self) -> None:
        assert closed(["fly:planes"]) == frozenset()


class TestOneApi:
    """Somebody who was given a role for one API alone."""

    def person(self, name: str = "api-viewer") -> tuple[User, ApiInstance, ApiInstance]:
        environment = make_environment(name="Sandbox")
        gateway = make_gateway(environment)
        mine, other = make_api(gateway), make_api(gateway)
        user = make_user()
        Role.objects.create(
            user=user, organization=environment.organization, environment=environment, api=mine, name=name
        )
        return user, mine, other

    def test_sees_that_one_on_pages_in_the_search_and_by_rest(self) -> None:
        user, mine, other = self.person()
        browser, rest = Client(), Rest(user, mine.environment)
        browser.force_login(user)

        for path in ("/apis", "/search?q=orders", "/apis/findings"):
            page = browser.get(path).content.decode()
            assert mine.asset.name in page, path
            assert other.asset.name not in page, path
        assert browser.get(f"/apis/{mine.pk}").status_code == 200
        assert browser.get(f"/apis/{other.pk}").status_code == 404
        listed = rest("GET", "AM").data
        assert [one["apis"][0]["id"] for one in listed["assets"]] == [mine.pk]
        assert rest("GET", f"AM/{other.pk}").status_code == 404
        assert rest("GET", f"AM/{mine.pk}").status_code == 200

    def test_sees_nothing_of_the_environment_beside(self) -> None:
        user, mine, _ = self.person("api-manager")
        browser, rest = Client(), Rest(user, mine.environment)
        browser.force_login(user)

        for path in ("/gateways", "/apis/tls-contexts", "/apis/automated", "/analytics", "/apis/add"):
            assert browser.get(path).status_code == 403, path
        assert browser.get(f"/gateways/{mine.gateway_id}").status_code == 404
        assert rest("POST", "AM", {}).status_code == 403

    def test_changes_it_where_its_role_says_so(self) -> None:
        user, mine, _ = self.person("api-manager")

        answer = Rest(user, mine.environment)("PUT", f"AM/{mine.pk}/tags/night")

        assert answer.status_code < 300
        mine.refresh_from_db()
        assert mine.tags == ["night"]


class TestDeploying:
    """Somebody who manages APIs and may not deploy them."""

    def person(self) -> tuple[User, ApiInstance]:
        api = make_api()
        user, organization = make_user(), api.environment.organization
        own = CustomRole.objects.create(
            organization=organization, name="author", permissions=["manage:apis", "manage:policies"]
        )
        Role.objects.create(user=user, organization=organization, name=Role.CUSTOM, custom=own)
        return user, api

    def test_what_they_save_waits(self) -> None:
        user, api = self.person()
        generation = api.gateway.generation

        policies.apply_policy(user, api, "ip-blocklist", {"ips": ["10.0.0.0/8"]})

        assert api.policies.count() == 1
        api.gateway.refresh_from_db()
        assert api.gateway.generation == generation

    def test_they_neither_undeploy_nor_delete_what_runs(self) -> None:
        user, api = self.person()
        rest = Rest(user, api.environment)

        assert rest("DELETE", f"PX/{api.pk}/deployments/{api.pk}").status_code == 403
        assert rest("DELETE", f"AM/{api.pk}").status_code == 403
        api.refresh_from_db()
        assert api.is_deployed


class TestTeams:
    def test_a_member_holds_the_roles_of_the_team_and_loses_them_with_it(self) -> None:
        environment, admin, user = make_environment(), make_user(), make_user()
        make_role(admin, environment.organization)
        make_role(user, environment.organization, "viewer")
        team = team_changes.make(admin, environment.organization, "Operators")
        granting.give(admin, {"team": team}, environment.organization, "manager", environment)
        member = team_changes.add(admin, team, user)

        assert environment.permits(user, Permission.MANAGE_APIS)
        team_changes.remove(admin, member)
        assert not environment.permits(user, Permission.MANAGE_APIS)

    def test_the_last_administrator_stays_however_they_hold_it(self) -> None:
        root, user = make_user(is_superuser=True), make_user()
        organization = make_environment().organization
        team = team_changes.make(root, organization, "Operators")
        granting.give(root, {"team": team}, organization, "administrator")
        member = team_changes.add(root, team, user)

        with pytest.raises(Exception, match="without an administrator"):
            team_changes.remove(root, member)
        with pytest.raises(Exception, match="without an administrator"):
            team_changes.delete(root, team)
        with pytest.raises(Exception, match="without an administrator"):
            granting.revoke_role(root, Role.objects.get(organization=organization))
        assert granting.administrators(organization).get() == user


class TestCustomRoles:
    def test_a_change_holds_at_once_and_one_that_is_held_is_not_deleted(self) -> None:
        environment, admin, user = make_environment(), make_user(), make_user()
        make_role(admin, environment.organization)
        role = role_changes.make(admin, environment.organization, "On call", ["view:gateways"])
        granting.grant_role(admin, user, environment.organization, f"custom-{role.pk}")
        assert environment.may(user) == {"view:gateways"}

        role_changes.change(admin, role, "On call", ["deploy:apis"])

        assert environment.may(user) == {"deploy:apis", "view:apis"}
        with pytest.raises(Exception, match="take it away"):
            role_changes.delete(admin, role)

    def test_what_would_do_nothing_is_refused(self) -> None:
        environment, admin, user = make_environment(), make_user(), make_user()
        make_role(admin, environment.organization)
        role = role_changes.make(admin, environment.organization, "Boss", ["administer:organization"])

        with pytest.raises(Exception, match="leave the environment out"):
            granting.grant_role(admin, user, environment.organization, f"custom-{role.pk}", environment)

    def test_that_of_another_organization_is_none(self) -> None:
        environment, admin, user = make_environment(), make_user(), make_user()
        make_role(admin, environment.organization)
        foreign = CustomRole.objects.create(
            organization=make_environment().organization, name="x", permissions=["view:apis"]
        )

        with pytest.raises(Exception, match="has no such role"):
            granting.grant_role(admin, user, environment.organization, f"custom-{foreign.pk}")
