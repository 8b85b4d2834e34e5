"""What a connected app may do: its own role, in its own environments, until its own end."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from console import accounts
from console.models import AuditEntry, ConnectedApp, Environment, Role, User
from console.roles.models import CustomRole
from tests.factories import make_api, make_environment, make_gateway, make_organization, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

TOKEN = "/accounts/api/v2/oauth2/token"


@pytest.fixture
def production(environment: Environment) -> Environment:
    return make_environment(environment.organization, name="Production", type=Environment.Type.PRODUCTION)


def make_app(owner: User, *environments: Environment, **fields: Any) -> ConnectedApp:
    organization = fields.pop("organization", None) or environments[0].organization
    app = ConnectedApp(name="ci", organization=organization, owner=owner, **fields)
    app.renew_secret()
    app.save()
    app.environments.set(environments)
    return app


def rest_of(app: ConnectedApp, environment: Environment) -> Rest:
    secret = app.renew_secret()
    app.save()
    body = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": secret}
    answer = Rest(None)("POST", TOKEN, body)
    rest = Rest(None, environment)
    rest.headers = {"Authorization": f"Bearer {answer.data['access_token']}"}
    return rest


def form(environment: Environment, **fields: Any) -> dict[str, Any]:
    return {
        "name": "pipeline",
        "organization": environment.organization.pk,
        "role": "manager",
        "where": "chosen",
        "environments": [environment.pk],
        "expires": "90",
        **fields,
    }


def test_role_environments_and_end_are_asked_for_and_shown(admin: Client, environment: Environment) -> None:
    admin.post("/administration/apps/add", form(environment))

    app = ConnectedApp.objects.get()
    assert (app.role, list(app.environments.all()), app.in_every_environment) == (
        "manager",
        [environment],
        False,
    )
    assert app.expires_at
    assert timedelta(days=89) < app.expires_at - timezone.now() <= timedelta(days=90)
    page = admin.get("/administration/apps").content.decode()
    assert "Manager" in page
    assert "Sandbox" in page
    assert AuditEntry.objects.get().diff["environments"] == [None, "Acme / Sandbox"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"environments": []}, "Choose at least one environment"),
        ({"role": "administrator"}, "An administrator is one of the whole organization"),
        ({"expires": "date", "expires_at": "2020-01-01"}, "This is over already"),
        ({"expires": "date"}, "Choose the date"),
        ({"expires": ""}, "This field is required"),
        ({"role": "owner"}, "Select a valid choice"),
    ],
)
def test_access_that_cannot_be_is_refused_at_its_field(
    admin: Client, environment: Environment, fields: dict[str, Any], said: str
) -> None:
    answer = admin.post("/administration/apps/add", form(environment, **fields))

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not ConnectedApp.objects.exists()


def test_an_environment_of_others_cannot_be_chosen(admin: Client, environment: Environment) -> None:
    foreign = make_environment(make_organization("Rival"))

    answer = admin.post("/administration/apps/add", form(environment, environments=[foreign.pk]))

    assert answer.status_code == 422


def test_an_environment_beside_the_apps_organization_is_refused(
    admin: Client, administrator: User, environment: Environment
) -> None:
    other = make_environment(make_organization("Sister"))
    make_role(administrator, other.organization)

    answer = admin.post("/administration/apps/add", form(environment, environments=[other.pk]))

    assert "is not an environment of Acme" in answer.content.decode()


def test_an_app_reaches_its_environments_alone(
    administrator: User, environment: Environment, production: Environment
) -> None:
    app = make_app(administrator, environment, role=Role.Name.MANAGER)

    assert rest_of(app, environment)("GET", "AM").status_code == 200
    assert rest_of(app, production)("GET", "AM").status_code == 404


def test_an_app_does_no_more_than_its_role(administrator: User, environment: Environment) -> None:
    api = make_api(make_gateway(environment))
    rest = rest_of(make_app(administrator, environment, role=Role.Name.VIEWER), environment)

    assert rest("GET", f"AM/{api.pk}").status_code == 200
    assert rest("DELETE", f"AM/{api.pk}").status_code == 403


def test_an_app_of_an_administrator_of_everything_stays_in_its_organization(environment: Environment) -> None:
    foreign = make_environment(make_organization("Rival"))
    root = make_user("root", is_superuser=True)
    app = make_app(
        root, organization=environment.organization, role="administrator", in_every_environment=True
    )

    assert rest_of(app, environment)("GET", "AM").status_code == 200
    assert rest_of(app, foreign)("GET", "AM").status_code == 404
    organizations = rest_of(app, environment)("GET", "/accounts/api/me").data["user"]["memberOfOrganizations"]
    assert [one["name"] for one in organizations] == ["Acme"]


def test_an_app_may_no_longer_what_its_owner_may_not(environment: Environment) -> None:
    owner = make_user("mia")
    role = make_role(owner, environment.organization, Role.Name.MANAGER)
    api = make_api(make_gateway(environment))
    app = make_app(owner, organization=environment.organization, role="manager", in_every_environment=True)
    rest = rest_of(app, environment)
    assert rest("GET", f"AM/{api.pk}").status_code == 200

    role.delete()

    assert rest("GET", f"AM/{api.pk}").status_code == 404


def test_an_app_whose_last_environment_is_gone_reaches_nothing(
    administrator: User, environment: Environment, production: Environment
) -> None:
    app = make_app(administrator, production, role=Role.Name.MANAGER)
    rest = rest_of(app, environment)

    production.delete()

    assert rest("GET", "AM").status_code == 404


def test_an_expired_app_gets_no_token_and_its_tokens_end(
    administrator: User, environment: Environment
) -> None:
    app = make_app(administrator, environment, role=Role.Name.VIEWER)
    rest = rest_of(app, environment)
    app.expires_at = timezone.now() - timedelta(seconds=1)
    secret = app.renew_secret()
    app.save()

    body = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": secret}
    answer = Rest(None)("POST", TOKEN, body)

    assert answer.status_code == 401
    assert "expired on" in answer.data["message"]
    assert rest("GET", "AM").status_code == 401


def test_access_is_changed_without_a_new_secret(
    admin: Client, administrator: User, environment: Environment, production: Environment
) -> None:
    app = make_app(administrator, environment, role=Role.Name.MANAGER)
    before = app.secret_hash
    assert b"Save access" in admin.get(f"/administration/apps/{app.pk}/access").content

    admin.post(
        f"/administration/apps/{app.pk}/access",
        {"role": "viewer", "where": "chosen", "environments": [production.pk], "expires": "never"},
    )

    app.refresh_from_db()
    assert (app.role, app.expires_at, app.secret_hash) == ("viewer", None, before)
    assert list(app.environments.all()) == [production]
    diff = AuditEntry.objects.get().diff
    assert diff == {
        "environments": ["Acme / Sandbox", "Acme / Production"],
        "role": ["manager", "viewer"],
    }


def test_the_audit_log_names_the_app_that_a_change_came_by(
    administrator: User, environment: Environment
) -> None:
    api = make_api(make_gateway(environment))
    rest = rest_of(make_app(administrator, environment, role=Role.Name.MANAGER), environment)

    rest("DELETE", f"AM/{api.pk}")

    assert AuditEntry.objects.latest("at").actor_name == "ada by ci"


class TestChosenPermissions:
    def test_they_are_all_that_it_may_do(self, admin: Client, environment: Environment) -> None:
        sent = form(environment, role="scopes", scopes=["view:gateways"])
        admin.post("/administration/apps/add", sent)

        app = ConnectedApp.objects.get()
        assert app.permissions == {"view:gateways"}
        assert AuditEntry.objects.get().diff["permissions"] == [None, "View gateways"]
        api = make_api(make_gateway(environment))
        rest = rest_of(app, environment)
        assert rest("GET", "AMX/gateway-targets").status_code == 200
        assert rest("GET", "AM").data["total"] == 0
        assert rest("GET", f"AM/{api.pk}").status_code == 404

    @pytest.mark.parametrize("scopes", [[], ["fly:planes"], ["administer:organization"]])
    def test_what_cannot_be_chosen_is_refused(
        self, admin: Client, environment: Environment, scopes: list[str]
    ) -> None:
        answer = admin.post("/administration/apps/add", form(environment, role="scopes", scopes=scopes))

        assert answer.status_code == 422
        assert not ConnectedApp.objects.exists()

    def test_a_role_chosen_later_takes_their_place(
        self, admin: Client, administrator: User, environment: Environment
    ) -> None:
        app = make_app(administrator, environment, role="scopes", scopes=["view:gateways"])

        admin.post(
            f"/administration/apps/{app.pk}/access", form(environment, role="viewer", scopes=["view:apis"])
        )

        app.refresh_from_db()
        assert (app.role, app.scopes) == ("viewer", [])

    def test_who_lacks_a_permission_can_give_no_app_it(self, environment: Environment) -> None:
        owner, organization = make_user(), environment.organization
        custom = CustomRole.objects.create(
            organization=organization, name="people", permissions=["administer:organization"]
        )
        Role.objects.create(user=owner, organization=organization, name=Role.CUSTOM, custom=custom)
        access = accounts.AppAccess(ConnectedApp.SCOPES, (environment,), scopes=("manage:secrets",))

        with pytest.raises(ValidationError, match="does not hold Manage secrets"):
            accounts.create_connected_app(owner, organization, "ci", access)

    def test_rest_tells_them_to_administrators(self, administrator: User, environment: Environment) -> None:
        app = make_app(administrator, environment, role="scopes", scopes=["view:gateways"])
        viewer, path = make_user(), f"/accounts/api/connectedApplications/{app.pk}/scopes"
        make_role(viewer, environment.organization, Role.Name.VIEWER)

        place = {"org": str(environment.organization_id), "envId": str(environment.pk)}
        told = {"data": [{"scope": "view:gateways", "context_params": place}], "total": 1}
        assert Rest(administrator)("GET", path).data == told
        assert Rest(viewer)("GET", path).status_code == 404

    def test_an_app_that_may_look_alone_makes_no_client_application(
        self, administrator: User, environment: Environment
    ) -> None:
        path = f"/apiplatform/repository/v2/organizations/{environment.organization_id}/applications"
        looks = make_app(administrator, environment, role="scopes", scopes=["view:gateways"])
        manages = make_app(administrator, environment, role="scopes", scopes=["manage:contracts"])

        refused = rest_of(looks, environment)("POST", path, {"name": "shop"})
        assert refused.status_code == 403
        assert "Manage contracts" in refused.data["message"]
        assert rest_of(manages, environment)("POST", path, {"name": "shop"}).status_code == 201

    def test_who_logs_in_by_way_of_an_app_may_do_what_both_may(
        self, administrator: User, environment: Environment
    ) -> None:
        api, app = make_api(make_gateway(environment)), make_app(administrator, environment, role="scopes")
        app.scopes, secret = ["view:apis"], app.renew_secret()
        app.save()
        make_role(make_user("mia"), environment.organization, Role.Name.MANAGER)
        body = {"username": "mia", "password": "secret", "client_id": app.pk, "client_secret": secret}
        token = Rest(None)("POST", TOKEN, body | {"grant_type": "password"}).data["access_token"]
        rest = Rest(None, environment)
        rest.headers = {"Authorization": f"Bearer {token}"}

        assert rest("GET", f"AM/{api.pk}").status_code == 200
        assert rest("PUT", f"AM/{api.pk}/tags/night").status_code == 403
        assert rest("GET", "AMX/gateway-targets").status_code == 403

    def test_what_another_release_wrote_permits_nothing(
        self, administrator: User, environment: Environment
    ) -> None:
        known = make_app(administrator, environment, role="scopes", scopes=["view:gateways", "fly:planes"])
        unknown = make_app(administrator, environment, role="pilot")

        assert rest_of(known, environment)("GET", "AMX/gateway-targets").status_code == 200
        assert known.permissions == {"view:gateways"}
        assert rest_of(unknown, environment)("GET", "AMX/gateway-targets").status_code == 404
