"""Why each route did not take a request, as the rehearsal's Envoy and its configuration tell."""

from collections.abc import Iterator

import pytest

from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.agent.rehearsal.told import text
from gateways.protocol.rehearsal import Request, Verdict
from tests.gateways.agent.rehearsal.test_verdicts import ask, rehearsal

pytestmark = pytest.mark.envoy

SHOP = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: shop}
spec:
  address: http://0.0.0.0:8081/shop
  services:
    beta:
      address: http://beta.example
      routes:
      - rules: [{path: "/items(/.*)?", methods: GET, headers: {x-beta: "yes"}}]
      - rules: [{path: /bills, host: "eu[.]example[.]com"}, {path: /old/bills}]
    stable:
      address: http://stable.example:8080
      routes:
      - {rules: [{path: "/items(/.*)?"}], config: {destinationPath: /v2}}
---
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: other}
spec:
  address: http://0.0.0.0:8081/other
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: other-route}
spec:
  targetRef: {name: other}
  policyRef: {name: route}
  config: {destinationRef: {name: b}, destinationPath: /v1}
---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {name: b}
spec:
  address: http://b
  failover: {address: spare.example, path: /backup/v1}
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Rehearsal]:
    with rehearsal(SHOP) as made:
        yield made


def misses(verdict: Verdict) -> list[list[str]]:
    """What of each route did not hold, rule by rule."""
    return [[it.part for rule in one.rules for it in rule.criteria if not it.holds] for one in verdict.routes]


def states(verdict: Verdict) -> list[str]:
    return [one.state for one in verdict.routes]


def test_each_criterion_that_a_route_asks_for_is_told(shop: Rehearsal) -> None:
    found = ask(shop, "/shop/items/4", method="POST", headers=[("X-Beta", "no")])

    assert states(found) == ["passed-over", "passed-over", "taken"]
    assert misses(found) == [["method", "header x-beta"], ["path", "host", "path"], []]
    first = found.routes[0].rules[0].criteria
    assert [(one.part, one.wanted, one.came) for one in first if not one.holds] == [
        ("method", "GET", "POST"),
        ("header x-beta", "yes", "no"),
    ]
    assert [(one.upstream, one.percent, one.destination_path) for one in found.routes[2].upstreams] == [
        ("stable.example:8080", 100, "/v2")
    ]


def test_who_takes_over_is_told_with_the_path_there(shop: Rehearsal) -> None:
    request = Request.model_validate({"target": "/other/7", "headers": [("x-gatewright-takes-over", "yes")]})
    found = shop.ask(request)

    (share,) = found.routes[0].upstreams
    assert (share.destination_path, share.takes_over, share.path_there) == (
        "/v1",
        "spare.example:80",
        "/backup/v1",
    )
    assert found.sent is not None
    assert found.sent.target == "/v1/7"
    assert "x-gatewright-takes-over" not in dict(found.sent.headers)


def test_routes_behind_the_one_that_took_it_were_not_asked(shop: Rehearsal) -> None:
    found = ask(shop, "/shop/items", headers=[("X-Beta", "yes")])

    assert states(found) == ["taken", "not-asked", "not-asked"]
    assert [one.holds for one in found.routes] == [True, False, True]


def test_no_route_and_no_api_are_explained_too(shop: Rehearsal) -> None:
    no_route, no_api = ask(shop, "/shop/nothing"), ask(shop, "/nothing")

    assert (no_route.outcome, states(no_route)) == ("no-route", ["passed-over"] * 3)
    assert (no_api.outcome, no_api.routes) == ("no-api", ())
    assert [(one.base_path, one.is_taken) for one in no_api.apis] == [("/other", False), ("/shop", False)]
    assert [one.is_taken for one in no_route.apis] == [True, False]


@pytest.mark.parametrize("target", ["/shop/%69tems/4", "/shop//items%2F4?a=/b", "/shop/x/../items"])
def test_the_path_is_the_one_that_routes_see(shop: Rehearsal, target: str) -> None:
    found = ask(shop, target)

    assert states(found) == ["passed-over", "passed-over", "taken"]


def test_a_host_is_taken_with_its_port(shop: Rehearsal) -> None:
    found = ask(shop, "/shop/bills", headers=[("Host", "EU.example.com:8081")])

    assert states(found) == ["passed-over", "taken", "not-asked"]


def test_what_is_refused_before_routes_are_asked_is_not_explained_by_them(shop: Rehearsal) -> None:
    found = ask(shop, "/shop/items/;a")

    assert (found.outcome, found.apis, found.routes) == ("rejected", (), ())


def test_people_are_told_in_a_line_for_each(shop: Rehearsal) -> None:
    request = Request.model_validate({"target": "/shop/items"})

    told = text(request, shop.ask(request))

    assert "Not by    beta-route-1: header x-beta yes is not there" in told


def test_what_a_policy_keeps_from_the_upstream_is_foreseen_where_it_is_asked_for() -> None:
    with rehearsal(SHOP.replace("  services:\n    beta", POLICIES + "  services:\n    beta")) as made:
        request = Request.model_validate({"target": "/shop/items/4?a=b"})

        plain, asked = made.ask(request), made.ask(request, foresees=True)

    assert (plain.outcome, plain.foreseen) == ("refused", None)
    assert asked.sent is None
    assert asked.foreseen is not None
    assert (asked.foreseen.upstream, asked.foreseen.target) == ("stable.example:8080", "/v2/4?a=b")


POLICIES = """  policies:
    - policyRef: {name: http-basic-authentication}
      config: {username: ann, password: of-ann}
"""
