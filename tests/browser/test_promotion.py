"""An API is promoted to Production with other upstreams, in a real Chromium, and taken back."""

import re

import pytest
from playwright.sync_api import Browser, expect

from apis.models import ApiInstance
from console.models import Role
from tests.apis.changes.test_copies import make_whole
from tests.apis.views.pages import make_place
from tests.browser.conftest import Album
from tests.browser.visit import log_in
from tests.factories import make_environment, make_gateway

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
]


def test_an_api_goes_to_production_with_other_upstreams(
    browser: Browser, live_server: object, album: Album
) -> None:
    place, base = make_place(Role.Name.ADMINISTRATOR), str(live_server)
    api = make_whole(place)
    production = make_environment(place.environment.organization, name="Production", type="production")
    make_gateway(production, name="prod-1")
    context = browser.new_context(base_url=base, reduced_motion="reduce")
    page = context.new_page()
    log_in(context, place.client, base)

    page.goto(f"/apis/{api.pk}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Promote…").click()
    expect(page.get_by_text("This goes to Production:")).to_be_visible()
    page.get_by_label("Upstream one", exact=True).fill("http://one.prod:8080/")
    page.get_by_label("Upstream two", exact=True).fill("http://two.prod:8080/")
    page.get_by_label("Password", exact=True).fill("of production")
    album.take(page, "promotion-table")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_role("heading", name="What is made in Production")).to_be_visible()
    album.take(page, "promotion-preview")
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(page.get_by_text(re.compile("Brought .* to Production"))).to_be_visible()
    made = ApiInstance.objects.get(environment=production)
    assert sorted(made.upstreams.values_list("uri", flat=True))[0] == "http://one.prod:8080/"
    album.take(page, "promotion-done")

    page.goto("/apis/compare")
    expect(page.locator(".pill", has_text="The same")).to_be_visible()
    album.take(page, "promotion-compare")

    page.goto(f"/apis/{made.pk}")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Take back").click()
    confirm = page.get_by_role("dialog").get_by_role("button").last
    if confirm.is_visible():
        confirm.click()
    expect(page.get_by_text("which the promotion had made")).to_be_visible()
    assert not ApiInstance.objects.filter(pk=made.pk).exists()
    context.close()
