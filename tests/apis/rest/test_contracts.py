"""REST: SLA tiers, contracts, client applications."""

import re
from typing import Any

import pytest

from apis.changes import contracts
from apis.contracts.access import is_hidden
from apis.contracts.models import Application, Contract
from apis.models import ApiInstance
from console.models import AuditEntry, Environment, Role, digest
from console.teams.models import Team
from gateways.models import Gateway
from tests.factories import (
    make_api,
    make_application,
    make_contract,
    make_organization,
    make_role,
    make_tier,
    make_user,
)
from tests.rest import Rest

pytestmark = pytest.mark.django_db
LIMIT = {"visible": True, "maximumRequests": 100, "timePeriodInMilliseconds": 60_000}
TIER = {
    "apiVersionId": "1001",
    "status": "ACTIVE",
    "name": "Gold",
    "description": "",
    "autoApprove": False,
    "limits": [LIMIT],
}


@pytest.fixture
def api(gateway: Gateway) -> ApiInstance:
    return make_api(gateway)


@pytest.fixture
def applications(environment: Environment) -> str:
    return f"/apiplatform/repository/v2/organizations/{environment.organization_id}/applications"


@pytest.fixture
def exchange(environment: Environment) -> str:
    return f"/exchange/api/v2/organizations/{environment.organization_id}/applications"


def test_tiers_are_made_listed_changed_and_deleted(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", f"AM/{api.pk}/tiers", TIER)
    assert made.status_code == 201, made.data
    one = f"AM/{api.pk}/tiers/{made.data['id']}"
    make_contract(api, tier=api.tiers.get())

    listed = rest("GET", f"AM/{api.pk}/tiers?limit=10&offset=0&sort=id&query=gol&ascending=true").data
    assert listed["total"] == 1
    [tier] = listed["tiers"]
    assert (tier["name"], tier["autoApprove"], tier["applicationCount"]) == ("Gold", False, 1)
    assert (tier["limits"], tier["apiVersionId"], tier["apiId"]) == ([LIMIT], str(api.pk), api.pk)
    assert set(tier["audit"]) == {"created", "updated"}
    # As clients copy: the whole object comes back.
    put = rest("PUT", one, {**tier, "name": "Platinum", "autoApprove": True})
    assert (put.status_code, put.data["name"], put.data["autoApprove"]) == (200, "Platinum", True)
    assert rest("PATCH", one, {"status": "DEPRECATED"}).data["status"] == "DEPRECATED"
    refused = rest("DELETE", one)
    assert refused.status_code == 409 and "a contract is on it" in refused.data["message"]
    Contract.objects.all().delete()
    assert rest("DELETE", one).status_code == 204
    assert rest("GET", one).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"limits": []}, "limits"),
        ({"limits": [LIMIT | {"visible": False}]}, "limits"),
        ({"limits": [LIMIT | {"maximumRequests": 0}]}, "limits.0.maximumRequests"),
        ({"status": "GONE"}, "status"),
    ],
)
def test_a_tier_that_cannot_be_is_refused(
    rest: Rest, api: ApiInstance, change: dict[str, Any], field: str
) -> None:
    refused = rest("POST", f"AM/{api.pk}/tiers", {**TIER, **change})

    assert refused.status_code == 400
    assert [error["field"] for error in refused.data["errors"]] == [field]
    assert not api.tiers.exists()


def test_access_is_asked_for_and_decided(rest: Rest, api: ApiInstance) -> None:
    tier = make_tier(api)
    application = make_application(api.environment.organization, name="Shop")
    body = {
        "applicationId": application.pk,
        "requestedTierId": tier.pk,
        "requestAccessInfo": {"reason": "To sell"},
        "acceptedTerms": True,
    }

    made = rest("POST", f"AM/{api.pk}/contracts", body)
    assert made.status_code == 201, made.data
    assert (made.data["status"], made.data["requestedTierId"], made.data["tierId"]) == (
        "PENDING",
        tier.pk,
        None,
    )
    assert made.data["requestAccessInfo"] == {"reason": "To sell"}
    assert rest("POST", f"AM/{api.pk}/contracts", body).status_code == 409
    one, steps = f"AM/{api.pk}/contracts/{made.data['id']}", f"AMX/apis/{api.pk}/contracts/{made.data['id']}"
    approved = rest("POST", f"{steps}/approve", {"answer": "Welcome"})
    assert (approved.status_code, approved.data["status"]) == (201, "APPROVED")
    assert (approved.data["tier"]["name"], approved.data["answer"]) == (tier.name, "Welcome")
    assert rest("GET", f"AM/{api.pk}").data["activeContractsCount"] == 1
    active = rest("DELETE", one)
    assert active.status_code == 400 and "revoke it first" in active.data["message"]
    assert rest("PATCH", one, {"status": "REVOKED"}).data["status"] == "REVOKED"
    assert rest("POST", f"{steps}/reject").status_code == 409
    assert rest("POST", f"{steps}/restore").data["status"] == "APPROVED"
    assert rest("POST", f"{steps}/revoke").data["revokedDate"]
    assert rest("GET", f"AM/{api.pk}").data["activeContractsCount"] == 0
    assert rest("PATCH", one, {"status": "APPROVED"}).data["status"] == "APPROVED"
    rest("PATCH", one, {"status": "REVOKED"})
    assert rest("DELETE", one).status_code == 204


def test_a_contract_is_found_by_its_client_id(rest: Rest, api: ApiInstance) -> None:
    first, second = make_contract(api), make_contract(api)

    for query in (f"coreServicesId={first.application.client_id}", f"query={first.application.name}"):
        found = rest("GET", f"AM/{api.pk}/contracts?limit=1&{query}").data
        assert found["total"] == 1
        [contract] = found["contracts"]
        assert contract["id"] == first.pk
        assert contract["application"]["coreServicesId"] == first.application.client_id
        assert (contract["tier"], contract["requestedTier"]) == (None, None)
    ids = [one["id"] for one in rest("GET", f"AM/{api.pk}/contracts").data["contracts"]]
    assert ids == [first.pk, second.pk]


def test_tiers_of_a_contract_change_by_patch(rest: Rest, api: ApiInstance) -> None:
    one, two = make_tier(api), make_tier(api)
    contract = make_contract(api, tier=one)
    path = f"AM/{api.pk}/contracts/{contract.pk}"

    assert rest("PATCH", path, {"requestedTierId": two.pk}).data["requestedTierId"] == two.pk
    assert rest("PATCH", path, {"requestedTierId": None}).data["requestedTier"] is None
    assert rest("PATCH", path, {"tierId": two.pk}).data["tierId"] == two.pk
    wrong = rest("PATCH", path, {"tierId": make_tier().pk})

    assert wrong.status_code == 400 and wrong.data["errors"][0]["field"] == "tierId"


def test_applications_and_their_secrets(rest: Rest, applications: str, exchange: str) -> None:
    made = rest("POST", applications, {"name": "Shop", "redirectUri": ["https://shop.example/"]})
    assert made.status_code == 201, made.data
    application = Application.objects.get()
    assert made.data["clientId"] == application.client_id
    assert application.secrets.get().digest == digest(made.data["clientSecret"])
    assert made.data["owners"][0]["username"]

    listed = rest("GET", f"{applications}?query=sho").data
    assert (listed["total"], listed["applications"][0]["id"]) == (1, application.pk)
    assert "clientSecret" not in listed["applications"][0]
    assert [one["name"] for one in rest("GET", exchange).data] == ["Shop"]
    read = rest("GET", f"{exchange}/{application.pk}")
    stale = rest("PATCH", f"{exchange}/{application.pk}", {"url": "https://a.example"}, **{"If-Match": '"x"'})
    assert stale.status_code == 412
    tag = {"If-Match": read["ETag"]}
    assert rest("PATCH", f"{exchange}/{application.pk}", {"name": "Store"}, **tag).data["name"] == "Store"
    reset = rest("POST", f"{applications}/{application.pk}/secret/reset", {"overlapSeconds": 60})
    assert reset.status_code == 201 and application.secrets.live().count() == 2
    assert application.secrets.first().digest == digest(reset.data["clientSecret"])  # type: ignore[union-attr]
    assert rest("DELETE", f"{applications}/{application.pk}").status_code == 204
    assert not Application.objects.exists()


def test_an_owner_without_a_role_finds_their_own_alone(
    api: ApiInstance, applications: str, exchange: str
) -> None:
    owner, organization = make_user(), api.environment.organization
    mine, other = make_application(organization, owners=[owner]), make_application(organization)
    rest = Rest(owner, api.environment)

    assert [one["id"] for one in rest("GET", applications).data["applications"]] == [mine.pk]
    assert rest("GET", f"{applications}/{other.pk}").status_code == 404
    made = rest("POST", f"{exchange}/{mine.pk}/contracts", {"apiId": api.pk, "acceptedTerms": True})
    assert made.status_code == 201, made.data
    assert [one["id"] for one in rest("GET", f"{exchange}/{mine.pk}/contracts").data] == [made.data["id"]]
    elsewhere = rest("POST", f"{exchange}/{mine.pk}/contracts", {"apiId": make_api().pk})
    assert elsewhere.status_code == 400
    assert rest("POST", f"{applications}/{mine.pk}/secret/reset").status_code == 201
    assert rest("GET", f"AM/{api.pk}/contracts").status_code == 404


def test_teams_own_applications_and_apis(rest: Rest, api: ApiInstance, applications: str) -> None:
    organization = api.environment.organization
    team = Team.objects.create(organization=organization, name="Shop people")
    member = make_user()
    team.memberships.create(user=member)

    made = rest("POST", applications, {"name": "Shop", "ownerTeams": [{"id": team.pk}]})
    wrong = rest("PATCH", f"{applications}/{made.data['id']}", {"ownerTeams": [{"id": 2**40}]})
    theirs = Rest(member, api.environment)("GET", applications)
    owners = rest("PUT", f"AM/{api.pk}/owners", {"owners": ["team:Shop people"]})

    assert made.status_code == 201, made.data
    assert made.data["ownerTeams"] == [
        {"id": team.pk, "name": "Shop people", "organizationId": str(organization.pk)}
    ]
    assert (made.data["owners"], made.data["owner"]) == ([], "team Shop people")
    assert wrong.status_code == 400 and "ownerTeams" in str(wrong.data)
    assert [one["id"] for one in theirs.data["applications"]] == [made.data["id"]]
    assert owners.data["owners"][0]["teamId"] == team.pk, owners.data


def test_people_and_teams_of_another_tenant_are_as_if_they_were_not(rest: Rest, applications: str) -> None:
    stranger = make_user("mallory")
    make_role(stranger, make_organization("Rival"))
    theirs = Team.objects.create(organization=make_organization("Elsewhere"), name="Payments task force")

    def said(body: dict[str, Any]) -> str:
        answer = rest("POST", applications, {"name": "Shop", **body})
        assert answer.status_code == 400
        return re.sub(r"(team|user) [0-9a-f-]+", r"\1 ID", answer.content.decode())

    team, user = said({"ownerTeams": [{"id": theirs.pk}]}), said({"owners": [{"id": str(stranger.pk)}]})

    assert team == said({"ownerTeams": [{"id": 2**40}]})
    assert user == said({"owners": [{"id": "00000000-0000-4000-8000-000000000000"}]})
    assert "task force" not in team and "mallory" not in user


def test_a_viewer_who_owns_an_application_asks_and_decides_nothing(api: ApiInstance) -> None:
    viewer, organization = make_user(), api.environment.organization
    make_role(viewer, organization, Role.Name.VIEWER)
    mine, other = make_application(organization, owners=[viewer]), make_application(organization)
    tier, rest = make_tier(api), Rest(viewer, api.environment)
    body = {"applicationId": mine.pk, "requestedTierId": tier.pk}

    made = rest("POST", f"AM/{api.pk}/contracts", body)

    assert made.status_code == 201
    assert rest("POST", f"AM/{api.pk}/contracts", {**body, "applicationId": other.pk}).status_code == 403
    one = made.data["id"]
    assert rest("PATCH", f"AM/{api.pk}/contracts/{one}", {"status": "APPROVED"}).status_code == 403
    assert rest("POST", f"AMX/apis/{api.pk}/contracts/{one}/approve").status_code == 403
    assert Contract.objects.get().status == "PENDING"


def test_applications_of_another_tenant_do_not_exist(rest: Rest, api: ApiInstance) -> None:
    theirs = make_application(make_organization())

    refused = rest("POST", f"AM/{api.pk}/contracts", {"applicationId": theirs.pk})

    assert refused.status_code == 400 and refused.data["errors"][0]["field"] == "applicationId"
    path = f"/exchange/api/v2/organizations/{theirs.organization_id}/applications"
    assert rest("GET", path).status_code == 404


def test_a_changed_secret_is_told_to_nobody(rest: Rest, api: ApiInstance) -> None:
    contract = make_contract(api)
    contracts.revoke(make_user(), contract)

    text = rest("GET", f"AM/{api.pk}/contracts").content.decode()

    assert "ecret" not in text and digest("s3cret") not in text


def test_an_api_is_hidden_from_consumers_and_shown_again(rest: Rest, api: ApiInstance, exchange: str) -> None:
    owner = make_user()
    shop = make_application(api.environment.organization, owners=[owner])
    path, consumer = f"AM/{api.pk}/visibility", Rest(owner, api.environment)
    request = {"apiId": api.pk, "acceptedTerms": True}

    def asked() -> int:
        return consumer("POST", f"{exchange}/{shop.pk}/contracts", request).status_code

    assert rest("GET", path).data == {"hiddenFromConsumers": False}
    for _ in range(2):
        assert rest("PUT", path, {"hiddenFromConsumers": True}).data == {"hiddenFromConsumers": True}
    assert asked() == 400
    assert rest("GET", path).data == {"hiddenFromConsumers": True}
    rest("PUT", path, {"hiddenFromConsumers": False})
    assert asked() == 201
    history = AuditEntry.objects.filter(object_id=str(api.pk), diff__has_key="consumers find it")
    assert [one.diff["consumers find it"] for one in history.order_by("at")] == [[True, False], [False, True]]


@pytest.mark.parametrize(
    "body", [{}, {"hiddenFromConsumers": "perhaps"}, {"hidden": True}, {"hiddenFromConsumers": None}]
)
def test_a_visibility_that_says_nothing_is_refused(
    rest: Rest, api: ApiInstance, body: dict[str, Any]
) -> None:
    assert rest("PUT", f"AM/{api.pk}/visibility", body).status_code == 400
    assert not is_hidden(api)


def test_who_manages_no_contracts_hides_nothing(api: ApiInstance) -> None:
    viewer, stranger = make_user(), make_user()
    make_role(viewer, api.environment.organization, Role.Name.VIEWER)
    make_role(stranger, make_organization(), Role.Name.MANAGER)
    path, body = f"AM/{api.pk}/visibility", {"hiddenFromConsumers": True}

    assert Rest(viewer, api.environment)("GET", path).status_code == 200
    assert Rest(viewer, api.environment)("PUT", path, body).status_code == 403
    assert Rest(stranger, api.environment)("PUT", path, body).status_code == 404
    assert not is_hidden(api)
