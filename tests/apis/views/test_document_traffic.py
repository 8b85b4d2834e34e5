"""The OpenAPI document of an API beside what is called, and beside the API's conditions and routes."""

import json
from dataclasses import replace
from html import unescape

import pytest

from apis.changes import instances
from apis.changes.instances import edit_api
from apis.desired import DesiredRoute, DesiredUpstream
from apis.documented import rules
from apis.documents import reading
from apis.documents.specification import Operation, Specification
from apis.models import ApiInstance
from console.models import Role
from tests.analytics.traffic import Shipper, resource, sample
from tests.apis.views.documents import ANSWERS, OPENAPI, api_with_document
from tests.apis.views.pages import Place, allow, make_place, text
from tests.rest import Rest

pytestmark = pytest.mark.django_db

ITEM = {"get": {"responses": ANSWERS, "tags": ["Orders"]}}
PATHS = {
    "/orders": {**ITEM, "post": {"responses": ANSWERS, "tags": ["Orders", "Writing"]}},
    "/orders/{id}": ITEM,
    "/health": {"get": {"responses": ANSWERS}},
}


def make(place: Place) -> ApiInstance:
    return api_with_document(place, json.dumps(OPENAPI | {"paths": PATHS}))


def ship(api: ApiInstance, *called: tuple[str, str, int, int]) -> None:
    """Method, path, requests, and how many of them were answered with 500."""
    counts = [
        resource(api, requests, method=method, resource=path, server_errors=errors)
        for method, path, requests, errors in called
    ]
    Shipper(api).ship(resources=tuple(counts))


def page_of(place: Place, api: ApiInstance, query: str = "") -> str:
    return unescape(text(place.client.get(f"/apis/{api.pk}/document{query}")))


def row(page: str, method: str, path: str) -> str:
    return next(one for one in page.split("<tr>") if f">{method}<" in one and f">{path}<" in one)


def test_operations_whose_answers_are_all_cut_have_no_latency(place: Place) -> None:
    api = make(place)
    paths = ("/pets/orders", "/pets/elsewhere")
    counts = [resource(api, 3, resource=path, server_errors=3, total={}) for path in paths]
    Shipper(api).ship(resources=tuple(counts))

    page = page_of(place, api)

    for path in ("/orders", "/elsewhere"):
        assert 'data-label="p95"><span class="faint">–</span></td>' in row(page, "GET", path)


def test_operations_have_their_traffic(place: Place) -> None:
    api = make(place)
    ship(
        api,
        ("GET", "/pets/orders/{id}", 7, 1),
        ("GET", "/pets/orders/ann", 1, 1),
        ("POST", "/pets/orders", 4, 0),
    )

    page = page_of(place, api)

    assert ">8<" in row(page, "GET", "/orders/{id}") and "25.0 %" in row(page, "GET", "/orders/{id}")
    assert ">4<" in row(page, "POST", "/orders") and "0.0 %" in row(page, "POST", "/orders")
    assert "–" in row(page, "GET", "/health")
    assert "Last 24 h: 2 of 4 operations called" in page


def test_operations_are_chosen_by_traffic_and_tag(place: Place) -> None:
    api = make(place)
    ship(
        api, ("GET", "/pets/orders", 100, 0), ("POST", "/pets/orders", 5, 4), ("GET", "/pets/health", 300, 0)
    )

    def found(query: str) -> list[str]:
        page = page_of(place, api, query)
        part = page[page.index('id="operations-found"') : page.index('id="undocumented"')]
        return [one.split("<")[0] for one in part.split('<span class="mono break">')[1:]]

    assert found("?traffic=Called") == ["/health", "/orders", "/orders"]
    assert found("?traffic=Not+called") == ["/orders/{id}"]
    assert found("?traffic=Failing") == ["/orders"]
    assert found("?tag=Writing") == ["/orders"]
    assert found("?tag=Orders&q=id") == ["/orders/{id}"]
    assert "Routes for them…" in page_of(place, api, "?tag=Orders")


def test_what_is_called_and_not_documented_is_listed(place: Place) -> None:
    api = make(place)
    ship(
        api,
        ("GET", "/pets/secret/{id}", 30, 0),
        ("DELETE", "/pets/orders", 2, 0),
        ("OPTIONS", "/pets/orders", 9, 0),
        ("HEAD", "/pets/orders", 1, 0),
        ("GET", "(other)", 5, 0),
        ("GET", "/elsewhere/orders", 6, 0),
    )

    page = page_of(place, api)
    part = page[page.index('id="undocumented"') :]

    assert "32 of 53 requests" in part
    assert ">30<" in row(part, "GET", "/secret/{id}")
    assert "another method of it is documented" in row(part, "DELETE", "/orders")
    assert "9 preflight requests" in part and "11 requests cannot be told apart" in part
    assert ">1<" in row(page, "GET", "/orders")


def test_what_cannot_be_told_apart_has_examples_of_recorded_requests(place: Place) -> None:
    api = make(place)
    recorded = [sample(api, path=path) for path in ("/pets/wp-admin", "/pets/orders/7", "/pets/listed")]
    counts = [resource(api, resource="(other)", requests=9), resource(api, resource="/pets/listed")]
    Shipper(api).ship(resources=tuple(counts), samples=tuple(recorded))

    part = page_of(place, api).partition('id="undocumented"')[2]

    told = part[part.index("Recorded among them") :][:300]
    assert "GET /pets/wp-admin" in told and "orders" not in told and "listed" not in told


def test_without_traffic_the_page_says_so(place: Place) -> None:
    api = make(place)

    assert "No requests in the last 24 h" in page_of(place, api)


def test_an_operation_becomes_a_route_and_a_condition_from_its_row(place: Place) -> None:
    api = make(place)
    one = Operation.objects.get(path="/orders/{id}")

    page = page_of(place, api)
    routes = unescape(text(place.client.get(f"/apis/{api.pk}/routes?operation={one.pk}")))
    tagged = unescape(text(place.client.get(f"/apis/{api.pk}/routes?tag=Orders")))
    catalog = unescape(text(place.client.get(f"/apis/{api.pk}/policies/add?operation={one.pk}")))
    new = unescape(text(place.client.get(f"/apis/{api.pk}/policies/add/ip-allowlist?operation={one.pk}")))

    assert f"/routes?operation={one.pk}" in page and f"/policies/add?operation={one.pk}" in page
    assert 'value="/orders/[^/]+"' in routes and "1 route for the chosen operations is below" in routes
    assert "2 routes for the chosen operations are below" in tagged
    assert f"/policies/add/ip-allowlist?operation={one.pk}" in catalog
    assert 'value="/orders/[^/]+"' in new
    assert api.routes.count() == 1


def test_a_viewer_is_not_offered_to_use_operations(place: Place) -> None:
    api = make(place)
    viewer = make_place(Role.Name.VIEWER, place.environment)

    page = page_of(viewer, api, "?tag=Orders")

    assert "?operation=" not in page and "Routes for them" not in page


def test_a_new_document_says_what_changed_and_what_is_left_behind(place: Place) -> None:
    api = make(place)
    paths = {"/orders": PATHS["/orders"], "/health": {"get": {"responses": {"200": {"description": "well"}}}}}
    allow(place, api, conditions=[{"methodRegex": "GET", "uriTemplateRegex": "/orders/[^/]+"}])
    allow(place, api, conditions=[{"uriTemplateRegex": "/orders"}], label="staying")
    upstream = DesiredUpstream("http://backend:8080/")
    route = DesiredRoute(path="/orders/[0-9]+", label="numbers", upstreams=[upstream])
    rest = DesiredRoute(upstreams=[upstream])
    edit_api(place.user, api, lambda was: replace(was, routes=[route, rest]))
    new = reading.keep(place.user, api.asset.organization, "new.json", json.dumps(OPENAPI | {"paths": paths}))
    reading.read(new.pk)

    before = page_of(place, api)
    page = page_of(place, api, f"?new={new.pk}")
    instances.set_specification(place.user, api, Specification.objects.get(pk=new.pk))
    after = page_of(place, api)

    assert "Changed (1)" in page and "~ GET /health" in page and "parameters, bodies or answers" in page
    assert "Removed (1)" in page and "− GET /orders/{id}" in page
    warned = page[page.index("no operation is left") : page.index("Replace the document")]
    assert "GET /orders/[^/]+" in warned and "numbers" in warned and "staying" not in warned
    assert "For no documented operation" not in before
    assert "For no documented operation" in after and "numbers" in after
    assert api.policies.count() == 2


def test_the_same_by_rest(place: Place) -> None:
    api = make(place)
    ship(api, ("GET", "/pets/orders/{id}", 7, 1), ("GET", "/pets/secret", 3, 0), ("GET", "(other)", 2, 0))

    found = Rest(place.user, place.environment)("GET", f"AM/{api.pk}/document/traffic").data

    (one,), (unknown,) = found["operations"], found["undocumented"]
    assert (one["path"], one["requests"], one["serverErrors"]) == ("/orders/{id}", 7, 1)
    assert (unknown["path"], unknown["requests"]) == ("/secret", 3)
    assert (found["requests"], found["notToldApart"], found["isCut"]) == (12, 2, False)


def test_methods_that_fit_none_of_many_operations_take_no_longer_than_may_be(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = make(place)
    allow(place, api, conditions=[{"methodRegex": "PATCH", "uriTemplateRegex": "/orders"}])
    document = api.asset.specification
    assert document is not None

    whole = rules.unmatched(api, document)
    monkeypatch.setattr(rules, "MOST_TRIED", 1)

    assert (len(whole.rules), whole.is_cut) == (1, False)
    assert rules.unmatched(api, document).is_cut
