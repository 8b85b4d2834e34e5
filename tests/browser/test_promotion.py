"""APIs go to Production with other upstreams, in a real Chromium, and are taken back: one, many at once."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from apis.bulk.models import BulkChange
from apis.models import ApiInstance
from apis.tasks import look_at_promotions, push_gateway, work_on_bulk_change
from console.models import Role
from tests.apis.changes.test_copies import make_whole
from tests.apis.views.pages import make_place, make_saved_api
from tests.apis.views.test_bulk_promoting import looked, worked
from tests.browser.axe import violations
from tests.browser.conftest import Album
from tests.browser.inspection import WAIT_MS
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


def test_several_go_at_once_when_what_is_asked_is_answered(
    browser: Browser, live_server: object, album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in (look_at_promotions, work_on_bulk_change, push_gateway):
        monkeypatch.setattr(task, "apply_async", lambda **_: None)
    place, base = make_place(Role.Name.ADMINISTRATOR), str(live_server)
    make_whole(place)
    make_saved_api(place, "Payments", base_path="/pay")
    production = make_environment(place.environment.organization, name="Production", type="production")
    make_gateway(production, name="prod-1")
    context = browser.new_context(base_url=base, reduced_motion="reduce")
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    log_in(context, place.client, base)

    page.goto("/apis")
    page.get_by_label("Choose every API of this page").check()
    page.get_by_role("button", name="Promote", exact=True).click()
    page.get_by_role("button", name="Look at what changes").click()
    expect(page.get_by_text("0 of 2", exact=True)).to_be_visible()
    album.take(page, "promotions-looking")
    looked(BulkChange.objects.get())
    expect(page.get_by_text("0 of 2 are ready. 2 need an answer")).to_be_visible(timeout=WAIT_MS)
    assert violations(page) == []
    album.take(page, "promotions-asked")

    answer(page, album)
    page.get_by_role("button", name="Promote & deploy 2").click()

    expect(page.get_by_text("0 of 2 tried")).to_be_visible()
    worked(BulkChange.objects.get())
    expect(page.get_by_text("2 of 2 tried")).to_be_visible(timeout=WAIT_MS)
    assert violations(page) == []
    album.take(page, "promotions-done")
    made = ApiInstance.objects.get(environment=production, asset__name="Payments")
    assert (made.port, made.upstreams.get().uri) == (8443, "http://pay.prod:8080/")
    whole = ApiInstance.objects.get(environment=production, asset__name="Orders")
    assert whole.policies.get(policy="http-basic-authentication").secrets == {"password": "of production"}

    page.get_by_role("button", name=re.compile("^Take back Payments")).click()
    expect(page.get_by_text("which the promotion had made")).to_be_visible()
    assert list(ApiInstance.objects.filter(environment=production)) == [whole]
    context.close()


def answer(page: Page, album: Album) -> None:
    """What is asked about each of the two."""
    page.get_by_role("link", name="Answer for Payments").click()
    page.get_by_label("Port").fill("8443")
    page.get_by_label(re.compile("^Upstream")).fill("http://pay.prod:8080/")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_text("1 of 2 is ready. 1 needs an answer")).to_be_visible()
    page.get_by_role("link", name="Answer for Orders").click()
    page.get_by_label("Upstream one", exact=True).fill("http://one.prod:8080/")
    page.get_by_label("Upstream two", exact=True).fill("http://two.prod:8080/")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_text("needs an answer still, the rest is kept.")).to_be_visible()
    page.get_by_role("link", name="Answer for Orders").click()
    expect(page.get_by_label("Upstream two", exact=True)).to_have_value("http://two.prod:8080/")
    page.get_by_label("Password", exact=True).fill("of production")
    album.take(page, "promotions-answer")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_text("2 of 2 are ready.")).to_be_visible()
    album.take(page, "promotions-ready")
