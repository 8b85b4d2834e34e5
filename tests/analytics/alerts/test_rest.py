"""Alerts by REST, as clients of Anypoint send and read them: two shapes of the same rows."""

from typing import Any

import pytest

from analytics.alerts.models import Alert
from apis.models import ApiInstance, PolicyBinding
from console.models import AuditEntry, Environment, Role, User
from console.notices.models import Notice
from tests.factories import make_alert, make_api, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

SUBJECT = "${severity}: ${api} ${condition}"
MESSAGE = (
    "Hello,\nYou are receiving this alert because:\n The API ${api} has ${condition} of ${value} at "
    "${timestamp}.\nThe API has reached the threshold based on ${condition} is ${operator} ${threshold} for "
    "${period}.\n\nEnvironment: ${environment}\n${dashboardLink}\n${apiLink}"
)
"""As a command line sends them where nobody says others."""


@pytest.fixture
def api() -> ApiInstance:
    return make_api(make_gateway(), name="orders")


@pytest.fixture
def user(api: ApiInstance) -> User:
    user = make_user("ada", email="ada@acme.example", first_name="Ada")
    make_role(user, api.environment.organization, Role.Name.MANAGER)
    return user


@pytest.fixture
def rest(user: User, api: ApiInstance) -> Rest:
    return Rest(user, api.environment)


def body(api: ApiInstance, /, **fields: Any) -> dict[str, Any]:
    organization = str(api.environment.organization_id)
    resource = {
        "apiVersionId": str(api.pk),
        "apiId": str(api.pk),
        "type": "api",
        "deploymentType": "CLOUDHUB",
    }
    resource |= fields.pop("resource", {})
    return {
        "type": "basic",
        "name": "busy",
        "severity": "critical",
        "masterOrganizationId": organization,
        "organizationId": organization,
        "environmentId": str(api.environment_id),
        "resourceType": "api",
        "deploymentType": "CLOUDHUB",
        "metricType": "api_request_count",
        "resources": [resource],
        "condition": {"operator": "above", "threshold": 100, "interval": 5},
        "wildcardAlert": False,
        "notifications": [
            {"type": "email", "recipients": ["ops@acme.example"], "subject": SUBJECT, "message": MESSAGE}
        ],
        **fields,
    }


def legacy(**fields: Any) -> dict[str, Any]:
    return {
        "apiAlertsVersion": "1.0.0",
        "name": "busy",
        "type": "api-request-count",
        "enabled": True,
        "severity": "Critical",
        "recipients": [{"type": "email", "value": "ops@acme.example"}],
        "condition": {
            "resourceType": "api-version",
            "aggregate": "COUNT",
            "operator": "GREATER_THAN",
            "value": 100,
            **fields.pop("condition", {}),
        },
        "period": {"duration": {"count": 5, "weight": "MINUTES"}, "repeat": 3},
        **fields,
    }


def test_what_a_command_line_adds_is_read_in_both_shapes(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", f"ALERTS?type=basic&apiId={api.pk}&resourceType=api", body(api))

    assert made.status_code == 201
    alert = Alert.objects.get()
    assert made.data["alertId"] == str(alert.pk)
    assert (alert.about, alert.api, alert.threshold, alert.window_minutes) == ("api", api, 100, 5)
    assert (alert.subject, alert.message) == (SUBJECT, MESSAGE)
    (listed,) = rest(
        "GET", f"ALERTS?type=basic&apiId={api.pk}&resourceType=api&limit=10&offset=0&sort=id"
    ).data
    assert listed == made.data
    assert listed["notifications"][0]["recipients"] == ["ops@acme.example"]
    assert (listed["metricType"], listed["state"], listed["severity"]) == (
        "api_request_count",
        "pending",
        "critical",
    )
    (old,) = rest("GET", f"AM/{api.pk}/alerts?limit=10&offset=0&sort=id").data
    assert (old["id"], old["type"], old["enabled"]) == (alert.pk, "api-request-count", True)
    assert [(one["type"], one["value"]) for one in old["recipients"]] == [("email", "ops@acme.example")]
    assert old["lastModified"].endswith("Z")


def test_what_the_legacy_command_adds(rest: Rest, api: ApiInstance, user: User) -> None:
    person = {"type": "user", "value": str(user.pk), "firstName": "Ada", "lastName": ""}
    made = rest("POST", f"AM/{api.pk}/alerts", legacy(recipients=[person]))

    assert made.status_code == 201, made.data
    alert = Alert.objects.get()
    assert (made.data["id"], alert.users) == (alert.pk, [user.pk])
    assert (alert.window_minutes, alert.periods, alert.operator) == (5, 3, "above")
    assert made.data["period"] == {"duration": {"count": 5, "weight": "MINUTES"}, "repeat": 3}
    assert rest("GET", f"AM/{api.pk}/alerts/{alert.pk}").data == made.data
    assert rest("GET", f"ALERTS/{alert.pk}").data["notifications"][0] == {
        "type": "user",
        "recipients": ["ada"],
        "subject": alert.subject,
        "message": alert.message,
    }


def test_each_legacy_type_with_its_filter(rest: Rest, api: ApiInstance) -> None:
    policy = PolicyBinding.objects.create(api=api, policy="ip-blocklist", order=1)
    codes = {"filter": [{"property": "responseCode", "operator": "IN", "values": ["500", "503"]}]}
    slow = {"filter": [{"property": "responseTime", "operator": "GREATER_THAN", "values": "250"}]}
    template = {"id": "ip-blocklist", "name": "IP Blocklist"}
    bodies = [
        legacy(type="api-response-code", condition=codes),
        legacy(type="api-response-time", condition=slow),
        legacy(type="api-response-time"),
        legacy(type="api-policy-violation", policyId=str(policy.pk), policyTemplate=template),
    ]

    made = [rest("POST", f"AM/{api.pk}/alerts", one) for one in bodies]

    assert [one.status_code for one in made] == [201] * 4, [one.data for one in made]
    found = list(Alert.objects.order_by("pk"))
    assert [one.type for one in found] == ["codes", "slow", "time", "violations"]
    assert (found[0].codes, found[1].slower_ms, found[3].policies) == ([500, 503], 250, ["ip-blocklist"])
    for one, sent in zip(made, bodies, strict=True):
        assert one.data["condition"] == sent["condition"]
    assert (made[3].data["policyId"], made[3].data["policyTemplate"]) == (str(policy.pk), template)


def test_sub_filters_name_statuses_and_policies(rest: Rest, api: ApiInstance) -> None:
    policy = PolicyBinding.objects.create(api=api, policy="ip-blocklist", order=1)
    codes = {"subFilters": [{"name": "response_code", "values": ["500"]}]}
    policies = {"subFilters": [{"name": "policy_id", "values": [str(policy.pk)]}]}

    first = rest("POST", "ALERTS", body(api, metricType="api_response_code_count", resource=codes))
    second = rest("POST", "ALERTS", body(api, metricType="api_policy_violation_count", resource=policies))

    assert [first.status_code, second.status_code] == [201, 201], (first.data, second.data)
    assert Alert.objects.get(type="codes").codes == [500]
    assert Alert.objects.get(type="violations").policies == ["ip-blocklist"]


@pytest.mark.parametrize(
    "metric",
    ["gateway_disconnected", "certificate_ends", "deployment_failed", "api_no_traffic", "upstream_unhealthy"],
)
def test_ours_are_about_more_than_an_api(rest: Rest, api: ApiInstance, metric: str) -> None:
    sent = body(api, metricType=metric, wildcardAlert=True, condition={"threshold": 20, "interval": 5})
    del sent["resources"]

    made = rest("POST", "ALERTS", sent)

    assert (made.status_code, made.data["about"]["kind"]) == (201, "environment"), made.data
    assert made.data["metricType"] == metric


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"condition": {"operator": "above", "threshold": 100, "interval": 61}}, "condition.interval"),
        ({"condition": {"operator": "below", "threshold": 0, "interval": 5}}, "condition.threshold"),
        ({"condition": {"operator": "above", "threshold": -1, "interval": 5}}, "condition.threshold"),
        ({"condition": {"operator": "above", "threshold": 1.5, "interval": 5}}, "condition.threshold"),
        ({"condition": {"operator": "over", "threshold": 1, "interval": 5}}, "condition.operator"),
        ({"metricType": "api_response_code_count"}, "resources.0.subFilters"),
        ({"metricType": "made_up"}, "metricType"),
        ({"resources": [{"apiId": "987654321"}]}, "resources.0.apiId"),
        ({"resources": []}, "resources"),
        ({"notifications": [{"type": "email", "recipients": ["nobody"]}]}, "notifications"),
        ({"notifications": [{"type": "user", "recipients": ["nobody"]}]}, "notifications"),
        ({"notifications": [{"type": "destination", "recipients": ["7"]}]}, "notifications"),
        (
            {"notifications": [{"type": "email", "recipients": ["a@b.example"], "message": "${secret}"}]},
            "notifications.0.message",
        ),
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"severity": "grave"}, "severity"),
        ({"window": 5}, "window"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    rest: Rest, api: ApiInstance, fields: dict[str, Any], place: str
) -> None:
    refused = rest("POST", "ALERTS", body(api, **fields))

    assert refused.status_code == 400, refused.data
    assert place in {one.get("field") for one in refused.data["errors"]}, refused.data
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"period": {"duration": {"count": 90, "weight": "MINUTES"}, "repeat": 1}},
        {"period": {"duration": {"count": 7, "weight": "DAYS"}, "repeat": 5}},
        {"type": "api-response-code"},
        {"type": "api-policy-violation", "policyId": "987654321"},
        {"condition": {"filter": [{"property": "responseCode", "operator": "IN", "values": ["500"]}]}},
        {"recipients": [{"type": "user", "value": "nobody"}]},
        {"condition": {"value": "NaN"}},
        {"condition": {"value": 1e300}},
    ],
)
def test_legacy_bodies_that_cannot_be_are_refused(
    rest: Rest, api: ApiInstance, fields: dict[str, Any]
) -> None:
    refused = rest("POST", f"AM/{api.pk}/alerts", legacy(**fields))

    assert refused.status_code == 400, refused.data
    assert not Alert.objects.exists()


def test_a_patch_changes_what_it_names(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", "ALERTS", body(api))
    key = made.data["alertId"]

    changed = rest("PATCH", f"ALERTS/{key}", {"condition": {"threshold": 7}, "enabled": False})

    assert changed.status_code == 200
    assert changed.data == made.data | {
        "condition": made.data["condition"] | {"threshold": 7},
        "enabled": False,
        "state": "paused",
        "lastModified": changed.data["lastModified"],
    }
    stale = rest("PATCH", f"ALERTS/{key}", {"name": "mine"}, **{"If-Match": made["ETag"]})
    assert stale.status_code == 412
    sent = legacy() | {"id": int(key)}
    assert rest("PUT", f"AM/{api.pk}/alerts/{key}", sent).data["condition"]["value"] == 100


def test_who_has_left_is_in_nobodys_way(rest: Rest, api: ApiInstance) -> None:
    alert = make_alert(api=api, users=[make_user().pk], destinations=[987_654])

    assert rest("PATCH", f"ALERTS/{alert.pk}", {"name": "mine"}).status_code == 200


def test_silence_test_incidents_and_delete(rest: Rest, api: ApiInstance, user: User) -> None:
    alert = make_alert(api=api, users=[user.pk])

    silenced = rest("POST", f"ALERTS/{alert.pk}/silence", {"minutes": 60})
    tested = rest("POST", f"ALERTS/{alert.pk}/test")

    assert (silenced.data["state"], silenced.data["silencedUntil"] is None) == ("silenced", False)
    assert (tested.status_code, tested.data) == (202, {"sentTo": 1})
    assert Notice.objects.get().subject.startswith("[Test]")
    assert rest("GET", f"ALERTS/{alert.pk}/incidents").data == []
    assert rest("DELETE", f"ALERTS/{alert.pk}").status_code == 204
    assert rest("GET", f"ALERTS/{alert.pk}").status_code == 404
    assert AuditEntry.objects.filter(object_type="alert", action="delete").exists()


def test_an_alert_of_another_api_is_not_found_at_this_one(rest: Rest, api: ApiInstance) -> None:
    other = make_alert(api=make_api(api.gateway))

    for method in ("GET", "PUT", "DELETE"):
        assert rest(method, f"AM/{api.pk}/alerts/{other.pk}", legacy()).status_code == 404


def test_there_is_room_for_so_many(rest: Rest, api: ApiInstance) -> None:
    for _ in range(20):
        make_alert(api=api)

    refused = rest("POST", "ALERTS", body(api))

    assert refused.status_code == 409
    assert "room for no more" in refused.data["message"]


def test_lists_are_paged_and_sorted(rest: Rest, api: ApiInstance) -> None:
    for name in ("b", "a", "c"):
        make_alert(api=api, name=name)

    def names(query: str) -> list[str]:
        return [one["name"] for one in rest("GET", f"ALERTS?{query}").data]

    assert names("sort=name") == ["a", "b", "c"]
    assert names("sort=name&ascending=false&limit=2") == ["c", "b"]
    assert names("sort=id&offset=1&limit=500") == ["a", "c"]
    assert rest("GET", "ALERTS?sort=password").status_code == 400


def test_a_viewer_sees_and_changes_nothing(api: ApiInstance) -> None:
    viewer = make_user()
    make_role(viewer, api.environment.organization, Role.Name.VIEWER)
    rest, alert = Rest(viewer, api.environment), make_alert(api=api)

    assert rest("GET", f"ALERTS/{alert.pk}").status_code == 200
    for method, path in (
        ("POST", "ALERTS"),
        ("PATCH", f"ALERTS/{alert.pk}"),
        ("POST", f"AM/{api.pk}/alerts"),
    ):
        assert rest(method, path, {}).status_code == 403


def test_the_environment_that_the_body_names_is_not_another(rest: Rest, api: ApiInstance) -> None:
    other: Environment = make_gateway().environment

    refused = rest("POST", "ALERTS", body(api, environmentId=str(other.pk)))

    assert refused.status_code == 400
