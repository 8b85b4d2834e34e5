"""Test a request, in a browser: by keyboard from a curl command to the verdict, and kept as a test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from apis.changes.policies import apply_policy
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance
from apis.tasks import prepare_rehearsal
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.browser.axe import violations
from tests.browser.conftest import Album
from tests.browser.rehearsing import WAIT_MS, opened, working

pytestmark = [
    pytest.mark.browser,
    pytest.mark.envoy,
    pytest.mark.timeout(240),
    pytest.mark.django_db(transaction=True),
]
CURL = "curl -X POST 'http://api.example.com:8081/orders/items/4' -H 'Accept: application/json' -d a=b"


@pytest.fixture
def place(browser: Browser, transactional_db: None) -> Place:
    return make_place()


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with working(monkeypatch, prepare_rehearsal):
        yield


@pytest.fixture
def page(browser: Browser, place: Place, live_server: object) -> Iterator[Page]:
    with opened(browser, place.user, str(live_server)) as made:
        yield made


@pytest.fixture
def api(place: Place) -> ApiInstance:
    backend = [
        DesiredUpstream("http://backend:8080/v2", weight=90),
        DesiredUpstream("http://next:8080/", weight=10),
    ]
    routes = [
        DesiredRoute(label="reports", path="/reports/.*", upstreams=[DesiredUpstream("http://reports/")]),
        DesiredRoute(label="reads", methods="GET|HEAD", path="/items.*", upstreams=backend),
        DesiredRoute(label="writes", path="/items.*", headers={"accept": ".*json.*"}, upstreams=backend[:1]),
        DesiredRoute(label="rest", upstreams=[DesiredUpstream("http://backend:8080/v2")]),
    ]
    routes[2].upstreams[0] = DesiredUpstream("http://backend:8080/v2")  # type: ignore[index]
    api = make_saved_api(place, routes=routes)
    apply_policy(place.user, api, "ip-allowlist", {"ips": ["127.0.0.1"]})
    apply_policy(place.user, api, "http-basic-authentication", {"username": "ann", "password": "of-ann"})
    return api


def test_from_a_curl_command_to_a_test_by_keyboard(page: Page, api: ApiInstance, album: Album) -> None:
    expect.set_options(timeout=WAIT_MS)
    page.goto(f"/apis/{api.pk}/tests")
    page.get_by_role("link", name="Test a request").focus()
    page.keyboard.press("Enter")
    page.get_by_label("The command").focus()
    page.keyboard.insert_text(CURL)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    target = page.get_by_label("Path and query, or a whole address")
    expect(target).to_have_value("http://api.example.com:8081/orders/items/4")
    target.focus()
    page.keyboard.press("Enter")
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("Refused")
    expect(verdict).to_contain_text("Method GET|HEAD does not match POST")
    expect(verdict).to_contain_text("fits, but comes later")
    album.take(page, "tester")
    assert violations(page) == []

    verdict.get_by_role("link", name="Keep as a test").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved the test")).to_be_visible()
    assert api.tests.get().known.step.expect.status == 401  # type: ignore[union-attr]


@pytest.mark.long
def test_findings_by_keyboard(page: Page, api: ApiInstance, album: Album) -> None:
    page.goto(f"/apis/{api.pk}/findings")
    album.take(page, "findings")
    assert violations(page) == []
    page.get_by_role("link", name="Mute…").first.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Why it is meant so").focus()
    page.keyboard.insert_text("It is.")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Muted")).to_be_visible()
    expect(page.get_by_text("It is.")).to_be_visible()
