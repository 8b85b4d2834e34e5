"""REST: automated policies, as clients of Anypoint call them."""

from typing import Any

import pytest

from apis.automated.models import AutomatedPolicy
from apis.changes.policies import apply_policy
from console.models import AuditEntry, Environment, Role
from gateways.models import Gateway
from policies.policy import CATALOG_GROUP
from tests.factories import (
    make_actor,
    make_api,
    make_automated,
    make_environment,
    make_gateway,
    make_role,
    make_user,
)
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def path(environment: Environment, rest: str = "") -> str:
    return f"/apimanager/api/v1/organizations/{environment.organization_id}/automated-policies{rest}"


def body(environment: Environment, **fields: Any) -> dict[str, Any]:
    """What the vendor's SDK sends; `rule` adds to the rule of application."""
    rule = {"environmentId": str(environment.pk), **fields.pop("rule", {})}
    return {
        "ruleOfApplication": rule,
        "groupId": CATALOG_GROUP,
        "assetId": "ip-blocklist",
        "assetVersion": "1.1.0",
        "configurationData": {"ips": ["10.9.9.9"]},
        "pointcutData": None,
        **fields,
    }


@pytest.fixture
def newest() -> str:
    from policies import catalog

    return catalog.find("ip-blocklist").version


def test_added_listed_read_changed_and_deleted(
    rest: Rest, environment: Environment, gateway: Gateway, newest: str
) -> None:
    api = make_api(gateway, tags=["public"])
    made = rest("POST", path(environment), body(environment, assetVersion=newest, rule={"tags": ["public"]}))
    assert made.status_code == 201, made.data
    one = path(environment, f"/{made.data['id']}")
    assert (made.data["order"], made.data["disabled"], made.data["conflicts"]) == (1, False, "wins")
    assert made.data["ruleOfApplication"]["tags"] == ["public"]
    gateway.refresh_from_db()
    assert gateway.generation == 1

    listed = rest("GET", path(environment) + f"?environmentId={environment.pk}")
    assert listed.data == {"automatedPolicies": [made.data], "total": 1}
    assert rest("GET", path(environment).replace("/api/v1/", "/xapi/v1/")).data == listed.data
    read = rest("GET", one)
    assert read.data == made.data

    changed = rest(
        "PATCH",
        one,
        {"disabled": True, "pointcutData": [{"methodRegex": "POST"}], "conflicts": "yields"},
        **{"If-Match": read.headers["ETag"]},
    )
    assert changed.status_code == 200, changed.data
    assert (changed.data["disabled"], changed.data["conflicts"]) == (True, "yields")
    assert changed.data["pointcutData"] == [{"methodRegex": "POST", "uriTemplateRegex": None}]
    assert changed.data["configurationData"] == {"ips": ["10.9.9.9"]}
    assert rest("PATCH", one, {"label": "x"}, **{"If-Match": read.headers["ETag"]}).status_code == 412

    covered = rest("GET", f"{one}/apis")
    assert covered.data["total"] == 1
    (coverage,) = covered.data["apis"]
    assert (coverage["id"], coverage["coverage"]["covered"]) == (api.pk, False)
    assert coverage["coverage"]["reason"] == "The policy is disabled."
    assert rest("GET", f"{one}/apis?covered=true").data["total"] == 0
    assert rest("GET", f"{one}/implementationAssets").data["implementationAssets"][0]["technology"] == (
        "flexGateway"
    )

    assert rest("DELETE", one).status_code == 204
    assert rest("GET", one).status_code == 404
    kinds = AuditEntry.objects.filter(object_type="automatedpolicy").values_list("action", flat=True)
    assert sorted(kinds) == ["create", "delete", "update"]


def test_a_conflict_is_told_for_each_api(rest: Rest, environment: Environment, gateway: Gateway) -> None:
    api = make_api(gateway)
    apply_policy(make_actor(), api, "ip-blocklist", {"ips": ["10.1.1.1"]})
    policy = make_automated(environment)

    (told,) = rest("GET", path(environment, f"/{policy.pk}/apis")).data["apis"]

    assert told["hasItsOwn"] is True
    assert told["coverage"] == {"covered": True, "reason": "Its own rests meanwhile."}


def test_ordered_as_a_whole_and_one_by_one(rest: Rest, environment: Environment) -> None:
    first, second, third = (make_automated(environment) for _ in range(3))
    where = path(environment) + f"?environmentId={environment.pk}"
    wanted = [{"id": one.pk, "order": at} for at, one in enumerate((third, first, second), 1)]

    listed = rest("PATCH", where, wanted)

    assert [one["id"] for one in listed.data["automatedPolicies"]] == [third.pk, first.pk, second.pk]
    assert rest("PATCH", path(environment), wanted).status_code == 400
    assert rest("PATCH", where, wanted[:2]).status_code == 400
    moved = rest("PATCH", path(environment, f"/{second.pk}"), {"order": 1})
    assert moved.data["order"] == 1


def test_a_range_of_mules_runtimes_is_warned_of(rest: Rest, environment: Environment, newest: str) -> None:
    rule = {"range": {"from": "4.1.1", "to": None}}
    made = rest("POST", path(environment), body(environment, assetVersion=newest, rule=rule))

    assert made.status_code == 201
    assert "ruleOfApplication.range" in made.headers["Warning"]
    assert "Warning" not in rest("GET", path(environment, f"/{made.data['id']}")).headers


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"configurationData": {"ips": ["x"]}}, "configurationData.ips"),
        ({"rule": {"names": "(", "namesAre": "regex"}}, "ruleOfApplication.names"),
        ({"rule": {"tagss": ["a"]}}, "ruleOfApplication.tagss"),
        ({"rule": {"gatewayIds": ["5e6e9bd5-0b38-4b7a-9c8e-b5b6f4bd1b9f"]}}, "ruleOfApplication.gatewayIds"),
        (
            {"assetId": "idle-timeout", "assetVersion": None, "configurationData": {}},
            "act on requests to APIs",
        ),
        ({"assetId": "nowhere"}, "assetId"),
        ({"assetVersion": "9.0.0"}, "assetVersion"),
        ({"conflicts": "loses"}, "conflicts"),
        ({"groupId": "5e6e9bd5-0b38-4b7a-9c8e-b5b6f4bd1b9f"}, "groupId"),
    ],
)
def test_what_is_wrong_is_said_by_the_clients_names(
    rest: Rest, environment: Environment, newest: str, fields: dict[str, Any], at: str
) -> None:
    answer = rest("POST", path(environment), body(environment, **{"assetVersion": newest} | fields))

    assert answer.status_code == 400, answer.data
    assert at in str(answer.data)
    assert not AutomatedPolicy.objects.exists()


def test_who_sees_one_environment_sees_its_policies_alone(environment: Environment) -> None:
    other = make_environment(environment.organization)
    ours, theirs = make_automated(environment), make_automated(other)
    user = make_user()
    make_role(user, environment.organization, Role.Name.MANAGER, environment=environment)
    rest = Rest(user)

    listed = rest("GET", path(environment)).data["automatedPolicies"]

    assert [one["id"] for one in listed] == [ours.pk]
    for method in ("GET", "PATCH", "DELETE"):
        assert rest(method, path(environment, f"/{theirs.pk}"), {}).status_code == 404
    assert rest("POST", path(environment), body(other)).status_code == 404
    rule = {"environmentId": str(other.pk)}
    moved = rest("PATCH", path(environment, f"/{ours.pk}"), {"ruleOfApplication": rule})
    assert moved.status_code == 400
    stranger = make_gateway(other)
    rule = {"environmentId": str(environment.pk), "gatewayIds": [str(stranger.pk)]}
    assert rest("PATCH", path(environment, f"/{ours.pk}"), {"ruleOfApplication": rule}).status_code == 400
    assert AutomatedPolicy.objects.get(pk=theirs.pk).updated_at == theirs.updated_at


def test_one_that_was_deleted_is_listed_and_restored(rest: Rest, environment: Environment) -> None:
    made = make_automated(environment)
    assert rest("DELETE", path(environment, f"/{made.pk}")).status_code == 204
    deleted = rest.address("AM").removesuffix("apis") + "deleted-automated-policies"

    (one,) = rest("GET", deleted).data["deleted"]
    back = rest("POST", f"{deleted}/{one['id']}/restore", {})

    assert (back.status_code, back.data["id"]) == (201, made.pk)
    assert back["ETag"] == rest("GET", path(environment, f"/{made.pk}"))["ETag"]
    assert rest("GET", deleted).data["total"] == 0
    assert rest("POST", f"{deleted}/{one['id']}/restore", {}).status_code == 404
