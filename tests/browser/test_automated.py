"""An automated policy by keyboard alone: added to some APIs, seen to cover them, and moved in the order."""

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from apis.automated.models import AutomatedPolicy
from tests.apis.views.pages import Place, allow, make_place, make_saved_api
from tests.browser.conftest import Album
from tests.browser.keyboard import reach
from tests.factories import make_automated

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.django_db(transaction=True),
]

WAIT_MS = 20_000


@pytest.fixture
def place(browser: Browser, transactional_db: None) -> Place:
    return make_place()


@pytest.fixture
def page(browser: Browser, place: Place, live_server: object) -> Iterator[Page]:
    context = browser.new_context(base_url=str(live_server), reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    client = Client()
    client.force_login(place.user)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": str(live_server)}
    context.add_cookies([cookie])  # type: ignore[list-item]
    yield context.new_page()
    context.close()


def test_added_ordered_and_seen_on_the_api_by_keyboard(page: Page, place: Place, album: Album) -> None:
    public = make_saved_api(place, "Orders", deploy=True, tags=["public"])
    make_saved_api(place, "Stock", port=8082)
    allow(place, public)
    make_automated(place.environment, label="first")

    page.goto("/apis/automated")
    reach(page, "link", "Add automated policy")
    page.keyboard.press("Enter")
    page.wait_for_url("**/apis/automated/add")
    reach(page, "searchbox", "Search by name")
    page.keyboard.type("ip allowlist")
    expect(page.locator(".policy-card")).to_have_count(1)
    page.locator(".policy-card").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/add/ip-allowlist")

    reach(page, "radio", "Every API Of this environment, and each that will be added")
    page.keyboard.press("ArrowRight")
    reach(page, "textbox", "Tags optional")
    page.keyboard.type("PUBLIC")
    expect(page.locator("#automated-impact")).to_contain_text("1 of 2 APIs covered")
    expect(page.locator("#automated-impact")).to_contain_text("Its own rests meanwhile.")
    reach(page, "textbox", "Allowed addresses")
    page.keyboard.type("10.0.0.1")
    album.take(page, "automated-form")
    reach(page, "button", "Save & deploy")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="IP Allowlist", exact=True)).to_be_visible()
    added = AutomatedPolicy.objects.get(policy="ip-allowlist")
    assert (added.tags, added.order) == (["PUBLIC"], 2)

    page.goto("/apis/automated")
    reach(page, "link", "Edit IP Allowlist")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".step").first).to_contain_text("IP Allowlist")
    expect(page.locator(f"#up-{added.pk}")).to_be_focused()
    reach(page, "button", "Apply order")
    page.keyboard.press("Enter")
    expect(page.get_by_text("run in the new order")).to_be_visible()
    added.refresh_from_db()
    assert added.order == 1

    page.goto(f"/apis/{public.pk}/policies")
    expect(page.locator(".step").first).to_contain_text("IP Allowlist")
    expect(page.get_by_text("Resting")).to_be_visible()
