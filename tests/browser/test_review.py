"""A change from the form to running traffic where it is reviewed before: by keyboard, wide and narrow."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from console.stack.waiting import wait_for
from tests.browser.conftest import Album
from tests.browser.keyboard import press
from tests.browser.test_walkthrough import page  # noqa: F401  a fixture
from tests.running import Stack
from tests.stack.client import Client

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(240)]

SOON_MS = 30_000
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def place(stack: Stack) -> Iterator[str]:
    """The address of the environment, in which changes are deployed on save again in the end."""
    client = Client(stack)
    address = f"/accounts/api/organizations/{client.organization}/environments/{client.environment}"
    yield address
    client.patch(address, {"deploys": "on-save"})


def status(url: str) -> int:
    """0 while nothing listens there."""
    try:
        return httpx.get(url).status_code
    except (httpx.ConnectError, httpx.ReadError):
        return 0


@pytest.mark.parametrize(
    ("name", "size"), [("wide", WIDE), pytest.param("narrow", NARROW, marks=pytest.mark.long)]
)
def test_a_change_is_reviewed_and_then_live(
    page: Page,  # noqa: F811
    stack: Stack,
    album: Album,
    place: str,
    name: str,
    size: dict[str, int],
) -> None:
    client = Client(stack)
    api = client.deploy(f"review-{name}", stack.api_port, stack.echo_url)["id"]
    client.patch(place, {"deploys": "review"})
    old, new = (f"http://127.0.0.1:{stack.api_port}/{path}-{name}/1" for path in ("review", "reviewed"))
    wait_for(lambda: status(old) == 200, SOON_MS / 1000, "the API to serve")
    page.set_viewport_size(size)  # type: ignore[arg-type]

    page.goto(f"/apis/{api}/routes")
    page.get_by_label("Base path", exact=True).fill(f"/reviewed-{name}")
    press(page, "button", "Save")
    expect(page.get_by_text("1 change is pending")).to_be_visible()
    album.take(page, f"pending-{name}")
    assert status(new) == 404
    press(page, "link", "Review")
    expect(page.get_by_role("heading", name="What changes")).to_be_visible()
    page.get_by_label("Comment").press_sequentially("Ticket 4711")
    album.take(page, f"review-{name}")
    press(page, "button", "Deploy")

    expect(page.locator("#api-status")).to_contain_text("Active", timeout=SOON_MS)
    wait_for(lambda: status(new) == 200, SOON_MS / 1000, "the new base path to serve")
    assert status(old) == 404
    expect(page.get_by_text("is pending")).to_have_count(0)
    page.goto(f"/apis/{api}/deployments")
    expect(page.get_by_text("Ticket 4711").first).to_be_visible()
    album.take(page, f"deployments-{name}")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
