"""The list of APIs as people work with it: searched, kept as a view, and many changed at once."""

import re

import pytest
from django.db import connection
from playwright.sync_api import Browser, Locator, Page, expect

from apis.bulk import running
from apis.bulk.models import BulkChange
from apis.models import ApiInstance
from tests.apis.views.pages import Place, make_saved_api
from tests.browser.conftest import Album
from tests.browser.test_forms import (  # noqa: F401 — its fixtures: who is logged in, and their browser
    WAIT_MS,
    context,
    log_in,
    page,
    place,
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.django_db(transaction=True),
]
WIDTHS = {"wide": 1280, "narrow": 390}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test is the worker."""
    from apis.tasks import push_gateway, work_on_bulk_change

    for task in (work_on_bulk_change, push_gateway):
        monkeypatch.setattr(task, "apply_async", lambda **_: None)


def work() -> BulkChange:
    change = BulkChange.objects.latest("begun_at")
    running.work(str(change.pk))
    connection.close()
    return change


def rows(page: Page) -> Locator:  # noqa: F811
    return page.locator("#apis tbody tr")


@pytest.mark.parametrize("width", WIDTHS)
def test_many_are_found_kept_tagged_and_deployed(
    page: Page,  # noqa: F811
    place: Place,  # noqa: F811
    width: str,
    album: Album,
) -> None:
    page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    for number in range(28):
        make_saved_api(place, f"Order {number}", base_path=f"/order-{number}", tags=["eu"] if number else [])
    make_saved_api(place, "Payments", tags=["eu"])
    page.goto("/apis")

    page.get_by_label("Search by").press_sequentially("order", delay=250)
    expect(page.locator("#apis-counted")).to_contain_text("28 APIs", timeout=WAIT_MS)
    page.locator("select[name=tag]").select_option("eu")
    expect(page.locator("#apis-counted")).to_contain_text("27 APIs", timeout=WAIT_MS)
    page.get_by_role("link", name="Save as view").click()
    page.get_by_label("Name").fill("European orders")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(r"\?q=order&tag=eu&view=\d+"))
    page.goto("/apis")
    page.get_by_role("button", name="All APIs").click()
    page.get_by_role("menuitem", name="European orders").click()
    expect(page.locator("#apis-counted")).to_contain_text("27 APIs")

    expect(page.locator("#bulk")).to_be_hidden()
    page.get_by_label("Choose every API of this page").check()
    expect(page.locator("#bulk")).to_contain_text("25 chosen")
    album.take(page, f"bulk-bar-{width}")
    page.get_by_label("All 27 APIs that match").check()
    page.get_by_role("button", name="Tag", exact=True).click()
    expect(page.get_by_role("heading", name="Tag", exact=True)).to_be_visible()
    page.get_by_role("button", name="eu", exact=True).click()
    page.get_by_label("Tags").press_sequentially("\nnew")
    album.take(page, f"bulk-confirm-{width}")
    page.get_by_role("button", name="Tag 27 APIs").click()
    expect(page.get_by_text("0 of 27 tried")).to_be_visible()
    work()
    expect(page.get_by_text("27 of 27 tried")).to_be_visible(timeout=WAIT_MS)
    album.take(page, f"bulk-done-{width}")
    assert ApiInstance.objects.filter(tags=["eu", "new"]).count() == 27

    page.goto("/apis?q=payments")
    page.get_by_label(re.compile("^Choose Payments")).check()
    page.get_by_role("button", name="Deploy", exact=True).click()
    page.get_by_role("button", name="Deploy 1 API").click()
    expect(page.get_by_text("0 of 1 tried")).to_be_visible()
    work()
    expect(page.get_by_text(f"Deployed to {place.gateway}.")).to_be_visible(timeout=WAIT_MS)
    assert ApiInstance.objects.get(is_deployed=True).asset.name == "Payments"


def test_what_is_chosen_stays_so_while_a_row_asks_again(page: Page, place: Place) -> None:  # noqa: F811
    make_saved_api(place, deploy=True)
    page.goto("/apis")
    page.get_by_label(re.compile("^Choose Orders")).check()

    with page.expect_response(re.compile(r"/apis/\d+/row")):
        pass

    expect(page.get_by_label(re.compile("^Choose Orders"))).to_be_checked()
    expect(page.locator("#bulk")).to_be_visible()


def test_without_scripts_many_are_changed_too(browser: Browser, live_server: object, place: Place) -> None:  # noqa: F811
    for name in ("Orders", "Payments"):
        make_saved_api(place, name)
    context = browser.new_context(base_url=str(live_server), java_script_enabled=False)  # noqa: F811
    cookie = {"name": "sessionid", "value": place.client.cookies["sessionid"].value, "url": str(live_server)}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()  # noqa: F811
    page.goto("/apis?sort=-name")

    page.get_by_label(re.compile("^Choose Orders")).check()
    page.get_by_label(re.compile("^Choose Payments")).check()
    page.get_by_role("button", name="Deprecate", exact=True).click()
    page.get_by_role("button", name="Deprecate 2 APIs").click()
    work()
    page.reload()

    expect(page.get_by_text("2 of 2 tried")).to_be_visible()
    page.goto("/apis?deprecated=yes")
    expect(rows(page)).to_have_count(2)
    context.close()
