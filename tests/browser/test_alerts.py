"""An alert in a browser: added, raised by traffic, silenced, resolved."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from analytics.alerts.models import Alert
from apis.models import ApiInstance
from tests.analytics.alerts.watching import Clock
from tests.analytics.traffic import Shipper
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.browser.conftest import Album
from tests.browser.visit import log_in

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
    log_in(context, place.client, str(live_server))
    yield context.new_page()
    context.close()


def add(page: Page, api: ApiInstance, album: Album) -> None:
    page.goto("/alerts")
    page.get_by_role("link", name="New alert").first.click()
    page.get_by_label("Name", exact=True).fill("Orders fails")
    page.get_by_label("Looks at").select_option("errors")
    expect(page.get_by_label("Of several APIs")).to_be_visible()
    page.get_by_label("About", exact=True).select_option("api")
    expect(page.get_by_label("Of several APIs")).to_be_hidden()
    expect(page.get_by_label("Tag", exact=True)).to_be_hidden()
    page.get_by_label("API", exact=True).fill("orders")
    page.get_by_label("Threshold").fill("5")
    page.get_by_label("In the last").select_option("1")
    expect(page.locator("#alert-preview")).to_contain_text("It would have been raised 1 time")
    album.take(page, "alert-form")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/alerts/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Orders fails")


def test_an_alert_is_raised_silenced_and_resolved(page: Page, place: Place, album: Album) -> None:
    api = make_saved_api(place, deploy=True)
    clock, shipper = Clock(), Shipper(api)
    clock.ship(shipper, api, status=500)
    add(page, api, album)
    expect(page.get_by_text("Pending", exact=True)).to_be_visible()

    clock.round()
    page.reload()
    expect(page.get_by_text("Alerting", exact=True)).to_be_visible()
    expect(page.locator(".side-nav .alarm")).to_contain_text("1")
    expect(page.locator("#incidents")).to_contain_text("Open")
    page.get_by_role("button", name="Silence").click()
    page.get_by_role("menuitem", name="1 hour", exact=True).click()
    expect(page.get_by_text("Silenced", exact=True)).to_be_visible()
    expect(page.locator(".side-nav .alarm")).to_have_count(0)
    page.get_by_role("button", name="End the silence").click()
    page.goto(f"/apis/{api.pk}")
    expect(page.get_by_role("main")).to_contain_text("1 alert of this API holds")

    for _ in range(3):
        clock.ship(shipper, api, status=200)
        clock.round()
    page.goto(f"/apis/{api.pk}/alerts")
    page.get_by_role("link", name="Orders fails").click()

    expect(page.get_by_text("OK", exact=True).first).to_be_visible()
    expect(page.locator("#incidents")).to_contain_text("Resolved")
    assert Alert.objects.get().state == Alert.State.OK


def test_without_javascript_a_form_saves_and_the_last_day_is_a_page(
    browser: Browser, live_server: object, place: Place
) -> None:
    context = browser.new_context(base_url=str(live_server), java_script_enabled=False)
    log_in(context, place.client, str(live_server))
    page = context.new_page()
    page.goto("/alerts/new")
    page.get_by_label("Name", exact=True).fill("Any error")
    page.get_by_label("Looks at").select_option("errors")
    page.get_by_label("Threshold").fill("5")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Show them").click()

    expect(page.get_by_role("main")).to_contain_text("No request in the last 24 hours")
    context.close()
