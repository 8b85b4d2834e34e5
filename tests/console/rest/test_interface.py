"""What holds for every address of the REST interface."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.factories import make_environment, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def rest() -> Rest:
    environment, user = make_environment(), make_user()
    make_role(user, environment.organization)
    return Rest(user, environment)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        '{"spec": NaN}',
        '{"spec": -1e999}',
        "[" * 100_000,
        "[" + "{}," * 1_000_000 + "{}]",
        '{"routing": [' + "{}," * 60_000 + "{}]}",
        '{"a": ' + "1" * 100_000 + "}",
        '{"instanceLabel": "a\\u0000b"}',
        '{"instanceLabel": "\\ud800"}',
        '"text"',
        "[]",
        "null",
        "3",
        "true",
    ],
)
def test_a_broken_body_is_400(rest: Rest, body: str) -> None:
    answer = rest("POST", "AM", body)

    assert answer.status_code == 400
    assert answer.data["message"]
    assert answer.data["errors"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_nul_is_400_in_every_encoding(rest: Rest, encoding: str) -> None:
    body = {"spec": {"assetId": "a", "version": "1"}, "endpoint": {"wsdlConfig": {"name": "a\u0000b"}}}

    answer = rest("POST", "AM", json.dumps(body).encode(encoding))

    assert (answer.status_code, answer.data["message"]) == (400, "The body holds a NUL character.")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"endpoint": {"a": 1, "b": 2, "a": 1}}', 'The body names "a" twice in one object.'),
        (b'{"port": ' + b"9" * 5000 + b"}", "The body holds a number of more than 1000 digits."),
    ],
)
def test_json_that_readers_read_in_different_ways_is_400(rest: Rest, body: bytes, said: str) -> None:
    answer = rest("POST", "AM", body)

    assert (answer.status_code, answer.data["message"]) == (400, said)


def test_a_backslash_before_u0000_is_no_nul(rest: Rest) -> None:
    answer = rest("POST", "AM", {"description": "\\u0000"})

    assert answer.data["message"] == "spec: This field is required."


@pytest.mark.parametrize(
    ("levels", "said"), [(40, "no such field"), (200, "100 levels"), (930, "100 levels")]
)
def test_a_body_is_nested_so_far_and_no_further(rest: Rest, levels: int, said: str) -> None:
    answer = rest("POST", "AM", '{"deep": ' + "[" * levels + "]" * levels + "}")

    assert answer.status_code == 400
    assert said in answer.data["message"]


def test_a_body_over_the_limit_is_413(rest: Rest) -> None:
    answer = rest("POST", "AM", json.dumps({"description": "x" * 6_000_000}))

    assert answer.status_code == 413
    assert answer.data["message"]


def test_a_form_over_the_limit_is_413() -> None:
    answer = Client().post(
        "/accounts/api/v2/oauth2/token",
        "grant_type=" + "x" * 6_000_000,
        content_type="application/x-www-form-urlencoded",
    )

    assert answer.status_code == 413


def test_a_form_of_too_many_fields_is_413() -> None:
    fields = "&".join(f"a{number}=1" for number in range(10_001))

    answer = Client().post(
        "/accounts/api/v2/oauth2/token", fields, content_type="application/x-www-form-urlencoded"
    )

    assert answer.status_code == 413
    assert "fields" in answer.json()["message"]


@pytest.mark.parametrize("address", ["nothing", "organizations/zz/environments", "a%0Ab", "a%00b"])
def test_an_unknown_address_is_404_in_json(rest: Rest, address: str) -> None:
    answer = rest("GET", f"/apimanager/api/v1/{address}")

    assert answer.status_code == 404
    assert "is not an address" in answer.data["message"]


@pytest.mark.urls("tests.console.rest.broken_urls")
def test_a_bug_is_told_in_json_to_programs_and_on_a_page_to_people(rest: Rest) -> None:
    for accept in ("*/*", "application/json, text/plain, */*"):
        answer = rest("GET", "/apimanager/broken", Accept=accept)
        assert answer.status_code == 500
        assert "Its log says" in answer.data["message"]
        assert answer.data["errors"][0]["type"] == "bug"

    page = Client(raise_request_exception=False).get("/apimanager/broken", headers={"Accept": "text/html"})
    assert page.status_code == 500
    assert "Something broke" in page.content.decode()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=-1", 'limit: Ensure this value is greater than or equal to 0, not "-1".'),
        ("limit=ten", 'limit: A valid integer is required, not "ten".'),
        ("ascending=up", 'ascending: Must be a valid boolean, not "up".'),
        ("sort=size", 'sort: "size" is none of id, name, createdDate, updatedDate.'),
        ("groupId=7", 'groupId: Must be a valid UUID, not "7".'),
        ("query=%00", "query: Null characters are not allowed."),
    ],
)
def test_a_wrong_value_is_repeated_with_what_would_be_right(rest: Rest, query: str, message: str) -> None:
    answer = rest("GET", f"AM?{query}")

    assert (answer.status_code, answer.data["message"]) == (400, message)


def test_a_wrong_value_deep_in_a_body_is_repeated(rest: Rest) -> None:
    upstreams = [{"uri": "http://a", "weight": 100}, {"uri": "http://b", "weight": 101}]
    body = {"spec": {"assetId": "a/b", "version": "1"}, "routing": [{"upstreams": upstreams}]}

    answer = rest("POST", "AM", body)

    told = {error["field"]: error["message"] for error in answer.data["errors"]}
    weight = "Ensure this value is less than or equal to 100, not 101."
    assert told["routing.0.upstreams.1.weight"] == weight
    assert told["spec.assetId"].endswith(', not "a/b".')


def test_a_wrong_secret_is_not_repeated(rest: Rest) -> None:
    answer = rest("POST", "/accounts/login", {"username": 5, "password": True})

    assert answer.status_code == 400
    assert "true" not in answer.content.decode().lower()


def test_a_wrong_method_is_405_with_a_message(rest: Rest) -> None:
    assert rest("PUT", "AM").data["message"]
    assert rest("PUT", "AM").status_code == 405


def test_telemetry_is_swallowed() -> None:
    assert Rest(None)("POST", "/cli/api/v1/analytics/event", {"command": "x"}).status_code == 204


def test_the_schema_has_no_warnings() -> None:
    out = StringIO()

    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)

    assert "openapi: 3" in out.getvalue()
    assert "bearer" in out.getvalue()


def test_lists_are_documented_in_the_shapes_they_have() -> None:
    found = json.loads(Client().get("/api/schema", headers={"Accept": "application/json"}).content)

    def shape(end: str) -> dict[str, Any]:
        [path] = [path for path in found["paths"] if path.endswith(end)]
        return found["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]

    def ref(name: str) -> dict[str, str]:
        return {"$ref": f"#/components/schemas/{name}"}

    assert shape("/apimanager/api/v1/organizations/{organization_id}/environments/{environment_id}/apis") == (
        ref("AssetList")
    )
    assert shape("/organizations/{organization_id}/environments") == ref("EnvironmentList")
    assert shape("/gateway-targets") == ref("TargetList")
    assert shape(
        "proxies/xapi/v1/organizations/{organization_id}/environments/{environment_id}/apis/{api_id}/deployments"
    ) == {"type": "array", "items": ref("DeploymentShape")}
    assert found["components"]["schemas"]["PolicyList"]["oneOf"] == [
        {"type": "array", "items": ref("PolicyShape")},
        ref("ActivePolicies"),
    ]


def test_every_operation_tells_how_it_refuses() -> None:
    found = json.loads(Client().get("/api/schema", headers={"Accept": "application/json"}).content)

    operations = [operation for path in found["paths"].values() for operation in path.values()]
    assert len(operations) > 30
    for operation in operations:
        for status in ("4XX", "5XX"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}


def test_the_docs_need_no_inline_script_and_no_other_host() -> None:
    page = Client().get("/api/docs")

    text = page.content.decode()
    assert page.status_code == 200
    assert "<style" not in text
    assert 'src="http' not in text
    assert 'href="http' not in text
    assert "<script>" not in text
    assert len(page.content) < 1_000_000
    assert Client().get("/api/schema").status_code == 200


def test_the_docs_show_every_operation_with_its_fields() -> None:
    schema = json.loads(Client().get("/api/schema", headers={"Accept": "application/json"}).content)
    page = Client().get("/api/docs").content.decode()

    for path, item in schema["paths"].items():
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in page
        assert path in page
    for field in ("endpoint.proxyUri", "configurationData", "If-Match"):
        assert field in page


def test_the_docs_tell_each_object_once_and_link_to_no_other() -> None:
    schemas = json.loads(Client().get("/api/schema", headers={"Accept": "application/json"}).content)
    page = Client().get("/api/docs").content.decode()

    linked, told = (re.findall(f'{start}object-([^"]*)"', page) for start in ('href="#', 'id="'))

    assert set(linked) == set(told)
    assert len(told) == len(set(told)) > 20
    for name in told:
        for field in schemas["components"]["schemas"][name]["properties"]:
            assert f"<code>{field}</code>" in page
