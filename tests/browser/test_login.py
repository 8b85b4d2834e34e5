"""Logging in as people do: by an identity provider, by codes, by passkeys, in a real browser."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, Page, expect

from console.factors.models import Passkey, SecondFactor
from console.models import Role, User
from console.permissions import ABOUT, Permission
from tests.browser.axe import violations
from tests.browser.conftest import Album
from tests.browser.keyboard import press, reach
from tests.console.factors.test_codes import code_of
from tests.console.providers.conftest import GRACE, make_provider
from tests.factories import make_environment, make_organization, make_role, make_user
from tests.oidc_provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.django_db(transaction=True)]
WAIT_MS = 30_000


@pytest.fixture
def ada(browser: Browser, transactional_db: None) -> User:
    user = make_user("ada")
    make_role(user, make_environment(make_organization("Acme")).organization, Role.Name.ADMINISTRATOR)
    return user


@pytest.fixture
def context(browser: Browser, live_server: object, settings: Any) -> Iterator[BrowserContext]:
    settings.CONSOLE_URL = str(live_server)
    context = browser.new_context(base_url=str(live_server), reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def device(page: Page) -> str:
    """A phone or a laptop that keeps passkeys and knows its owner."""
    control = page.context.new_cdp_session(page)
    control.send("WebAuthn.enable")
    made = control.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return str(made["authenticatorId"])


def enter(page: Page) -> None:
    page.goto("/login?next=/profile")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password", exact=True).fill("secret")
    page.get_by_role("button", name="Log in", exact=True).click()


def leave(page: Page) -> None:
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("menuitem", name="Log out").click()


def test_by_an_identity_provider_and_out_again(
    page: Page, ada: User, live_server: object, album: Album
) -> None:
    cache.clear()
    acme = Provider(person=dict(GRACE))
    organization = ada.roles.get().organization
    environment = organization.environments.get()
    made = make_provider(acme, environment, is_listed=True, default_role="viewer")
    acme.redirect_uris.add(f"{live_server}/login/with/{made.pk}/back")
    acme.after_logout.add(f"{live_server}/login")

    page.goto("/login?next=/gateways")
    assert violations(page) == []
    album.take(page, "login")
    page.get_by_role("link", name="Continue with Acme ID").click()
    expect(page).to_have_url(f"{live_server}/gateways")
    leave(page)
    page.get_by_role("link", name="Log out of Acme ID").click()

    expect(page).to_have_url(f"{live_server}/login")
    acme.stop()
    assert acme.logged_out == [GRACE["sub"]]


def test_an_app_is_set_up_and_asked_for(page: Page, ada: User, album: Album) -> None:
    enter(page)
    page.get_by_role("link", name="Set up", exact=True).click()
    page.get_by_role("link", name="Set up an app").click()
    assert violations(page) == []
    album.take(page, "factor-app")
    secret = page.locator("pre, code").first.inner_text().replace(" ", "").strip()
    page.get_by_label("Code").fill(code_of(secret, steps=-1))
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("These codes are shown once.")).to_be_visible()
    assert violations(page) == []
    album.take(page, "factor-codes")
    leave(page)
    enter(page)
    assert violations(page) == []
    album.take(page, "login-second")

    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Log in", exact=True).click()

    expect(page.get_by_role("heading", name="ada")).to_be_visible()
    assert SecondFactor.objects.get().has_totp


def test_a_passkey_is_made_asked_for_and_enough_by_itself(
    page: Page, ada: User, device: str, album: Album
) -> None:
    enter(page)
    page.goto("/profile/second-factor/passkeys/add")
    page.get_by_label("Name").fill("Phone")
    assert violations(page) == []
    album.take(page, "factor-passkey")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_text("These codes are shown once.")).to_be_visible()
    leave(page)

    enter(page)
    album.take(page, "login-second-passkey")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="ada")).to_be_visible()
    leave(page)
    page.get_by_role("link", name="Log in with a passkey").click()
    album.take(page, "login-passkey")
    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_role("button", name="Your account")).to_be_visible()
    assert Passkey.objects.get().last_used_at is not None


@pytest.mark.long
def test_a_removed_passkey_logs_nobody_in(page: Page, ada: User, device: str) -> None:
    enter(page)
    page.goto("/profile/second-factor/passkeys/add")
    page.get_by_label("Name").fill("Phone")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_text("These codes are shown once.")).to_be_visible()
    leave(page)
    Passkey.objects.all().delete()

    page.get_by_role("link", name="Log in with a passkey").click()
    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_text("This passkey does not count here.")).to_be_visible()


@pytest.mark.long
def test_an_answer_counts_once_and_for_its_own_page(
    page: Page, ada: User, device: str, context: BrowserContext
) -> None:
    """What the browser signed is sent again, as whoever saw it would."""
    enter(page)
    page.goto("/profile/second-factor/passkeys/add")
    page.get_by_label("Name").fill("Phone")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_text("These codes are shown once.")).to_be_visible()
    leave(page)
    page.get_by_role("link", name="Log in with a passkey").click()
    with page.expect_request(lambda one: one.method == "POST" and "/login/passkey" in one.url) as sent:
        page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("button", name="Your account")).to_be_visible()
    leave(page)

    page.goto("/login/passkey")
    page.evaluate(
        """(credential) => {
            const form = document.querySelector("form[data-passkey]");
            form.elements.credential.value = credential;
            form.requestSubmit();
        }""",
        sent.value.post_data_json["credential"],
    )

    expect(page.get_by_text("This passkey does not count here.")).to_be_visible()


@pytest.mark.long
def test_a_token_is_made_shown_once_used_and_revoked_by_the_keyboard_alone(
    page: Page, ada: User, live_server: object, album: Album
) -> None:
    def asked(method: str, path: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.request(method, f"{live_server}{path}", headers=headers).status_code

    environment = ada.roles.get().organization.environments.get()
    apis = (
        f"/apimanager/api/v1/organizations/{environment.organization_id}/environments/{environment.pk}/apis"
    )
    enter(page)
    press(page, "link", "New token")
    reach(page, "textbox", "Name")
    page.keyboard.type("nightly")
    reach(page, "checkbox", f"View APIs: {ABOUT[Permission.VIEW_APIS]}")
    page.keyboard.press("Space")
    assert violations(page) == []
    album.take(page, "token-new")
    press(page, "button", "Make token")
    expect(page.get_by_text("This token is shown once.")).to_be_visible()
    assert violations(page) == []
    album.take(page, "token-made")
    token = page.locator("code", has_text=re.compile(r"^gwp_[\w-]{43}$")).inner_text()
    press(page, "link", "Done")
    expect(page.get_by_role("row", name="nightly")).to_be_visible()
    assert (asked("GET", apis), asked("POST", apis)) == (200, 403)

    page.reload()
    row = page.get_by_role("row", name="nightly")
    expect(row).to_contain_text("just now")
    expect(page.locator("body")).not_to_contain_text(token)
    album.take(page, "token-own")
    page.on("dialog", lambda dialog: dialog.accept())
    press(page, "button", "Revoke nightly")

    expect(row).to_contain_text("Ended")
    assert asked("GET", apis) == 401
