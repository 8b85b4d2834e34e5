"""Copies of an API and its document's traffic in a real Chromium, on the whole running stack."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Album
from tests.browser.test_documents import document, file
from tests.browser.test_walkthrough import page  # noqa: F401  a fixture
from tests.running import Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

SOON_MS = 30_000


def test_an_api_with_a_document_shows_what_is_called(page: Page, stack: Stack, album: Album) -> None:  # noqa: F811
    page.goto("/apis/add")
    page.locator("label.choice", has_text="local").click()
    page.get_by_role("button", name="Next").last.click()
    page.locator("label.choice", has_text="Create a new API").click()
    page.locator("label.choice", has_text="With an OpenAPI file").click()
    page.locator("#f-specification").set_input_files(
        file(document(stack.echo_url, "/ships", "/ships/{name}"), "harbour.json")  # type: ignore[arg-type]
    )
    expect(page.get_by_text("4 operations")).to_be_visible(timeout=SOON_MS)
    page.get_by_label("Name", exact=True).fill("Harbour")
    page.get_by_role("button", name="Next").last.click()
    page.get_by_label("Port", exact=True).fill(str(stack.api_port))
    page.get_by_label("Base path", exact=True).fill("/harbour")
    page.get_by_role("button", name="Next").last.click()
    page.get_by_role("button", name="Next").last.click()
    page.get_by_role("button", name="Save & deploy").click()
    expect(page.get_by_role("heading", name="Harbour", exact=True)).to_be_visible()

    address = f"http://127.0.0.1:{stack.api_port}/harbour"
    wait_until(lambda: httpx.get(f"{address}/ships").status_code == 200, seconds=30)
    for path in ("ships/ann", "ships/maria", "lighthouse"):
        assert httpx.get(f"{address}/{path}").status_code == 200

    page.get_by_role("link", name="OpenAPI", exact=True).click()
    named = page.get_by_role("row").filter(has_text="/ships/{name}").filter(has_text="GET")
    odd = page.locator("#undocumented").get_by_text("/lighthouse")
    for _ in range(30):  # each of them may be counted before the other
        if named.get_by_text("2", exact=True).count() and odd.count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    expect(named).to_contain_text("0.0 %")
    expect(odd).to_have_count(1)
    album.take(page, "document-traffic")
    page.get_by_label("Traffic").select_option("Not called")
    expect(page.locator("#operations-found").get_by_role("row")).to_have_count(3, timeout=SOON_MS)


def test_it_is_copied_where_it_is(page: Page, album: Album) -> None:  # noqa: F811
    page.get_by_role("link", name="Add policy").click()
    page.get_by_role("link", name=re.compile("Basic Authentication: Simple")).first.click()
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill("a-secret-of-the-harbour")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Applied Basic Authentication: Simple.").first).to_be_visible()

    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Copy…").click()
    expect(page.get_by_label("Base path")).to_have_value("/harbour-2")
    album.take(page, "copy-here")
    page.locator("label.choice", has_text="A new API").click()
    page.get_by_label("Name", exact=True).fill("Harbour North")
    page.get_by_label("Base path").fill("/harbour")
    page.get_by_role("button", name="Copy & deploy").click()
    expect(page.locator("#f-base_path_error")).to_contain_text("overlaps")
    page.get_by_label("Base path").fill("/harbour-north")
    page.get_by_role("button", name="Copy & deploy").click()

    expect(page.get_by_role("heading", name="Harbour North", exact=True)).to_be_visible()
    expect(page.locator(".pill", has_text="Active").first).to_be_visible(timeout=SOON_MS)


def test_the_copy_serves_with_the_policy_of_its_origin(stack: Stack) -> None:
    address = f"http://127.0.0.1:{stack.api_port}/harbour-north/ships"

    wait_until(lambda: httpx.get(address).status_code == 401, seconds=30)
    assert httpx.get(address, auth=("ann", "a-secret-of-the-harbour")).status_code == 200


def test_another_environment_asks_for_the_secret(page: Page, album: Album) -> None:  # noqa: F811
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Copy…").click()
    options = page.get_by_label("Environment", exact=True).locator("option")
    other = next(one for one in options.all() if "Production" in one.inner_text())
    page.get_by_label("Environment", exact=True).select_option(other.get_attribute("value"))
    expect(page.get_by_text("This goes to Production:")).to_be_visible(timeout=SOON_MS)
    album.take(page, "copy-elsewhere")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator(".error", has_text="Write the value for Production")).to_be_visible()
    page.get_by_label("Password").fill("another-secret")
    page.get_by_role("button", name="Copy", exact=True).click()

    expect(
        page.get_by_text(re.compile("Copied Harbour North .* it is not deployed yet")).first
    ).to_be_visible()
    expect(page.locator(".place-mark")).to_contain_text("Production")


def test_several_copies_are_pasted_and_made_while_the_page_waits(page: Page, album: Album) -> None:  # noqa: F811
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Copy…").click()
    page.get_by_role("link", name="Several copies at once").click()
    page.get_by_text("Paste from a spreadsheet").click()
    page.get_by_label("Rows to add").fill("Pier A\t/pier-a\nPier B\t/pier-b\nPier A\t/pier-c")
    page.get_by_role("button", name="Add these rows").click()
    expect(page.locator('input[value="/pier-c"]')).to_be_visible(timeout=SOON_MS)
    page.get_by_role("button", name="Make the copies").click()
    expect(page.get_by_text("1 of 3 rows is to be mended.")).to_be_visible(timeout=SOON_MS)
    album.take(page, "copies-refused")
    wide = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 900})
    address = page.locator('input[value="/pier-c"]').bounding_box()
    assert wide and address and address["width"] > 250  # of 390: an address is read while it is typed
    page.set_viewport_size(wide)

    page.locator("#f-copies\\.2\\.name").fill("Pier C")
    page.get_by_role("button", name="Make the copies").click()

    expect(page.get_by_role("heading", name="Made 3 copies")).to_be_visible(timeout=SOON_MS)
    album.take(page, "copies-made")
