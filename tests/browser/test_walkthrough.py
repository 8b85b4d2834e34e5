"""The walkthrough of the README in a real Chromium, on the whole running stack."""

import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from console.stack import ports
from console.stack.waiting import wait_for
from tests.browser.conftest import Album
from tests.running import Stack
from tests.stack.client import Client

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(240)]

SOON_MS = 20_000


@pytest.fixture(scope="module")
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A page of somebody who has logged in. Errors of scripts and refused resources fail the test."""
    context = browser.new_context(base_url=stack.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.goto("/")
    page.get_by_label("Username").fill(stack.username)
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Runtime Manager").first).to_be_visible()
    yield page
    context.close()
    assert [text for text in troubles if "status of 4" not in text] == []


def test_runtime_manager_shows_the_local_gateway_with_its_replica(page: Page, album: Album) -> None:
    page.get_by_role("link", name="Runtime Manager").first.click()
    row = page.get_by_role("row", name=re.compile("local"))
    expect(row).to_contain_text("Connected")
    album.take(page, "gateways")

    row.get_by_role("link", name="local").click()

    expect(page.get_by_role("row", name=re.compile("local-1"))).to_contain_text("Connected")
    album.take(page, "gateway")


def test_a_gateway_is_added_by_the_commands_that_the_page_shows(
    page: Page, stack: Stack, album: Album, tmp_path: Path
) -> None:
    page.goto("/gateways/add")
    page.get_by_label("Name").fill("depot")
    page.get_by_role("button", name="Continue").click()
    register, start = page.locator("code[data-copied]").all_inner_texts()
    album.take(page, "gateway-commands")
    progress = page.locator("#registration")
    expect(progress).to_contain_text("Waiting for registration")

    _shell(register, tmp_path, stack).wait(timeout=30)
    expect(progress).to_contain_text("Disconnected", timeout=SOON_MS)
    gateway = _shell(start, tmp_path, stack)
    try:
        expect(progress).to_contain_text("1 replica reports", timeout=2 * SOON_MS)
        page.goto("/gateways")
        expect(page.get_by_role("row", name=re.compile("depot"))).to_contain_text("Connected")
    finally:
        os.killpg(gateway.pid, signal.SIGTERM)
        gateway.wait(timeout=40)
    expect(page.get_by_role("row", name=re.compile("depot"))).to_contain_text("Disconnected", timeout=SOON_MS)


def _shell(command: str, folder: Path, stack: Stack) -> "subprocess.Popen[bytes]":
    """A command as a person types it in another shell of this machine."""
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    return subprocess.Popen(
        ["/bin/sh", "-c", f"exec {command}"], cwd=folder, env=environment, start_new_session=True
    )


def test_an_api_is_added_by_the_wizard_and_turns_active_by_itself(
    page: Page, stack: Stack, album: Album
) -> None:
    page.get_by_role("link", name="API Manager").first.click()
    page.get_by_role("link", name="Add API").first.click()
    page.locator("label.choice", has_text="local").click()
    _next(page, album, "wizard-gateway")
    page.get_by_label("Name", exact=True).fill("Orders")
    _next(page, album, "wizard-api")
    page.locator("label.choice", has_text="HTTPS").click()
    expect(page.get_by_label("Port", exact=True)).to_have_value("8443")
    page.locator("label.choice", has_text="Plain").click()
    expect(page.get_by_label("Port", exact=True)).to_have_value(_proposed_port(stack))
    page.get_by_label("Port", exact=True).fill(str(stack.api_port))
    page.get_by_label("Base path", exact=True).fill("/orders")
    _next(page, album, "wizard-downstream")
    echo = page.get_by_role("button", name="Use the bundled echo upstream")
    expect(echo).to_have_count(1, timeout=30_000)  # the page's script has hidden what several routes need
    echo.click()
    expect(page.locator("#f-uri")).to_have_value(stack.echo_url)
    _next(page, album, "wizard-upstream")

    page.get_by_role("button", name="Save & deploy").click()

    expect(page.locator("#api-status")).to_contain_text("Active", timeout=SOON_MS)
    expect(page.locator("#api-status")).to_contain_text("in force on 1 of 1 replica")
    album.take(page, "api")
    answer = httpx.get(f"http://127.0.0.1:{stack.api_port}/orders/42")
    assert (answer.status_code, answer.json()["path"]) == (200, "/42")


def _proposed_port(stack: Stack) -> str:
    """The usual one, or where this stack's gateway has APIs of other tests, theirs."""
    client = Client(stack)
    return str(stack.api_port if client.get(client.apis)["total"] else 8081)


def _next(page: Page, album: Album, name: str) -> None:
    album.take(page, name)
    page.get_by_role("button", name="Next").last.click()


def test_a_policy_is_applied_disabled_and_enabled_on_an_open_connection(
    page: Page, stack: Stack, album: Album
) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.api_port}") as caller:
        assert caller.get("/orders/1").status_code == 200
        page.get_by_role("link", name="Policies", exact=True).last.click()
        page.get_by_role("link", name="Add policy").first.click()
        page.get_by_placeholder("Search policies").fill("basic")
        album.take(page, "policy-add")
        page.get_by_role("link", name=re.compile("Basic Authentication: Simple")).click()
        page.locator("[name='config.username'], [name='username']").fill("ann")
        page.locator("[name='config.password'], [name='password']").fill("secret-1")
        album.take(page, "policy-form")
        page.get_by_role("button", name="Apply").last.click()

        expect(page.get_by_text("Enabled")).to_be_visible()
        _wait_for_status(caller, 401)
        assert caller.get("/orders/1").headers["WWW-Authenticate"].startswith("Basic")
        assert caller.get("/orders/1", auth=("ann", "secret-1")).status_code == 200
        album.take(page, "api-policies")

        page.get_by_role("button", name=re.compile("^Disable")).click()
        _wait_for_status(caller, 200)
        page.get_by_role("button", name=re.compile("^Enable")).click()
        _wait_for_status(caller, 401)


def _wait_for_status(caller: httpx.Client, status: int) -> None:
    wait_for(lambda: caller.get("/orders/1").status_code == status, SOON_MS / 1000, f"status {status}")


def test_policies_are_reordered_from_the_keyboard_alone(page: Page) -> None:
    page.get_by_role("link", name="Add policy").first.click()
    page.get_by_role("link", name=re.compile(r"^(?!.*SLA).*Rate Limiting")).click()
    page.get_by_label("Requests", exact=True).fill("100")
    page.get_by_label("Time period", exact=True).fill("1")
    page.get_by_label("Unit of Time period").select_option("seconds")
    page.get_by_role("button", name="Apply").last.click()
    steps = page.locator("[data-sort-item]")
    expect(steps.first).to_contain_text("Basic Authentication")

    down = page.get_by_role("button", name="Move Basic Authentication: Simple down")
    down.focus()
    page.keyboard.press("Enter")

    expect(steps.last).to_contain_text("Basic Authentication")
    expect(down).to_be_focused()
    expect(page.get_by_role("button", name=re.compile("^(Disable|Remove) "))).to_have_count(0)
    page.get_by_role("button", name="Apply order").click()
    expect(page.get_by_role("button", name=re.compile("^(Disable|Remove) "))).to_have_count(4)
    expect(page.locator("#toasts")).to_contain_text("The policies run in the new order.")


def test_an_api_turns_to_https_with_a_certificate_made_in_a_dialog(
    page: Page, stack: Stack, album: Album
) -> None:
    page.get_by_role("link", name="API Manager").first.click()
    page.get_by_role("link", name="Orders").first.click()
    page.get_by_role("link", name="Routes", exact=True).click()
    page.locator("label.choice", has_text="HTTPS").click()
    port = ports.free("127.0.0.1")
    page.get_by_label("Port", exact=True).fill(str(port))
    page.get_by_role("link", name="New TLS context").click()
    dialog = page.get_by_role("dialog", name="New TLS context")
    dialog.get_by_role("button", name="Save and choose it").click()
    expect(dialog).to_contain_text("Give the TLS context a name.")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("edge")
    dialog.locator("label.choice", has_text="Self-signed").click()
    album.take(page, "tls-context-dialog")
    dialog.get_by_role("button", name="Save and choose it").click()

    expect(page.locator("#f-tls_context option:checked")).to_contain_text("edge")
    expect(page.locator("#f-tls_context")).to_be_focused()
    expect(page.get_by_label("Port", exact=True)).to_have_value(str(port))
    page.get_by_role("button", name="Save & deploy").click()
    expect(page.locator("#api-status")).to_contain_text("Active", timeout=SOON_MS)
    page.get_by_role("link", name="Overview", exact=True).last.click()
    expect(page.locator("main")).to_contain_text(f"curl -i --insecure https://localhost:{port}/orders")
    page.get_by_role("link", name="edge").click()
    page.get_by_text("PEM", exact=True).click()
    album.take(page, "tls-context")
    trust = ssl.create_default_context(cadata=page.locator("code[data-copied]").inner_text())
    url = f"https://localhost:{port}/orders/1"
    assert httpx.get(url, verify=trust, auth=("ann", "secret-1")).status_code == 200


def test_analytics_shows_the_requests_and_the_violations(page: Page, album: Album) -> None:
    page.get_by_role("link", name="API Manager").first.click()
    page.get_by_role("link", name="Orders").first.click()
    page.get_by_role("link", name="Analytics").last.click()

    expect(page.locator("main")).to_contain_text(re.compile("Basic Authentication"), timeout=SOON_MS)
    album.take(page, "analytics")


@pytest.mark.long
def test_no_name_makes_a_page_wider_than_its_window(page: Page) -> None:
    page.goto("/administration/apps/add")
    page.get_by_label("Name").fill("pipeline")
    page.get_by_role("button", name="Create connected app").click()
    page.goto("/apis/tls-contexts/add")
    page.get_by_label("Name").fill("w" * 120)
    page.locator("label.choice", has_text="Self-signed").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_contain_text("www")
    addresses = ["/", page.url, "/apis/tls-contexts", "/apis/tls-contexts/add", "/search?q=www", "/apis"]
    page.goto("/apis")
    addresses.append(page.get_by_role("link", name="Orders").get_attribute("href") or "")
    size = page.viewport_size

    for width in (1440, 1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for address in (*addresses, "/administration/audit", "/administration/apps"):
            page.goto(address)
            page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
            for part in ("html", "main", ".table-wrap"):
                too_wide = [
                    one.evaluate("(part) => part.scrollWidth > part.clientWidth")
                    for one in page.locator(part).all()
                ]
                assert True not in too_wide, f"{part} of {address} at {width} pixels"
    assert size is not None
    page.set_viewport_size(size)


@pytest.mark.long
def test_every_model_is_in_the_admin(page: Page, album: Album) -> None:
    page.goto("/admin/")
    album.take(page, "admin")
    names = {link.get_attribute("href") for link in page.locator("th a").all()}

    for address in ("gateways/gateway", "apis/apiinstance", "console/organization", "console/auditentry"):
        assert f"/admin/{address}/" in names
    for address in sorted(filter(None, names)):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200


def test_a_page_that_cannot_poll_says_so_until_it_can(page: Page) -> None:
    page.goto("about:blank")  # that it cannot poll either would count as its trouble
    other = page.context.new_page()
    other.goto("/gateways")
    words = other.get_by_text("Not updating.")

    page.context.set_offline(True)
    expect(words).to_be_visible(timeout=SOON_MS)
    page.context.set_offline(False)

    expect(words).to_be_hidden(timeout=SOON_MS)
    other.close()


def test_a_page_that_polls_leads_to_the_login_when_its_session_has_ended(page: Page) -> None:
    page.goto("/gateways")

    page.context.clear_cookies(name="sessionid")

    expect(page).to_have_url(re.compile("/login.next=/gateways$"), timeout=SOON_MS)
