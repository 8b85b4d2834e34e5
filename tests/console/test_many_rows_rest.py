"""However many rows a list of REST has, whoever asks for it asks the database equally often."""

from typing import Any

import pytest

from apis.bulk.models import BulkChange, BulkItem
from apis.change_set import ChangeSet
from apis.lists.models import SavedView
from apis.models import ApiInstance
from apis.tasks import run_tests, work_on_bulk_change
from console.models import Role
from tests.apis.views.pages import Place, allow, make_place, make_saved_api
from tests.console.test_many_rows import asked
from tests.factories import make_application, make_contract, make_policy_set, make_tier, make_tls_context
from tests.rest import Rest

pytestmark = pytest.mark.django_db
FEW, MANY = 2, 6
OF_AN_API = (
    "AM/{api}/upstreams",
    "AM/{api}/tiers",
    "AM/{api}/contracts",
    "AM/{api}/deployments",
    "AM/{api}/revisions",
    "AM/{api}/policies",
    "AM/{api}/policies?fullInfo=false",
    "AM/{api}/deleted-policies",
    "AM/{api}/tests",
    "AM/{api}/findings",
    "AM/{api}/pending",
    "AM/{api}/alerts",
    "PX/{api}/deployments",
)
OF_AN_ENVIRONMENT = (
    "AMX/apis",
    "AMX/flex-gateway-targets",
    "AMX/flex-gateway-targets/{gateway}/apis",
    "saved-views",
    "bulk-changes",
    "bulk-changes/{bulk}",
    "bulk-changes/{bulk}/apis",
    "change-sets",
    "change-sets/{set}",
    "deleted-apis",
    "deleted-automated-policies",
    "findings",
    "tls-contexts",
    "policy-sets",
)
OF_AN_ORGANIZATION = (
    "/apimanager/api/v1/organizations/{organization}/automated-policies",
    "/apimanager/api/v1/organizations/{organization}/automated-policies/{automated}/apis",
    "/apiplatform/repository/v2/organizations/{organization}/applications",
    "/exchange/api/v2/organizations/{organization}/applications",
    "/exchange/api/v2/organizations/{organization}/applications/{application}/contracts",
    "/accounts/api/organizations/{organization}/members",
    "/accounts/api/organizations/{organization}/environments",
)
IPS = {"assetId": "ip-blocklist", "configurationData": {"ips": ["10.0.0.1"]}}


@pytest.fixture(autouse=True)
def _no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_on_bulk_change, "apply_async", lambda args, **_: None)
    monkeypatch.setattr(run_tests, "apply_async", lambda args, **_: None)


def make_one_more_of_each(place: Place, rest: Rest, api: ApiInstance, known: dict[str, Any]) -> None:
    """Of all that the lists show; most by REST itself."""
    number = ApiInstance.objects.count()

    def made(method: str, address: str, body: Any, status: int = 201) -> Any:
        answer = rest(method, address.format(**known), body)
        assert answer.status_code == status, (address, answer.data)
        return answer.data

    other = make_saved_api(place, f"Other{number}", deploy=True)
    gone = make_saved_api(place, f"Gone{number}")
    made("DELETE", f"AM/{gone.pk}", None, 204)
    made("POST", "AM/{api}/upstreams", {"uri": f"http://backend-{number}.test/"})
    made("PATCH", "AM/{api}", {"endpoint": {"responseTimeout": 1000 + number}}, 200)
    removed = allow(place, api, label=f"Label {number}")
    made("DELETE", f"AM/{api.pk}/policies/{removed.pk}", None, 204)
    allow(place, api, label=f"Kept {number}")
    made("POST", "AM/{api}/tests", {"name": f"{number}", "target": "/", "expect": {"status": 200}})
    application = make_application(place.environment.organization)
    application.owners.add(place.user)
    make_contract(api, application=application, tier=make_tier(api))
    make_contract(other, application=known.setdefault("of", application))
    known["application"] = known["of"].pk
    made("POST", "{here}/saved-views", {"name": f"View {number}", "search": {"tag": f"{number}"}})
    bulk = {"action": "tag", "apiIds": [other.pk, api.pk], "tags": ["eu"]}
    known["bulk"] = made("POST", "{here}/bulk-changes", bulk, 202)["id"]
    automated = IPS | {"ruleOfApplication": {"environmentId": str(place.environment.pk)}}
    start = "/apimanager/api/v1/organizations/{organization}/automated-policies"
    known["automated"] = made("POST", start, automated)["id"]
    going = made("POST", start, automated)["id"]
    made("DELETE", f"{start}/{going}", None, 204)
    allowed = IPS | {"assetId": "ip-allowlist"}
    made("POST", f"AM/{other.pk}/policies?deploy=false", allowed)
    chosen = {"gatewayId": str(place.gateway.pk), "apiIds": [other.pk]}
    known["set"] = made("POST", "{here}/change-sets", chosen)["id"]
    make_tls_context(place.environment)
    make_policy_set(place.environment)
    made("PATCH", "AM/{api}?deploy=false", {"instanceLabel": f"label {number}"}, 200)


def test_each_list_asks_as_often_for_many_rows_as_for_few(settings: Any) -> None:
    settings.HEARTBEAT_SECONDS = 3600  # however slow the machine, the gateway stays Connected
    place = make_place(Role.Name.ADMINISTRATOR)
    environment, api = place.environment, make_saved_api(place, deploy=True)
    rest = Rest(place.user, environment)
    start = f"/apimanager/api/v1/organizations/{environment.organization_id}"
    known: dict[str, Any] = {
        "organization": environment.organization_id,
        "here": f"{start}/environments/{environment.pk}",
        "api": api.pk,
        "gateway": place.gateway.pk,
    }
    ours = [one if one.startswith("AM") else f"{{here}}/{one}" for one in OF_AN_ENVIRONMENT]
    addresses = (*OF_AN_API, *ours, *OF_AN_ORGANIZATION)

    def queries() -> dict[str, int]:
        return {
            one: asked(lambda one=one: rest("GET", one.format(**known)))  # type: ignore[misc]
            for one in addresses
        }

    for _ in range(FEW):
        make_one_more_of_each(place, rest, api, known)
    queries()
    few = queries()
    for _ in range(MANY - FEW):
        make_one_more_of_each(place, rest, api, known)
    many = queries()

    assert {one: (few[one], many[one]) for one in many if many[one] > few[one]} == {}
    assert (SavedView.objects.count(), BulkChange.objects.count(), ChangeSet.objects.count()) == (MANY,) * 3
    assert BulkItem.objects.count() == 2 * MANY
