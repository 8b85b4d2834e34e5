"""Beside a form, in a browser: what the linter finds of routes and of a policy follows what is typed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from apis.automated.models import AutomatedPolicy
from apis.changes.policies import apply_policy
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import Route
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.browser.axe import violations
from tests.browser.rehearsing import WAIT_MS, opened

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def place(browser: Browser, transactional_db: None) -> Place:
    return make_place()


@pytest.fixture
def page(browser: Browser, place: Place, live_server: object) -> Iterator[Page]:
    with opened(browser, place.user, str(live_server)) as made:
        yield made


def test_what_is_typed_is_judged_and_nothing_is_saved(page: Page, place: Place) -> None:
    expect.set_options(timeout=WAIT_MS)
    to = [DesiredUpstream("http://backend:8080/")]
    routes = [DesiredRoute(path="/a.*", upstreams=to), DesiredRoute(path="/a/b", upstreams=to)]
    api = make_saved_api(place, routes=routes)
    apply_policy(place.user, api, "http-basic-authentication", {"username": "ann", "password": "of-ann"})
    page.goto(f"/apis/{api.pk}/routes")
    found, said = page.locator("#edited-findings"), page.locator(".route .warning")
    expect(found).to_contain_text("Route 2 gets no request: route 1 takes them all")
    expect(said).to_have_count(1)

    page.locator("[name='routes.1.path']").fill("/c")
    expect(found).to_contain_text("No longer so: Route 2 gets no request")
    expect(said).to_have_count(0)
    page.get_by_role("button", name="Add route").click()
    expect(found).to_contain_text("once nothing is missing in the form")
    assert Route.objects.filter(api=api, path="/a/b").exists()

    page.goto(f"/apis/{api.pk}/policies/add/http-caching")
    expect(found).to_contain_text("Nothing found")
    page.locator("summary", has_text="Advanced options").click()
    page.get_by_label("Place").fill("1")
    expect(found).to_contain_text("Basic Authentication: Simple is skipped where HTTP Caching before it")
    assert violations(page) == []


def test_an_automated_policy_is_judged_in_the_apis_that_its_rule_covers(page: Page, place: Place) -> None:
    expect.set_options(timeout=WAIT_MS)
    api = make_saved_api(place, tags=["eu"])
    page.goto("/apis/automated/add/http-basic-authentication")
    found = page.locator("#edited-findings")
    expect(found).to_contain_text("once nothing is missing in the form")

    page.locator("[name='config.username']").fill("ann")
    page.locator("[name='config.password']").fill("of-ann")
    expect(found).to_contain_text("takes credentials over HTTP")
    expect(found).to_contain_text(f"In {api}")
    assert violations(page) == []
    page.get_by_label("Some APIs").check()
    page.locator("[name='rule.names']").fill("payments-*")
    expect(found).to_contain_text("It covers no API that could be looked at")
    assert not AutomatedPolicy.objects.exists()
