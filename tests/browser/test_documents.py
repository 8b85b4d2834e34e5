"""An OpenAPI document in a real Chromium, on the whole running stack: uploaded, read by a worker, used."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Album
from tests.browser.test_walkthrough import page  # noqa: F401  a fixture
from tests.running import Stack

pytestmark = [pytest.mark.long, pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(240)]

SOON_MS = 30_000
ANSWERS = {"200": {"description": "ok"}}


def document(url: str, *paths: str) -> bytes:
    items = {
        path: {method: {"summary": f"{method} of {path}", "responses": ANSWERS} for method in ("get", "post")}
        for path in paths
    }
    info = {"title": "Zoo", "version": "3.1.4"}
    return json.dumps({"openapi": "3.1.0", "info": info, "servers": [{"url": url}], "paths": items}).encode()


def file(content: bytes, name: str = "zoo.json") -> dict[str, object]:
    return {"name": name, "mimeType": "application/json", "buffer": content}


def test_a_document_is_read_while_the_page_waits_and_fills_in_the_form(
    page: Page,  # noqa: F811
    stack: Stack,
    album: Album,
) -> None:
    page.goto("/apis/add")
    page.locator("label.choice", has_text="local").click()
    page.get_by_role("button", name="Next").last.click()
    page.locator("label.choice", has_text="Create a new API").click()
    page.locator("label.choice", has_text="REST API").click()

    page.locator("#f-specification").set_input_files(file(b"openapi: 3.1.0\npaths: [1"))  # type: ignore[arg-type]
    expect(page.locator("p.error")).to_contain_text("neither JSON nor YAML", timeout=SOON_MS)
    album.take(page, "document-refused")
    page.locator("#f-specification").set_input_files(
        file(document(stack.echo_url, "/animals", "/animals/{id}"))
    )  # type: ignore[arg-type]
    expect(page.get_by_label("Name", exact=True)).to_have_value("Zoo", timeout=SOON_MS)
    expect(page.get_by_text("4 operations")).to_be_visible()
    album.take(page, "document-read")

    page.get_by_role("button", name="Next").last.click()
    page.get_by_label("Port", exact=True).fill(str(stack.api_port))
    page.get_by_label("Base path", exact=True).fill("/zoo")
    page.get_by_role("button", name="Next").last.click()
    expect(page.locator("#f-uri")).to_have_value(stack.echo_url)
    page.get_by_text("Routes for operations").click()
    album.take(page, "document-upstream")
    page.get_by_role("button", name="Next").last.click()
    page.get_by_role("button", name="Save & deploy").click()
    expect(page.get_by_role("heading", name="Zoo", exact=True)).to_be_visible()


def test_its_operations_are_looked_up_and_the_document_is_replaced(page: Page, album: Album) -> None:  # noqa: F811
    page.get_by_role("link", name="OpenAPI", exact=True).click()
    expect(page.get_by_role("row")).to_have_count(5)
    album.take(page, "document")
    page.get_by_label("Search by method, path or words").fill("post id")
    expect(page.get_by_role("row")).to_have_count(2, timeout=SOON_MS)
    page.get_by_role("link", name="Clear").click()

    page.locator("#f-specification").set_input_files(
        file(document("/", "/animals", "/keepers"), "zoo-2.json")
    )  # type: ignore[arg-type]
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("+ GET /keepers")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_text("− GET /animals/{id}")).to_be_visible()
    album.take(page, "document-difference")
    page.get_by_role("button", name="Replace the document").click()

    expect(page.locator("#operations")).to_contain_text("get of /keepers", timeout=SOON_MS)
    page.get_by_role("link", name="Text", exact=True).click()
    expect(page.locator("pre")).to_contain_text('"/keepers"')
    album.take(page, "document-text")
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.get_by_role("link", name="Operations", exact=True).click()
    album.take(page, "document-narrow")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")


def test_operations_are_chosen_as_conditions(page: Page, album: Album) -> None:  # noqa: F811
    page.get_by_role("link", name="Add policy").click()
    page.get_by_role("link", name=re.compile("IP Allowlist")).first.click()
    page.get_by_text("Advanced options").click()
    page.locator("label.choice", has_text="Some requests").click()
    page.get_by_text("Choose operations of the OpenAPI document").click()
    page.get_by_label("Search operations").fill("keepers")
    expect(page.get_by_role("group", name="Operations").get_by_role("checkbox")).to_have_count(
        2, timeout=SOON_MS
    )

    for box in page.get_by_role("group", name="Operations").get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Add as conditions").click()

    expect(page.locator('input[value="/keepers"]')).to_be_visible(timeout=SOON_MS)
    expect(page.locator('input[value="GET|POST"]')).to_be_visible()
    album.take(page, "document-conditions")
