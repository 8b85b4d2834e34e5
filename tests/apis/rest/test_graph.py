"""The three queries of Anypoint's command line, and what else may arrive at their address."""

from typing import Any

import pytest
import yaml
from django.test import Client

from console.models import Environment
from console.rest import tokens
from policies import catalog
from policies.policy import CATALOG_GROUP
from tests.factories import make_api, make_environment, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
GRAPH = "/graph/api/v2/graphql"
POLICIES = """{ assets(types: "policy", limit: 100, offset: 0, latestVersionsOnly: false) {
  groupId assetId version description name __typename } }"""
ONE = """query q($g: String!, $a: String!, $v: String) { asset(groupId: $g, assetId: $a, version: $v) {
  name description assetId files { classifier externalLink __typename } __typename } }"""


def asked(rest: Rest, query: str, **variables: Any) -> dict[str, Any]:
    token = rest.headers["Authorization"].partition(" ")[2]
    body = {"operationName": None, "variables": {"accessToken": token, **variables}, "query": query}
    answer = Rest(None)("POST", GRAPH, body)
    assert answer.status_code == 200, answer.data
    found: dict[str, Any] = answer.data
    return found


def test_the_catalog(rest: Rest) -> None:
    found = asked(rest, POLICIES)["data"]["assets"]

    assert {one["assetId"] for one in found} == {one.name for one in catalog.policies()}
    assert {one["groupId"] for one in found} == {CATALOG_GROUP}


def test_a_policy_is_described_by_a_file_that_needs_no_login(rest: Rest) -> None:
    version = catalog.find("rate-limiting").version
    found = asked(rest, ONE, g=CATALOG_GROUP, a="rate-limiting", v=version)["data"]["asset"]

    [file] = found["files"]
    assert file["classifier"] == "policy-definition"
    path = file["externalLink"].partition("testserver")[2]
    told = yaml.safe_load(Client().get(path).content)
    assert told["name"] == "Rate Limiting"
    assert [one["propertyName"] for one in told["configuration"]][:1] == ["rateLimits"]
    assert Rest(None)("GET", path.replace(version, "0.0.1")).status_code == 404
    assert Rest(None)("GET", path.replace("rate-limiting", "no-such")).status_code == 404


def test_assets_of_ones_own_organizations_alone(rest: Rest, environment: Environment) -> None:
    own = make_api(make_gateway(environment), name="orders")
    make_api(make_gateway(make_environment()), name="orders-of-others")
    theirs = make_api(name="orders-too").environment.organization_id
    query = 'query q($o: [String!]) { assets(searchTerm: "orders", organizationIds: $o) { assetId type } }'

    assert [one["assetId"] for one in asked(rest, query)["data"]["assets"]] == [own.asset.asset_id]
    assert asked(rest, query, o=[str(theirs)])["data"]["assets"] == []
    told = asked(rest, ONE, g=str(theirs), a="orders-too")
    assert (told["data"], told["errors"][0]["message"]) == ({"asset": None}, "Asset not found")


def test_a_stranger_is_told_to_log_in() -> None:
    for variables in ({}, {"accessToken": "nonsense"}, {"accessToken": 7}):
        body = {"query": POLICIES, "variables": variables}
        assert Rest(None)("POST", GRAPH, body).status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing }",
        "{" * 5000,
        "{ asset(groupId: " + "[" * 900 + " }",
        "{ " + " ".join(f'a{i}: asset(groupId: "x", assetId: "y") {{ name }}' for i in range(30)) + " }",
        "mutation { deleteAll }",
        "fragment f on Query { ...f } { ...f }",
    ],
)
def test_what_cannot_be_answered_is_said(rest: Rest, query: str) -> None:
    assert asked(rest, query)["errors"]


def test_a_query_of_some_megabytes_is_refused(rest: Rest) -> None:
    assert rest("POST", GRAPH, {"query": "#" * 100_000}).status_code == 400


def test_a_body_that_is_no_query() -> None:
    user = make_user()
    make_role(user, make_environment().organization)
    headers = {"Authorization": f"Bearer {tokens.issue(user)}"}
    for body in ([], "text", {"query": None}, {"variables": []}):
        assert Rest(None)("POST", GRAPH, body, **headers).status_code == 400


def test_pages_end_somewhere(rest: Rest) -> None:
    told = asked(rest, "{ assets(offset: 2000000000) { assetId } }")

    assert "10,000 at most" in told["errors"][0]["message"]
