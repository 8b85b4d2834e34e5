"""Beside a policy's form, in a browser: what is typed is evaluated, tried, shown as YAML."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from apis.changes import tests as change
from apis.models import ApiInstance
from apis.tasks import run_tests
from apis.testing import runs
from gateways.protocol import cases
from tests.apis.views.pages import Place, allow, make_place, make_saved_api
from tests.browser.axe import violations
from tests.browser.conftest import Album
from tests.browser.rehearsing import WAIT_MS, opened, working

pytestmark = [
    pytest.mark.browser,
    pytest.mark.envoy,
    pytest.mark.timeout(240),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def place(browser: Browser, transactional_db: None) -> Place:
    return make_place()


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with working(monkeypatch, run_tests):
        yield


@pytest.fixture
def page(browser: Browser, place: Place, live_server: object) -> Iterator[Page]:
    with opened(browser, place.user, str(live_server)) as made:
        yield made


@pytest.fixture
def api(place: Place) -> ApiInstance:
    api = make_saved_api(place)
    allow(place, api, "127.0.0.1")
    return api


def test_what_is_typed_is_tried(page: Page, api: ApiInstance, album: Album) -> None:
    expect.set_options(timeout=WAIT_MS)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.method == "GET" else None)
    page.goto(f"/apis/{api.pk}/policies/add/rate-limiting")
    page.get_by_label("Requests", exact=True).first.fill("0")
    yaml = page.locator("#policy-yaml")
    expect(yaml).to_contain_text("not whole yet")
    page.get_by_label("Requests", exact=True).first.fill("7")
    page.locator("[id='f-config.rateLimits.0.timePeriodInMilliseconds']").fill("1")
    expect(yaml).to_contain_text("maximumRequests: 7")

    page.locator("summary", has_text="Advanced options").click()
    selector = page.locator("[id='f-config.keySelector']")
    selector.fill("#[attributes.headers[")
    page.get_by_role("button", name="Try Count separately by").click()
    value = page.locator("#value")
    expect(value).to_contain_text("Line 1, column 22")
    selector.fill("#[attributes.headers['x-client'] default 'nobody']")
    expect(value).to_contain_text('"nobody"')
    page.get_by_label("Headers").fill("X-Client: ann")
    expect(value).to_contain_text('"ann"')

    page.get_by_role("button", name="Test this policy").click()
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("Upstream answered")
    expect(verdict).to_contain_text("this one")
    # Addresses are logged and bounded; forms hold secrets and long documents.
    assert [one for one in asked if "/rehearsals/" in one]
    assert not [one for one in asked if "config." in one or "csrfmiddlewaretoken" in one]
    album.take(page, "trying")
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 900})
    album.take(page, "trying-narrow")


@pytest.mark.long
def test_an_automated_policy_is_tried_on_what_its_rule_covers(
    page: Page, api: ApiInstance, album: Album
) -> None:
    expect.set_options(timeout=WAIT_MS)
    page.goto("/apis/automated/add/ip-allowlist")
    sample = page.get_by_label("On", exact=True)
    expect(sample.locator("option:checked")).to_have_text(str(api))
    page.get_by_label("Allowed addresses").fill("10.0.0.1")
    page.get_by_role("button", name="Test this policy").click()
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("Refused")
    expect(verdict.locator(".step", has_text="this one")).to_have_count(1)
    album.take(page, "trying-automated")
    assert violations(page) == []

    page.locator("label.choice", has_text="Some APIs").click()
    page.get_by_label("Tags").fill("nowhere")
    expect(sample.locator("option")).to_have_text(["A plain API with this policy alone"])
    page.set_viewport_size({"width": 390, "height": 900})
    album.take(page, "trying-automated-narrow")


@pytest.mark.long
def test_tests_of_an_api_are_shown(page: Page, place: Place, api: ApiInstance, album: Album) -> None:
    known = cases.read(
        "- {name: open, target: /1, expect: {outcome: upstream}}\n"
        "- {name: should be closed, target: /1, expect: {status: 401, answer: {www-authenticate: Basic}}}\n"
        "- {name: twice, order: [{expect: {status: 200}}, {expect: {status: 429}}]}\n"
    )
    change.replace_tests(place.user, api, known)
    going = runs.start(place.user, api)
    runs.work(api.pk, str(going.token))

    page.goto(f"/apis/{api.pk}/tests")
    expect(page.get_by_text("Request 2: Status")).to_be_visible(timeout=WAIT_MS)
    assert violations(page) == []
    album.take(page, "tests")
    page.goto(f"/apis/{api.pk}/tests/add")
    assert violations(page) == []
    album.take(page, "test-form")
    page.goto(f"/apis/{api.pk}/tests/yaml")
    assert violations(page) == []
    album.take(page, "tests-yaml")
    page.set_viewport_size({"width": 390, "height": 900})
    page.emulate_media(color_scheme="dark")
    page.goto(f"/apis/{api.pk}/tests")
    assert violations(page) == []
    album.take(page, "tests-narrow")
