"""An order by dragging and by keyboard: what is not applied yet, and what always runs first."""
# ruff: noqa: F811 — pytest hands fixtures over by their names

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from apis.changes.policies import apply_policy
from apis.models import ApiInstance
from tests.apis.views.pages import Place
from tests.browser.test_forms import (  # noqa: F401 — its fixtures: who is logged in, and their browser
    api,
    context,
    log_in,
    page,
    place,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def lane(page: Page, place: Place, api: ApiInstance) -> Locator:
    """Two policies in request order."""
    for ips in ("10.0.0.1", "10.0.0.2"):
        apply_policy(place.user, api, "ip-allowlist", {"ips": [ips]})
    page.goto(f"/apis/{api.pk}/policies")
    return page.locator("[data-sort-item]")


@pytest.mark.parametrize("by", ["dragging", "the keyboard"])
def test_leaving_an_order_that_is_not_applied_asks(page: Page, lane: Locator, by: str) -> None:
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    if by == "dragging":
        lane.first.locator(".grip").drag_to(lane.last, target_position={"x": 60, "y": 40})
    else:
        lane.first.get_by_role("button", name=re.compile("down$")).press("Enter")
    expect(lane.last).to_contain_text("10.0.0.1")

    page.get_by_role("link", name="Runtime Manager").first.click()
    page.wait_for_timeout(500)

    assert asked == ["beforeunload"]
    expect(lane.last).to_contain_text("10.0.0.1")


@pytest.mark.long
def test_what_always_runs_first_stays_where_it_is(
    page: Page, place: Place, lane: Locator, api: ApiInstance
) -> None:
    apply_policy(place.user, api, "cors", {"publicResource": True})
    page.reload()

    lane.last.locator(".grip").drag_to(lane.first, target_position={"x": 60, "y": 4})
    expect(lane.first).to_contain_text("CORS")
    expect(lane.nth(1)).to_contain_text("10.0.0.2")
    lane.first.locator(".grip").drag_to(lane.last, target_position={"x": 60, "y": 40})

    expect(lane.first).to_contain_text("CORS")
    expect(lane.nth(1).get_by_role("button", name=re.compile("up$"))).to_be_disabled()


@pytest.mark.long
@pytest.mark.parametrize("way", ["Cancel", "Apply order"])
def test_an_order_that_is_applied_or_given_up_asks_nothing(page: Page, lane: Locator, way: str) -> None:
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    lane.first.locator(".grip").drag_to(lane.last, target_position={"x": 60, "y": 40})
    page.get_by_text(way, exact=True).click()
    expect(page.get_by_text("The order is not applied yet.")).to_be_hidden()
    page.get_by_role("link", name="Runtime Manager").first.click()

    expect(page).to_have_url(re.compile("/gateways$"))
    assert asked == []
