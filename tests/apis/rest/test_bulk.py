"""REST: many APIs are changed at once, and each tells what became of it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.bulk import running
from apis.bulk.models import BulkChange, BulkItem
from apis.models import ApiInstance
from console.models import Environment, Role
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import Place, allow, make_place, make_saved_api
from tests.factories import make_api, make_environment, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
IPS = {"assetId": "ip-allowlist", "configurationData": {"ips": ["10.0.0.1"]}}


@pytest.fixture(autouse=True)
def _no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    from apis.tasks import work_on_bulk_change

    monkeypatch.setattr(work_on_bulk_change, "apply_async", lambda args, **_: None)


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def rest(place: Place) -> Rest:
    return Rest(place.user, place.environment)


@pytest.fixture
def bulk(place: Place) -> str:
    return of(place.environment)


def of(environment: Environment) -> str:
    start = f"/apimanager/api/v1/organizations/{environment.organization_id}"
    return f"{start}/environments/{environment.pk}/bulk-changes"


def done(rest: Rest, bulk: str, body: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """By the API's name, the state and the words."""
    made = rest("POST", bulk, body)
    assert made.status_code == 202, made.data
    running.work(made.data["id"])
    told = rest("GET", f"{bulk}/{made.data['id']}").data
    assert (told["state"], told["fault"], told["counts"]["waiting"]) == ("done", "", 0)
    items = rest("GET", f"{bulk}/{made.data['id']}/apis").data
    assert items["total"] == told["counts"]["total"]
    return {one["name"].split()[0]: (one["state"], one["message"]) for one in items["apis"]}


def fresh(api: ApiInstance) -> ApiInstance:
    return ApiInstance.objects.get(pk=api.pk)


def test_apis_are_deployed_and_each_tells_why_not(rest: Rest, bulk: str, place: Place) -> None:
    orders, paid = make_saved_api(place), make_saved_api(place, "Payments", deploy=True)
    homeless = make_saved_api(place, "Homeless", gateway=None)
    body = {"action": "deploy", "apiIds": [orders.pk, paid.pk, homeless.pk], "comment": "the fair"}

    found = done(rest, bulk, body)

    assert found == {
        "Orders": ("done", f"Deployed to {place.gateway}."),
        "Payments": ("unchanged", "It is deployed already."),
        "Homeless": ("failed", "No gateway is chosen for it; choose one in its settings."),
    }
    assert fresh(orders).is_deployed
    there = {"action": "deploy", "apiIds": [homeless.pk], "gatewayId": str(place.gateway.pk)}
    assert done(rest, bulk, there)["Homeless"][0] == "done"
    assert done(rest, bulk, {"action": "undeploy", "apiIds": [orders.pk]})["Orders"][0] == "done"
    assert not fresh(orders).is_deployed


def test_those_of_a_search_are_meant_and_no_others(rest: Rest, bulk: str, place: Place) -> None:
    make_saved_api(place, tags=["eu"])
    paid = make_saved_api(place, "Payments", tags=["us"])

    found = done(rest, bulk, {"action": "tag", "search": {"tag": "eu"}, "tags": ["pci"]})

    assert found == {"Orders": ("done", "Tagged pci.")}
    assert fresh(paid).tags == ["us"]
    assert len(done(rest, bulk, {"action": "untag", "search": {}, "tags": ["pci"]})) == 2
    refused(rest("POST", bulk, {"action": "deprecate", "search": {"tag": "asia"}}), 400, "search: No API")


def test_one_policy_is_applied_to_all_but_those_that_have_it(rest: Rest, bulk: str, place: Place) -> None:
    orders, paid = make_saved_api(place), make_saved_api(place, "Payments")
    allow(place, paid)
    ids = [orders.pk, paid.pk]

    found = done(rest, bulk, {"action": "policy", "apiIds": ids, "policy": IPS | {"label": "office"}})

    assert found["Orders"] == ("done", "IP Allowlist is applied.")
    assert found["Payments"][0] == "unchanged"
    assert (orders.policies.get().config["ips"], orders.policies.get().label) == (["10.0.0.1"], "office")


def test_what_is_deleted_is_confirmed_by_its_number(rest: Rest, bulk: str, place: Place) -> None:
    orders, paid = make_saved_api(place), make_saved_api(place, "Payments")
    body = {"action": "delete", "apiIds": [orders.pk, paid.pk]}

    refused(rest("POST", bulk, body), 400, 'confirm: Write "delete 2" to delete them.')
    refused(rest("POST", bulk, body | {"confirm": "delete 3"}), 400, "confirm")
    assert not BulkChange.objects.exists()
    assert {state for state, _ in done(rest, bulk, body | {"confirm": "delete 2"}).values()} == {"done"}
    assert not ApiInstance.objects.exists()
    back = done(rest, bulk, {"action": "restore", "apiIds": [orders.pk]})
    assert back == {"Orders": ("done", "It is back, and not deployed.")}
    refused(rest("POST", bulk, {"action": "restore", "apiIds": [orders.pk]}), 400, "There is none of these")
    refused(rest("POST", bulk, {"action": "restore", "search": {}}), 400, "No search finds what was deleted")


def test_where_changes_are_reviewed_what_is_deployed_was_looked_at(
    rest: Rest, bulk: str, place: Place
) -> None:
    orders, paid = make_saved_api(place), make_saved_api(place, "Payments")
    Environment.objects.filter(pk=place.environment.pk).update(deploys=Environment.Deploys.REVIEW)
    seen = {
        str(api.pk): rest("GET", f"AM/{api.pk}/pending").headers["ETag"].strip('"') for api in (orders, paid)
    }
    allow(place, paid)
    body = {"action": "deploy", "apiIds": [orders.pk, paid.pk]}

    refused(rest("POST", bulk, body), 400, "seen: In", "changes are reviewed")
    found = done(rest, bulk, body | {"seen": seen})

    assert found["Orders"][0] == "done"
    assert (found["Payments"][0], "was changed after you looked" in found["Payments"][1]) == ("failed", True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "action: This field is required."),
        ({"action": "explode", "search": {}}, 'action: "explode" is none of deploy, undeploy'),
        ({"action": "promote", "search": {}}, 'action: "promote" is none of'),
        ({"action": "deprecate"}, "apiIds: Say which APIs"),
        ({"action": "deprecate", "apiIds": [1], "search": {}}, "apiIds: Say which APIs"),
        ({"action": "deprecate", "apiIds": []}, "apiIds"),
        ({"action": "deprecate", "apiIds": [0]}, "apiIds.0"),
        ({"action": "deprecate", "search": {"tags": "eu"}}, "search.tags: There is no such field"),
        ({"action": "deprecate", "search": {"gateway": "edge"}}, "search.gateway: edge is no id"),
        ({"action": "deprecate", "search": {}, "tags": ["a"]}, "tags: It says nothing where"),
        ({"action": "deprecate", "search": {}, "tag": ["a"]}, "tag: There is no such field"),
        ({"action": "tag", "search": {}}, "tags: Write 1 to 20 tags"),
        ({"action": "tag", "search": {}, "tags": ["x" * 61]}, "tags.0"),
        ({"action": "tag", "search": {}, "tags": ["a"] * 21}, "tags"),
        ({"action": "deploy", "search": {}, "comment": "x" * 1001}, "comment"),
        (
            {"action": "deploy", "search": {}, "seen": {str(one): "a" for one in range(101)}},
            "seen: At most 100",
        ),
        ({"action": "policy", "search": {}}, "policy.assetId: Name the policy"),
        ({"action": "policy", "search": {}, "policy": {"assetId": "ip-allow"}}, "policy.assetId"),
        (
            {
                "action": "policy",
                "search": {},
                "policy": {"assetId": "ip-allowlist", "configurationData": {"ips": [7]}},
            },
            "policy.configurationData.ips",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_before_it_begins(
    rest: Rest, bulk: str, place: Place, body: dict[str, Any], words: str
) -> None:
    make_saved_api(place)

    refused(rest("POST", bulk, body), 400, words)

    assert not BulkChange.objects.exists()


def test_apis_and_gateways_of_other_places_are_not_there(rest: Rest, bulk: str, place: Place) -> None:
    orders, other = make_saved_api(place, gateway=None), make_api()
    there = {"action": "deploy", "apiIds": [orders.pk], "gatewayId": str(make_gateway().pk)}

    refused(rest("POST", bulk, {"action": "undeploy", "apiIds": [orders.pk, other.pk]}), 400, f"{other.pk}.")
    refused(rest("POST", bulk, there), 400, "gatewayId: That gateway is not in this environment")
    assert fresh(other).is_deployed


def test_one_is_stopped_and_what_was_not_reached_is_done_again(rest: Rest, bulk: str, place: Place) -> None:
    orders = make_saved_api(place)
    one = rest("POST", bulk, {"action": "deprecate", "apiIds": [orders.pk]}).data["id"]

    stopped = rest("POST", f"{bulk}/{one}/stop", {})
    running.work(one)
    again = rest("POST", f"{bulk}/{one}/again", {})

    assert (stopped.data["state"], stopped.data["counts"]["waiting"]) == ("stopped", 1)
    assert again.status_code == 202 and again.data["id"] != one
    running.work(again.data["id"])
    assert fresh(orders).is_deprecated
    refused(rest("POST", f"{bulk}/{again.data['id']}/again", {}), 400, "no longer kept")


def test_they_are_listed_and_their_results_filtered(rest: Rest, bulk: str, place: Place) -> None:
    orders, paid = make_saved_api(place, tags=["a"]), make_saved_api(place, "Payments")
    done(rest, bulk, {"action": "tag", "apiIds": [orders.pk, paid.pk], "tags": ["a"]})
    BulkChange.objects.create(environment=place.environment, by=place.user, action="promote", state="done")

    [one] = rest("GET", bulk).data["bulkChanges"]

    assert (one["action"], one["told"], one["by"]) == ("tag", "a", place.user.username)
    assert {name: count for name, count in one["counts"].items() if count} == {
        "total": 2,
        "done": 1,
        "unchanged": 1,
    }
    assert rest("GET", f"{bulk}?action=delete").data["total"] == 0
    results = rest("GET", f"{bulk}/{one['id']}/apis?state=unchanged&limit=1").data
    assert [(results["total"], it["apiId"]) for it in results["apis"]] == [(1, orders.pk)]
    refused(rest("GET", f"{bulk}/{one['id']}/apis?state=lost"), 400, 'state: "lost" is none of')


def test_who_may_not_change_them_looks_alone(rest: Rest, bulk: str, place: Place) -> None:
    orders = make_saved_api(place)
    one = rest("POST", bulk, {"action": "deprecate", "apiIds": [orders.pk]}).data["id"]
    viewer = make_place(Role.Name.VIEWER, place.environment)
    looking = Rest(viewer.user, place.environment)

    assert looking("GET", f"{bulk}/{one}").data["id"] == one
    refused(looking("POST", bulk, {}), 403)
    refused(looking("POST", f"{bulk}/{one}/stop", {}), 403)
    assert BulkChange.objects.get().state == "waiting"


def test_each_action_needs_its_own_permission(bulk: str, place: Place) -> None:
    from console.roles.models import CustomRole

    user, organization = make_user(), place.environment.organization
    own = CustomRole.objects.create(organization=organization, name="tags", permissions=["manage:apis"])
    make_role(user, organization, Role.CUSTOM, custom=own)
    orders, rest = make_saved_api(place), Rest(user, place.environment)

    refused(rest("POST", bulk, {"action": "deploy", "apiIds": [orders.pk]}), 403, "Deploy")
    refused(rest("POST", bulk, {"action": "policy", "apiIds": [orders.pk], "policy": IPS}), 403, "policies")
    assert done(rest, bulk, {"action": "tag", "apiIds": [orders.pk], "tags": ["a"]})["Orders"][0] == "done"


def test_only_who_began_it_does_it_again(rest: Rest, bulk: str, place: Place) -> None:
    one = rest("POST", bulk, {"action": "deprecate", "apiIds": [make_saved_api(place).pk]}).data["id"]
    rest("POST", f"{bulk}/{one}/stop", {})
    other = make_place(Role.Name.MANAGER, place.environment)

    refused(Rest(other.user, place.environment)("POST", f"{bulk}/{one}/again", {}), 403, "began it")
    assert BulkItem.objects.count() == 1


def test_nobody_elsewhere_finds_one(rest: Rest, bulk: str, place: Place) -> None:
    one = rest("POST", bulk, {"action": "deprecate", "apiIds": [make_saved_api(place).pk]}).data["id"]
    elsewhere = make_place(environment=make_environment())
    stranger = Rest(elsewhere.user, elsewhere.environment)

    for address in (f"{bulk}/{one}", f"{of(elsewhere.environment)}/{one}"):
        refused(stranger("GET", address), 404)
        refused(stranger("POST", f"{address}/stop", {}), 404)


def test_many_of_them_cost_no_more_queries(rest: Rest, bulk: str, place: Place) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            rest("GET", bulk)
        return len(asked)

    orders = make_saved_api(place)
    rest("POST", bulk, {"action": "deprecate", "apiIds": [orders.pk]})
    few = queries()
    for _ in range(5):
        rest("POST", bulk, {"action": "deprecate", "apiIds": [orders.pk]})

    assert queries() == few
    assert rest("GET", bulk).data["total"] == 6
