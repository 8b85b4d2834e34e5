"""Administration: organizations, environments, connected apps, the audit log, and who may."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client

from console import audit
from console.models import AccessToken, AuditEntry, ConnectedApp, Environment, Organization, Role, User
from console.roles.models import CustomRole
from tests.console.audited import entries
from tests.factories import (
    make_environment,
    make_gateway,
    make_organization,
    make_role,
    make_tls_context,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_whole", [True, False])
def test_the_tabs_are_of_who_administers_an_organization(environment: Environment, is_whole: bool) -> None:
    """One who may do nothing else finds them; an administrator of one environment is led to no refusal."""
    user, place = make_user(), environment.organization
    permissions = ["administer:organization"]
    own = CustomRole.objects.create(organization=place, name="People", permissions=permissions)
    if is_whole:
        Role.objects.create(user=user, organization=place, name=Role.CUSTOM, custom=own)
    else:
        make_role(user, place, Role.Name.ADMINISTRATOR, environment=environment)
    browser = Client()
    browser.force_login(user)

    page = browser.get("/administration/organizations").content.decode()
    audit_page = browser.get("/administration/audit").content.decode()

    for path in ("users", "invitations", "teams", "roles", "providers", "apps", "tokens", "outbox"):
        is_led = f'href="/administration/{path}"' in page
        assert is_led == (browser.get(f"/administration/{path}").status_code == 200) == is_whole, path
    assert ("How long it is kept" in audit_page) == is_whole


def test_a_business_group_is_created_below(admin: Client, environment: Environment) -> None:
    admin.post(f"/administration/organizations/{environment.organization.pk}/groups/add", {"name": "Retail"})

    group = Organization.objects.get(name="Retail")
    assert group.parent == environment.organization
    assert entries() == [("ada", "create", "organization")]


def test_no_business_group_gets_the_name_of_one_beside_it(admin: Client, environment: Environment) -> None:
    top = environment.organization
    make_organization("Retail", parent=top)
    group = make_organization("Wholesale", parent=top)

    created = admin.post(f"/administration/organizations/{top.pk}/groups/add", {"name": "retail"})
    renamed = admin.post(f"/administration/organizations/{group.pk}", {"name": "retail"})
    same = admin.post(f"/administration/organizations/{group.pk}", {"name": "WHOLESALE"})

    for answer in (created, renamed):
        assert answer.status_code == 422
        assert "Acme already has a business group called retail" in answer.content.decode()
    assert same.status_code == 302
    assert set(top.children.values_list("name", flat=True)) == {"Retail", "WHOLESALE"}


def test_a_refused_rename_leaves_the_old_name_in_the_heading(admin: Client, environment: Environment) -> None:
    top = environment.organization
    make_organization("Retail", parent=top)
    make_environment(top, name="Test")
    group = make_organization("Wholesale", parent=top)

    for path, name in ((f"organizations/{group.pk}", "Retail"), (f"environments/{environment.pk}", "Test")):
        page = admin.post(f"/administration/{path}", {"name": name}).content.decode()

        assert f"<h1>{name}</h1>" not in page
        assert "already has" in page


def test_an_environment_is_created_renamed_and_deleted(admin: Client, environment: Environment) -> None:
    organization = environment.organization
    add = f"/administration/organizations/{organization.pk}/environments/add"

    admin.post(add, {"name": "Staging", "type": "sandbox"})
    staging = organization.environments.get(name="Staging")
    admin.post(f"/administration/environments/{staging.pk}", {"name": "Stage"})
    admin.post(f"/administration/environments/{staging.pk}/delete")

    assert not Environment.objects.filter(pk=staging.pk).exists()
    assert [action for _, action, _ in entries(object_id=str(staging.pk))] == ["create", "update", "delete"]


def test_a_taken_environment_name_is_said_at_its_field(admin: Client, environment: Environment) -> None:
    add = f"/administration/organizations/{environment.organization.pk}/environments/add"

    answer = admin.post(add, {"name": "sandbox", "type": "sandbox"})

    assert "already has an environment called sandbox" in answer.content.decode()


def test_an_environment_that_holds_something_stays(admin: Client, environment: Environment) -> None:
    make_gateway(environment)
    make_tls_context(environment)

    answer = admin.post(f"/administration/environments/{environment.pk}/delete", follow=True)

    assert Environment.objects.filter(pk=environment.pk).exists()
    assert "still holds 1 gateway and 1 TLS context; delete or move those first" in answer.content.decode()


def test_a_connected_apps_secret_is_shown_once(admin: Client, environment: Environment) -> None:
    answer = admin.post(
        "/administration/apps/add",
        {
            "name": "pipeline",
            "organization": environment.organization.pk,
            "role": "viewer",
            "where": "all",
            "expires": "never",
        },
    )

    app = ConnectedApp.objects.get()
    secret = re.search(r'data-copy="([\w-]{43})"', answer.content.decode())
    assert secret
    later = admin.get("/administration/apps").content.decode()
    assert secret[1] not in later
    assert app.secret_hash not in answer.content.decode() + later
    assert entries() == [("ada", "create", "connectedapp")]


def test_a_renewed_secret_ends_the_old_ones_tokens(
    admin: Client, administrator: User, environment: Environment
) -> None:
    app = ConnectedApp(name="pipeline", organization=environment.organization, owner=administrator)
    app.renew_secret()
    app.save()
    before = app.secret_hash
    AccessToken.objects.create(
        token_hash="x", user=administrator, connected_app=app, expires_at="2100-01-01T00:00Z"
    )

    admin.post(f"/administration/apps/{app.pk}/renew")

    app.refresh_from_db()
    assert app.secret_hash != before
    assert not AccessToken.objects.exists()


def test_a_renewed_app_acts_with_the_roles_of_who_renewed_it(
    admin: Client, administrator: User, environment: Environment
) -> None:
    everything = make_user("root", is_superuser=True)
    app = ConnectedApp.objects.create(name="ci", organization=environment.organization, owner=everything)

    page = admin.post(f"/administration/apps/{app.pk}/renew").content.decode()

    app.refresh_from_db()
    assert app.owner == administrator
    assert "shown once" in page
    assert AuditEntry.objects.get().diff["owner"] == ["root", "ada"]


def test_a_persons_page_tells_nothing_of_what_another_organization_did(
    admin: Client, environment: Environment
) -> None:
    person, rival = make_user("both"), make_organization("Rival")
    make_role(person, environment.organization, Role.Name.VIEWER)
    make_role(person, rival, Role.Name.VIEWER)
    audit.record(
        make_user("rivals-admin"),
        AuditEntry.Action.UPDATE,
        person,
        organization=rival,
        before={"password": "old"},
        after={"password": "new"},
    )

    assert "rivals-admin" not in admin.get(f"/administration/users/{person.pk}").content.decode()


def test_the_audit_log_tells_before_and_after(admin: Client, environment: Environment) -> None:
    admin.post(f"/administration/environments/{environment.pk}", {"name": "Playground"})

    page = admin.get("/administration/audit", {"type": "environment", "q": "playground"}).content.decode()

    assert "<del>Sandbox</del>" in page
    assert "<ins>Playground</ins>" in page


def test_the_audit_log_keeps_other_environments_out(environment: Environment, log_in) -> None:
    other = make_environment(environment.organization, name="Production")
    AuditEntry.objects.create(
        actor_name="eve",
        organization=environment.organization,
        environment=other,
        action="create",
        object_type="gateway",
        object_name="secret-gw",
    )
    user = make_user()
    make_role(user, environment.organization, Role.Name.VIEWER, environment=environment)

    assert "secret-gw" not in log_in(user).get("/administration/audit").content.decode()


@pytest.mark.parametrize("role", [Role.Name.VIEWER, Role.Name.MANAGER])
@pytest.mark.parametrize(
    "path",
    [
        "/administration/users",
        "/administration/users/add",
        "/administration/apps",
        "/administration/apps/add",
        "/administration/organizations/{organization}",
        "/administration/organizations/{organization}/groups/add",
        "/administration/organizations/{organization}/environments/add",
        "/administration/environments/{environment}",
    ],
)
def test_only_administrators_administer(role: str, path: str, environment: Environment, log_in) -> None:
    user = make_user()
    make_role(user, environment.organization, role)
    address = path.format(organization=environment.organization.pk, environment=environment.pk)

    client = log_in(user)

    assert client.get(address).status_code == 403
    assert client.post(address, {"name": "Mine", "type": "sandbox"}).status_code == 403
    assert entries() == []


def test_everyone_sees_the_organizations_they_work_in(viewer: Client) -> None:
    page = viewer.get("/administration/organizations").content.decode()

    assert "Acme" in page
    assert "Rename" not in page


def test_administration_starts_with_the_audit_log_for_who_administers_nothing(viewer: Client) -> None:
    assert viewer.get("/administration")["Location"] == "/administration/audit"


def _seen_of_deploys(page: HttpResponse) -> str:
    """What the form that says how changes are deployed shows, by its mark."""
    _, form = re.split(r'action="[^"]*/deploys"', page.content.decode())
    return re.findall(r'name="seen" value="([^"]+)"', form)[0]


class TestDeploys:
    def test_an_administrator_says_how_saved_changes_are_deployed(
        self, admin: Client, environment: Environment
    ) -> None:
        address = f"/administration/environments/{environment.pk}"
        seen = _seen_of_deploys(admin.get(address))

        wrong = admin.post(
            f"{address}/deploys", {"deploys": "on-save", "failing_tests_stop": "on", "seen": seen}
        )
        done = admin.post(
            f"{address}/deploys", {"deploys": "second-person", "failing_tests_stop": "on", "seen": seen}
        )

        assert wrong.status_code == 422
        assert "Tests are run in a review" in wrong.content.decode()
        assert done.status_code == 302
        environment.refresh_from_db()
        assert (environment.deploys, environment.failing_tests_stop) == ("second-person", True)
        entry = AuditEntry.objects.latest("pk")
        assert entry.diff == {"deploys": ["on-save", "second-person"], "failing_tests_stop": [False, True]}
        page = admin.get(address).content.decode()
        assert "After a review by a second person" in page

    def test_who_was_second_is_told_and_may_overwrite(self, admin: Client, environment: Environment) -> None:
        address = f"/administration/environments/{environment.pk}"
        seen = _seen_of_deploys(admin.get(address))
        Environment.objects.update(deploys="review")

        late = admin.post(f"{address}/deploys", {"deploys": "on-save", "seen": seen})

        assert late.status_code == 422
        assert "after you opened it" in late.content.decode()
        assert f'action="{address}" data-keep="name"' in late.content.decode(), "the name is sent elsewhere"
        seen = _seen_of_deploys(late)
        assert admin.post(f"{address}/deploys", {"deploys": "on-save", "seen": seen}).status_code == 302
        environment.refresh_from_db()
        assert environment.deploys == "on-save"

    def test_nobody_else_does(self, environment: Environment) -> None:
        manager = Client()
        user = make_user()
        make_role(user, environment.organization, Role.Name.MANAGER)
        manager.force_login(user)

        answer = manager.post(f"/administration/environments/{environment.pk}/deploys", {"deploys": "review"})

        assert answer.status_code == 403
        environment.refresh_from_db()
        assert environment.deploys == "on-save"
