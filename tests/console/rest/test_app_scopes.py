"""What a connected app may do, set by REST as Anypoint's clients set it, by whom, and by whom not."""

from typing import Any

import pytest

from console.models import AuditEntry, ConnectedApp, Environment, Role, User
from console.roles.models import CustomRole
from tests.console.test_connected_apps import make_app, rest_of
from tests.factories import make_environment, make_organization, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def production(environment: Environment) -> Environment:
    return make_environment(environment.organization, name="Production")


class TestScopesByRest:
    def body(self, *scopes: str, **place: Any) -> dict[str, Any]:
        context = {name: str(value) for name, value in place.items()}
        return {"scopes": [{"scope": one, "context_params": context} for one in scopes]}

    def path(self, app: ConnectedApp) -> str:
        return f"/accounts/api/connectedApplications/{app.pk}/scopes"

    def held(self, app: ConnectedApp) -> list[tuple[str, bool, list[str]]]:
        app.refresh_from_db()
        where = [str(one) for one in app.environments.all()]
        return [(app.role, app.in_every_environment, [*app.scopes, *where])]

    def test_they_take_the_place_of_what_was_and_more_are_added(
        self, administrator: User, environment: Environment
    ) -> None:
        app, rest = make_app(administrator, environment, role="manager"), Rest(administrator)
        org = environment.organization_id
        here = {"org": org, "envId": environment.pk}

        first = rest("PUT", self.path(app), self.body("view:gateways", **here))
        assert (first.status_code, first.content) == (204, b"")
        assert self.held(app) == [("scopes", False, ["view:gateways", "Sandbox"])]
        assert AuditEntry.objects.get().diff["role"] == ["manager", "scopes"]
        rest("PATCH", self.path(app), self.body("deploy:apis", **here))
        assert self.held(app) == [("scopes", False, ["deploy:apis", "view:gateways", "Sandbox"])]
        told = rest("GET", self.path(app))
        again = rest("PUT", self.path(app), {"scopes": told.data["data"]}, **{"If-Match": told["ETag"]})
        assert again.status_code == 204
        assert again["ETag"] == told["ETag"]
        assert AuditEntry.objects.count() == 2

        everywhere = rest("PUT", self.path(app), self.body("administer:organization", org=org))
        assert everywhere.status_code == 204
        assert self.held(app) == [("scopes", True, ["administer:organization"])]
        late = rest("PUT", self.path(app), self.body("view:apis", org=org), **{"If-Match": told["ETag"]})
        assert late.status_code == 412

    def test_what_cannot_be_is_refused(
        self, administrator: User, environment: Environment, production: Environment
    ) -> None:
        foreign = make_environment(make_organization("Rival"))
        app, rest = make_app(administrator, environment, role="viewer"), Rest(administrator)
        org, there = environment.organization_id, foreign.organization_id
        uneven = self.body("view:apis", org=org, envId=environment.pk)["scopes"]
        uneven += self.body("view:gateways", org=org, envId=production.pk)["scopes"]
        for body, words in (
            ({}, "required"),
            ({"scopes": []}, "may not be empty"),
            (self.body("profile", org=org), '"profile" is none of administer:environment'),
            (self.body("view:apis"), "org"),
            (self.body("view:apis", org=there), "is not the app's organization"),
            (self.body("view:apis", org=there, envId=foreign.pk), "is no environment of"),
            (self.body("view:apis", org=org, envId=foreign.pk), "is no environment of"),
            (self.body("view:apis", org=org, envId=there), "is no environment of"),
            (self.body("administer:organization", org=org, envId=environment.pk), "choose every"),
            ({"scopes": uneven}, "holds in the same places"),
        ):
            answer = rest("PUT", self.path(app), body)
            assert answer.status_code == 400, (body, answer.data)
            assert words in answer.data["message"], answer.data["message"]
        assert self.held(app) == [("viewer", False, ["Sandbox"])]

    def test_an_app_raises_neither_itself_nor_another(
        self, administrator: User, environment: Environment
    ) -> None:
        organization = environment.organization
        given = {"organization": organization, "in_every_environment": True, "role": "scopes"}
        app = make_app(administrator, scopes=["administer:organization"], **given)
        other = make_app(administrator, scopes=["view:apis"], **given)
        rest = rest_of(app, environment)

        for one in (app, other):
            for method in ("PUT", "PATCH"):
                answer = rest(method, self.path(one), self.body("manage:secrets", org=organization.pk))
                assert answer.status_code == 400
                assert "ada by ci does not hold Manage secrets" in answer.data["message"]
        lower = rest("PUT", self.path(other), self.body("administer:organization", org=organization.pk))
        assert lower.status_code == 204
        assert other.environments.count() == 0

    def test_nobody_gives_them_to_an_app_of_another_organization(
        self, administrator: User, environment: Environment
    ) -> None:
        rival = make_environment(make_organization("Rival"))
        owner = make_user("rick")
        make_role(owner, rival.organization)
        theirs, rest = make_app(owner, rival, role="viewer"), Rest(administrator)
        place = {"org": rival.organization_id, "envId": rival.pk}

        assert rest("PUT", self.path(theirs), self.body("view:apis", **place)).status_code == 404
        ours = make_app(administrator, environment, role="viewer")
        below = f"/accounts/api/organizations/{rival.organization_id}/connectedApplications/{ours.pk}/scopes"
        assert rest("GET", below).status_code == 404
        assert self.held(theirs) == [("viewer", False, [rival.name])]

    def test_an_app_holds_nothing_that_its_owner_lacks(self, environment: Environment) -> None:
        owner, organization = make_user(), environment.organization
        custom = CustomRole.objects.create(
            organization=organization, name="people", permissions=["administer:organization"]
        )
        Role.objects.create(user=owner, organization=organization, name=Role.CUSTOM, custom=custom)
        app = make_app(owner, environment, role="viewer")

        answer = Rest(owner)("PUT", self.path(app), self.body("view:apis", org=organization.pk))

        assert answer.status_code == 400
        assert "does not hold View APIs there" in answer.data["message"]
