"""REST: the policies of an API instance."""

from typing import Any

import pytest

from apis.models import ApiInstance
from console.models import Environment
from gateways.models import Gateway
from policies.policy import CATALOG_GROUP
from tests.apis.rest.bodies import LIMITS, policy, refused
from tests.factories import make_api, make_tier
from tests.rest import Rest

pytestmark = pytest.mark.django_db


class TestPolicies:
    @pytest.fixture
    def path(self, gateway: Gateway) -> str:
        return f"AM/{make_api(gateway).pk}/policies"

    def test_applied_as_the_command_line_does(self, rest: Rest, path: str) -> None:
        made = rest("POST", path, policy())

        assert made.status_code == 201, made.data
        assert isinstance(made.data["id"], int)
        assert made.data["policyTemplateId"] == "rate-limiting"
        assert (made.data["assetVersion"], made.data["order"], made.data["disabled"]) == ("1.4.0", 1, False)
        assert made.data["configurationData"] == LIMITS
        assert made.data["implementationAsset"]["technology"] == "flexGateway"

    @pytest.mark.parametrize(
        "named",
        [
            {"policyTemplateId": "rate-limiting"},
            {"policyTemplateId": "rate-limiting-flex"},
            {"assetId": "rate-limiting-flex", "groupId": CATALOG_GROUP},
        ],
    )
    def test_applied_without_a_version(self, rest: Rest, path: str, named: dict[str, str]) -> None:
        made = rest("POST", path, {"configurationData": LIMITS, **named})

        assert made.status_code == 201, made.data
        assert made.data["assetId"] == "rate-limiting"
        assert made.data["assetVersion"]

    def test_the_mode_is_set_and_changed(self, rest: Rest, path: str) -> None:
        made = rest("POST", path, policy(mode="observe"))
        patched = rest("PATCH", f"{path}/{made.data['id']}", {"mode": "enforce"})

        assert (made.data["mode"], patched.data["mode"]) == ("observe", "enforce")

    def test_a_save_that_is_deployed_asks_the_database_20_times(
        self, rest: Rest, path: str, django_assert_num_queries: Any
    ) -> None:
        made = rest("POST", path, policy())

        with django_assert_num_queries(20):
            saved = rest("PATCH", f"{path}/{made.data['id']}", {"configurationData": LIMITS, "label": "a"})

        assert saved.status_code == 200

    def test_what_refuses_nothing_cannot_observe(self, rest: Rest, path: str) -> None:
        asked = policy(assetId="cors", policyTemplateId="cors", configurationData={}, mode="observe")

        assert "refuses nothing that could be observed" in str(rest("POST", path, asked).data)
        asked |= {"assetId": "adaptive-concurrency", "policyTemplateId": "adaptive-concurrency"}
        asked["assetVersion"] = "1.0.0"
        assert "cannot observe only: the limit is learned" in str(rest("POST", path, asked).data)
        assert rest("POST", path, policy(mode="watch")).status_code == 400

    def test_listed_in_both_shapes(self, rest: Rest, path: str) -> None:
        rest("POST", path, policy())
        rest(
            "POST", path, policy(assetId="cors", policyTemplateId="cors", configurationData={}, disabled=True)
        )

        whole = rest("GET", f"{path}?fullInfo=false").data
        active = rest("GET", path).data

        assert [one["assetId"] for one in whole] == ["cors", "rate-limiting"]
        assert [one["order"] for one in whole] == [1, 2]
        assert [one["template"]["assetId"] for one in active["policies"]] == ["rate-limiting"]
        assert active["policies"][0]["configuration"] == LIMITS
        assert active["tiers"]["values"] == []

    def test_tiers_stand_beside_the_active_ones(self, rest: Rest, path: str) -> None:
        tier = make_tier(ApiInstance.objects.get())

        tiers = rest("GET", path).data["tiers"]
        tier.save()

        assert tiers["values"] == [{"id": tier.pk, "limits": tier.limits}]
        assert rest("GET", path).data["tiers"]["version"] > tiers["version"] > 0

    def test_a_shape_that_does_not_exist_is_refused(self, rest: Rest, path: str) -> None:
        refused(rest("GET", f"{path}?fullInfo=half"), 400, "fullInfo", '"half"')

    def test_edited_as_the_command_line_does(self, rest: Rest, path: str) -> None:
        made = rest("POST", path, policy()).data
        config = {"rateLimits": [{"maximumRequests": 9, "timePeriodInMilliseconds": 1000}]}

        body = policy(configurationData=config, id=made["id"])
        changed = rest("PATCH", f"{path}/{made['id']}", body)

        assert changed.status_code == 200, changed.data
        assert rest("GET", f"{path}/{made['id']}").data["configurationData"] == config

    def test_edited_to_another_version_as_terraform_does(self, rest: Rest, path: str) -> None:
        made = rest("POST", path, policy()).data

        changed = rest("PATCH", f"{path}/{made['id']}", {"assetVersion": "1.4.1"}).data

        assert (changed["assetVersion"], changed["configurationData"]) == ("1.4.1", LIMITS)
        assert rest("PATCH", f"{path}/{made['id']}", {"label": "a"}).data["assetVersion"] == "1.4.1"

    def test_disabled_enabled_and_removed(self, rest: Rest, path: str) -> None:
        one = f"{path}/{rest('POST', path, policy()).data['id']}"

        assert rest("PATCH", one, {"disabled": True}).data["disabled"] is True
        assert rest("PATCH", one, {"disabled": False}).data["disabled"] is False
        assert rest("GET", one).data["configurationData"] == LIMITS
        assert rest("DELETE", one).status_code == 204
        refused(rest("GET", one), 404)

    def test_ordered_through_the_collection(self, rest: Rest, path: str) -> None:
        first = rest("POST", path, policy()).data["id"]
        ips = policy(assetId="ip-allowlist", configurationData={"ips": ["10.0.0.0/8"]})
        second = rest("POST", path, ips).data["id"]

        answer = rest("PATCH", path, [{"id": second, "order": 1}, {"id": first, "order": 2}])

        assert answer.status_code == 200
        assert [one["id"] for one in rest("GET", f"{path}?fullInfo=false").data] == [second, first]
        refused(rest("PATCH", path, [{"id": second, "order": 1}]), 400, "each policy")
        refused(rest("PATCH", path, {"id": second}), 400)

    def test_an_order_that_cannot_be_is_told(self, rest: Rest, path: str) -> None:
        first = rest("POST", path, policy()).data["id"]
        cors = policy(assetId="cors", configurationData={"publicResource": True})
        second = rest("POST", path, cors).data["id"]

        told = rest("PATCH", path, [{"id": first, "order": 1}, {"id": second, "order": 2}])
        plain = rest("PATCH", path, [{"id": second, "order": 1}, {"id": first, "order": 2}])

        assert [one["id"] for one in rest("GET", f"{path}?fullInfo=false").data] == [second, first]
        assert told.headers["Warning"] == '299 gatewright "order: CORS always runs first."'
        assert "Warning" not in plain.headers

    def test_a_duplicate_needs_to_be_allowed(self, rest: Rest, path: str) -> None:
        rest("POST", path, policy())

        refused(rest("POST", path, policy()), 409, "edit it instead")
        assert rest("POST", f"{path}?allowDuplicated=true", policy()).status_code == 201

    def test_conditions_go_in_and_out(self, rest: Rest, path: str) -> None:
        pointcut = [{"methodRegex": "GET|PUT", "uriTemplateRegex": "/users.*"}]
        made = rest("POST", path, policy(pointcutData=pointcut)).data

        assert made["pointcutData"] == pointcut
        assert rest("PATCH", f"{path}/{made['id']}", {"pointcutData": None}).data["pointcutData"] is None

    def test_a_secret_is_never_given_back(self, rest: Rest, path: str) -> None:
        config = {"username": "ada", "password": "s3cr3t-value"}
        body = {"assetId": "http-basic-authentication", "configurationData": config}

        made = rest("POST", path, body)

        assert "s3cr3t-value" not in made.content.decode()
        listed = rest("GET", f"{path}?fullInfo=false").content + rest("GET", path).content
        assert b"s3cr3t-value" not in listed
        again = rest("PATCH", f"{path}/{made.data['id']}", {"configurationData": {"username": "bob"}})
        assert again.status_code == 200, again.data

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"assetId": "rate-limitting"}, 'did you mean "rate-limiting"?'),
            ({"assetId": None, "policyTemplateId": None}, "Name the policy"),
            ({"configurationData": {}}, "configurationData.rateLimits"),
            ({"configurationData": []}, "configurationData"),
            (
                {"configurationData": LIMITS | {"keySelector": "#[attributes."}},
                "configurationData.keySelector",
            ),
            ({"pointcutData": [{"methodRegex": "("}]}, "pointcutData.0.methodRegex"),
            ({"pointcutData": [None]}, "pointcutData.0: This field may not be null."),
            (
                {"pointcutData": [{"uriTemplate": "/a"}]},
                'pointcutData.0.uriTemplate: There is no such field; did you mean "uriTemplateRegex"?',
            ),
            ({"groupId": "11111111-1111-1111-1111-111111111111"}, "holds no policies"),
        ],
    )
    def test_bad_bodies_are_refused(self, rest: Rest, path: str, fields: dict[str, Any], words: str) -> None:
        refused(rest("POST", path, policy(**fields)), 400, words)

        assert rest("GET", f"{path}?fullInfo=false").data == []

    def test_the_catalog_is_an_array(self, rest: Rest, environment: Environment) -> None:
        base = f"/apimanager/api/v1/organizations/{environment.organization_id}/policy-templates"

        found = rest("GET", base).data

        entry = next(one for one in found if one["id"] == "rate-limiting")
        assert entry["configuration"][0]["propertyName"] == "rateLimits"
        assert entry["configuration"][0]["optional"] is False
        assert rest("GET", f"{base}/rate-limiting-flex").data == entry
        limits, selector = entry["configuration"][:2]
        assert (limits["type"], limits["allowMultiple"]) == ("object", True)
        assert [one["type"] for one in limits["configuration"]] == ["integer", "integer"]
        assert (selector["type"], selector["optional"], selector["allowMultiple"]) == ("string", True, False)
        refused(rest("GET", f"{base}/nothing"), 404)
