"""The journey of a client application in a real Chromium: from asking for access to a 200, a 429, another
tier, another secret and a revocation; by who manages the API, and by its owner, who has no role.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from console.stack.waiting import TimedOut, wait_for
from tests.browser.axe import violations
from tests.browser.conftest import Album
from tests.running import Stack
from tests.stack.client import Client

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(400)]

SOON_MS = 60_000
PASSWORD = "carlas-own-1"


@dataclass
class People:
    """Two browsers, and what the tests hand on to each other."""

    manager: Page
    consumer: Page
    caller: httpx.Client
    api: str = ""
    client_id: str = ""
    secret: str = ""
    old_secret: str = ""
    password: str = ""

    def status(self, secret: str = "") -> int:
        """0 while nobody listens, or a listener is only just made."""
        headers = {"client_id": self.client_id, "client_secret": secret or self.secret}
        try:
            return self.caller.get("/partner/1", headers=headers).status_code
        except (httpx.ConnectError, httpx.ReadError):
            return 0

    def expect_status(self, status: int, secret: str = "") -> None:
        """On a connection that stays open."""
        seen: list[int] = []

        def has_come() -> bool:
            seen.append(self.status(secret))
            return seen[-1] == status

        try:
            wait_for(has_come, SOON_MS / 1000, f"status {status}")
        except TimedOut as late:
            raise AssertionError(f"{status} did not come; what came: {sorted(set(seen))}") from late


@pytest.fixture(scope="module")
def people(browser: Browser, stack: Stack) -> Iterator[People]:
    troubles: list[str] = []
    expect.set_options(timeout=SOON_MS)
    contexts = [
        browser.new_context(base_url=stack.url, viewport={"width": 1280, "height": 900}) for _ in range(2)
    ]
    manager, consumer = (_page(one, troubles) for one in contexts)
    _log_in(manager, stack.username, stack.password)
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.api_port}", timeout=20) as caller:
        yield People(manager, consumer, caller)
    for one in contexts:
        one.close()
    assert [text for text in troubles if "status of 4" not in text] == []


def _page(context: BrowserContext, troubles: list[str]) -> Page:
    page = context.new_page()
    page.set_default_timeout(SOON_MS)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: dialog.accept())
    return page


def _log_in(page: Page, username: str, password: str) -> None:
    page.goto("/login")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def test_an_api_asks_for_contracts_and_has_tiers(people: People, stack: Stack, album: Album) -> None:
    client, page = Client(stack), people.manager
    made = client.deploy("partner", stack.api_port, stack.echo_url)
    people.api = f"/apis/{made['id']}"
    people.expect_status(200)
    page.goto(f"{people.api}/contracts")
    expect(page.get_by_text("No policy of this API asks for contracts.")).to_be_visible()
    page.get_by_role("link", name="Add Client ID Enforcement").click()
    expect(page.get_by_text("No application has a contract with this API")).to_be_visible()
    page.get_by_role("button", name="Apply").last.click()
    page.goto(f"{people.api}/policies/add/rate-limiting-sla-based")
    page.get_by_role("button", name="Apply").last.click()
    people.expect_status(401)

    for name, requests, by_itself in (("Silver", "3", False), ("Gold", "1000", True)):
        page.goto(f"{people.api}/tiers/add")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Requests", exact=True).fill(requests)
        if by_itself:
            page.get_by_label("Approve requests by itself").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("row", name=re.compile(name))).to_be_visible()
        # Its script forgets what was typed into the form that was sent.
        page.wait_for_load_state()

    expect(page.get_by_role("row", name=re.compile("Gold"))).to_contain_text("1,000 a minute")
    album.take(page, "journey-tiers")


def test_somebody_without_a_role_owns_an_application(people: People, album: Album) -> None:
    page = people.manager
    page.goto("/administration/users/add")
    page.get_by_label("Username").fill("carla")
    page.get_by_role("button", name=re.compile("Create|Add|Make")).last.click()
    people.password = page.locator("code[data-copied]").last.inner_text()
    page.goto("/applications/add")
    page.get_by_label("Name", exact=True).fill("Web shop")
    page.get_by_label("Owners").fill("carla")
    page.get_by_role("button", name="Make application").click()
    expect(page.get_by_text("This secret is shown once.")).to_be_visible()
    people.client_id, people.old_secret = page.locator("code[data-copied]").all_inner_texts()
    album.take(page, "journey-secret")
    page.goto("/administration/users")
    page.get_by_role("link", name="carla").click()
    page.get_by_role("button", name="Remove").click()

    page = people.consumer
    _log_in(page, "carla", people.password)
    page.locator("#id_new_password1").fill(PASSWORD)
    page.locator("#id_new_password2").fill(PASSWORD)
    page.get_by_role("button", name="Save and go on").click()

    expect(page).to_have_url(re.compile("/consumer$"))
    expect(page.get_by_role("row", name=re.compile("Web shop"))).to_contain_text(people.client_id[:8])
    expect(page.get_by_role("link", name="API Manager")).to_have_count(0)
    assert violations(page, "", "everything") == []
    album.take(page, "journey-consumer")


def test_access_is_asked_for_approved_and_gives_a_200(people: People, album: Album) -> None:
    page = people.consumer
    people.secret = people.old_secret
    page.get_by_role("link", name="Web shop").click()
    page.get_by_role("link", name="Request access").first.click()
    page.get_by_role("row", name=re.compile("Partner")).get_by_role("link").click()
    page.locator("label.choice", has_text="Silver").click()
    page.get_by_label("Reason").fill("To sell things.")
    page.get_by_role("button", name="Request access").click()
    expect(page.get_by_text("Nothing was saved")).to_be_visible()
    page.get_by_label("We use the API for what is told here").check()
    page.get_by_role("button", name="Request access").click()
    expect(page.get_by_role("row", name=re.compile("Partner"))).to_contain_text("Pending")
    assert people.status() == 401

    page = people.manager
    page.goto(f"{people.api}/contracts")
    expect(page.get_by_role("row", name=re.compile("Web shop"))).to_contain_text("To sell things.")
    page.get_by_role("link", name="Approve Web shop").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Answer").fill("Welcome.")
    assert violations(page, "dialog[open]", "everything") == []
    album.take(page, "journey-approve")
    dialog.get_by_role("button", name="Approve").click()

    expect(page.get_by_role("row", name=re.compile("Web shop"))).to_contain_text("Approved")
    people.expect_status(200)


def test_more_than_the_tier_allows_is_a_429_that_is_explained(people: People, album: Album) -> None:
    people.expect_status(429)

    page = people.consumer
    page.reload()
    page.get_by_role("link", name="partner").click()
    expect(page.get_by_text("Welcome.")).to_be_visible()
    expect(page.locator("code[data-copied]")).to_contain_text(f"client_id: {people.client_id}")
    page.get_by_role("link", name="Requests and errors").click()
    expect(page.get_by_text("More requests than your tier allows").first).to_be_visible()
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page, "", "layout") == []
        album.take(page, f"journey-usage-{width}")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_another_tier_is_asked_for_and_gives_a_200_again(people: People) -> None:
    page = people.consumer
    page.goto("/consumer")
    page.get_by_role("link", name="Web shop").click()
    page.get_by_role("link", name="partner").click()
    page.get_by_role("link", name="Ask for another tier").click()
    page.locator("label.choice", has_text="Gold").click()
    page.get_by_role("button", name="Ask for it").click()

    expect(page.get_by_role("heading", name="Limits")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("1,000 a minute"))).to_be_visible()
    people.expect_status(200)


def test_the_secret_is_rotated_while_both_work(people: People, album: Album) -> None:
    page = people.consumer
    page.goto("/consumer")
    page.get_by_role("link", name="Web shop").click()
    page.get_by_role("link", name="Reset secret").click()
    page.get_by_label("In 24 hours").check()
    page.get_by_role("button", name="Reset secret").click()
    people.secret = page.locator("code[data-copied]").last.inner_text()
    album.take(page, "journey-rotated")
    assert people.secret != people.old_secret
    people.expect_status(200)
    assert people.status(people.old_secret) == 200

    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="End the secret before now").click()

    people.expect_status(401, people.old_secret)
    assert people.status() == 200
    assert people.secret not in page.content()


def test_what_is_revoked_gets_a_401_and_reads_why(people: People, album: Album) -> None:
    page = people.manager
    page.goto(f"{people.api}/contracts")
    page.get_by_role("link", name="Web shop").click()
    page.get_by_role("link", name="Revoke").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Answer").fill("The trial is over.")
    dialog.get_by_role("button", name="Revoke").click()

    people.expect_status(401)
    people.consumer.reload()
    people.consumer.get_by_role("link", name="partner").click()
    expect(people.consumer.get_by_text("The trial is over.").first).to_be_visible()
    album.take(people.consumer, "journey-revoked")
    page.get_by_role("link", name="Web shop").click()
    page.get_by_role("link", name="Restore").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    people.expect_status(200)
