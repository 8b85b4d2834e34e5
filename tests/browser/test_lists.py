"""Lists narrowed while one types, fields of a choice, the reference without scripts, routes by keyboard."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.apis.views.pages import Place, make_saved_api
from tests.browser.axe import violations
from tests.browser.keyboard import press, reach, walk_to
from tests.browser.test_forms import (  # noqa: F401 — its fixtures: who is logged in, and their browser
    WAIT_MS,
    context,
    log_in,
    page,
    place,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.django_db(transaction=True)]


def test_a_list_is_swapped_while_one_goes_on_typing(page: Page, place: Place) -> None:  # noqa: F811
    for name in ("Orders", "Payments", "Refunds"):
        make_saved_api(place, name)
    page.goto("/apis")
    field = page.get_by_label("Search by name, path, port, upstream, tag or id")

    field.press_sequentially("refu", delay=260)

    expect(page.locator("#apis tbody tr")).to_have_count(1, timeout=WAIT_MS)
    expect(field).to_have_value("refu")
    expect(field).to_be_focused()
    expect(page.locator("#apis-counted")).to_contain_text("1 API")
    expect(page).to_have_url(re.compile(r"q=refu"))
    field.fill("nothing-at-all")
    page.get_by_role("link", name="Show every API").click()
    expect(page.locator("#apis tbody tr")).to_have_count(3, timeout=WAIT_MS)
    expect(field).to_have_value("")


@pytest.mark.long
def test_going_back_brings_the_whole_page_again(page: Page, place: Place) -> None:  # noqa: F811
    for name in ("Orders", "Payments"):
        make_saved_api(place, name)
    page.goto("/gateways")
    page.goto("/apis")
    page.get_by_label("Status").select_option("Unregistered")
    page.get_by_label("Search by name, path, port, upstream, tag or id").fill("orders")
    expect(page.locator("#apis tbody tr")).to_have_count(1, timeout=WAIT_MS)
    expect(page).to_have_url(re.compile("q=orders&status=Unregistered"))
    page.get_by_role("link", name="Orders").click()
    expect(page.get_by_role("heading", name="Orders")).to_be_visible()

    page.go_back()

    expect(page.get_by_role("heading", name="APIs")).to_be_visible()
    expect(page.get_by_label("Search by name, path, port, upstream, tag or id")).to_have_value("orders")
    expect(page.locator("#apis tbody tr")).to_have_count(1)
    page.go_back()
    expect(page.get_by_role("heading", name="Gateways")).to_be_visible()


def test_fields_of_another_choice_are_out_of_the_way(page: Page, place: Place) -> None:  # noqa: F811
    api = make_saved_api(place)
    page.goto(f"/apis/{api.pk}/routes")
    one, several = page.locator("#f-uri"), page.get_by_role("button", name="Add route")
    expect(one).to_be_visible()
    expect(several).to_be_hidden()
    expect(page.locator("#f-tls_context")).to_be_hidden()

    page.locator("label.choice", has_text="Several routes").click()
    page.locator("label.choice", has_text="HTTPS").click()

    expect(one).to_be_hidden()
    expect(several).to_be_visible()
    expect(page.locator("#f-tls_context")).to_be_visible()


def test_the_reference_leads_from_an_answer_to_its_object_without_scripts(
    browser: Browser, live_server: object
) -> None:
    context = browser.new_context(base_url=str(live_server), java_script_enabled=False)  # noqa: F811
    page = context.new_page()  # noqa: F811
    page.goto("/api/docs")
    operation = page.locator("details.operation").first
    operation.locator("summary").click()

    operation.get_by_role("link", name="ErrorAnswer").click()

    expect(page.locator("#object-ErrorAnswer")).to_be_visible()
    expect(page.get_by_placeholder("Find an operation or an object")).to_be_hidden()
    context.close()


@pytest.mark.long
def test_a_route_is_added_moved_and_saved_by_the_keyboard_alone(page: Page, place: Place) -> None:  # noqa: F811
    api = make_saved_api(place)
    page.goto(f"/apis/{api.pk}/routes")
    reach(page, "radio", "One upstream Every request goes to one URL")
    page.keyboard.press("ArrowRight")
    press(page, "button", "Add route")
    expect(page.get_by_role("heading", name="Route", exact=True)).to_have_count(2)
    second = page.get_by_role("region", name="Route 2")
    walk_to(page, second.get_by_label("Path"))
    page.keyboard.type("/reports/.*")
    walk_to(page, second.get_by_label("Upstream URL"))
    page.keyboard.type("http://reports:8080/")
    walk_to(page, second.get_by_role("button", name="Move route 2 up"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Route 1").get_by_label("Path")).to_have_value("/reports/.*")
    assert violations(page) == []
    press(page, "button", "Save")

    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    assert [one.path for one in api.routes.order_by("position")] == ["/reports/.*", ""]
