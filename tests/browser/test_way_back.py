"""The way back in a browser: from a change that a replica refuses, and from a delete."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from apis.models import ApiInstance
from gateways.models import Replica, ResourceStatus
from tests.apis.views.pages import make_place, make_saved_api
from tests.apis.views.test_deployments import carried, now
from tests.apis.views.test_detail import answer
from tests.browser.conftest import Album
from tests.browser.visit import WAIT_MS, log_in
from tests.factories import make_replica

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.django_db(transaction=True)]


def all_answer(api: ApiInstance, one: Replica, two: Replica, refused: str = "") -> None:
    """Of what is deployed now; the second refuses it, if it says why."""
    api.refresh_from_db()
    ResourceStatus.objects.all().delete()
    answer(api, one)
    answer(api, two, "refused" if refused else "applied", refused)


def delete_and_undo(page: Page, api: ApiInstance, album: Album) -> None:
    page.goto(f"/apis/{api.pk}/delete")
    page.get_by_label("Type Orders to confirm").fill("Orders")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No APIs here yet")).to_be_visible()
    album.take(page, "deleted")
    page.locator("#toasts").get_by_role("button", name="Undo").click()

    expect(page.locator("#toasts")).to_contain_text(f"{api} is back")
    assert ApiInstance.objects.get(pk=api.pk).is_deployed


def test_a_bad_change_is_rolled_back_and_a_delete_is_undone(
    browser: Browser, live_server: object, transactional_db: None, album: Album
) -> None:
    place, later = make_place(), timezone.now() + timedelta(hours=1)
    place.gateway.replicas.update(last_heartbeat_at=later, name="one")
    one, two = place.gateway.replicas.get(), make_replica(place.gateway, name="two", last_heartbeat_at=later)
    api = make_saved_api(place, deploy=True)
    good = now(api)
    carried(place.gateway, (one, {}), (two, {}))
    all_answer(api, one, two)
    context = browser.new_context(base_url=str(live_server), reduced_motion="reduce")
    log_in(context, place.client, str(live_server))
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)

    page.goto(f"/apis/{api.pk}/routes")
    page.get_by_role("spinbutton", name="Port").fill("9000")
    page.get_by_role("button", name="Save & deploy").click()
    expect(page.get_by_role("spinbutton", name="Port")).to_have_value("9000")
    refused = "port 9000 is taken by another program"
    carried(place.gateway, (one, {}), (two, {api.resource_name: refused}))
    all_answer(api, one, two, refused)

    banner = page.locator("#trouble")
    expect(banner).to_contain_text("1 of 2 replicas refuses")  # it comes by itself
    expect(banner).to_contain_text(refused)
    album.take(page, "refused")
    banner.get_by_role("link", name="Go back to the last revision that all ran").click()
    dialog = page.get_by_role("dialog", name=f"Roll back to {good}")
    expect(dialog).to_contain_text("http://0.0.0.0:8081/orders")
    dialog.get_by_label("Why").fill("The port is taken.")
    dialog.get_by_label("Discard what is saved, too").check()
    dialog.get_by_role("button", name="Roll back").click()

    expect(page.locator("#toasts")).to_contain_text(f"Rolled back to {good}")
    assert now(api) == good
    carried(place.gateway, (one, {}), (two, {}))
    all_answer(api, one, two)
    page.reload()
    expect(banner).to_be_hidden()
    newest = page.locator("#deployments tbody tr").first
    expect(newest).to_contain_text("The port is taken.")
    expect(newest).to_contain_text("Applied on 2")
    for box in page.get_by_label("Compare revision").all()[:2]:
        box.check()
    page.get_by_role("button", name="Compare the chosen").click()
    expect(page.locator(".diff")).to_contain_text("http://0.0.0.0:9000/orders")

    delete_and_undo(page, api, album)
    context.close()
