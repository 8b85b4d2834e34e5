"""What is typed is not lost, menus and the narrow navigation are walked by keyboard, a form is sent once."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from apis.changes.policies import apply_policy
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance, PolicyBinding
from console.models import User
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.browser.conftest import Album
from tests.factories import make_user

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.django_db(transaction=True)]

WAIT_MS = 20_000
HOLDS_FOCUS = "(one) => one.contains(document.activeElement)"
LogIn = Callable[[], None]


@pytest.fixture
def place(browser: Browser, transactional_db: None) -> Place:
    return make_place()


@pytest.fixture
def context(browser: Browser, live_server: object) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=str(live_server), reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def log_in(context: BrowserContext, place: Place, live_server: object) -> LogIn:
    def enter() -> None:
        client = Client()
        client.force_login(place.user)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": str(live_server)}
        context.add_cookies([cookie])  # type: ignore[list-item]

    return enter


@pytest.fixture
def page(context: BrowserContext, log_in: LogIn) -> Page:
    log_in()
    return context.new_page()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_saved_api(place)


def kept(page: Page) -> str:
    """What this tab keeps of forms."""
    keys = "Object.keys(sessionStorage).filter((key) => key.startsWith('gatewright:'))"
    return str(page.evaluate(f"JSON.stringify({keys}.map((key) => sessionStorage[key]))"))


def test_what_was_typed_survives_a_reload(page: Page, api: ApiInstance) -> None:
    page.goto(f"/apis/{api.pk}/settings")
    page.get_by_label("Description").fill("Half a thought")
    page.reload()

    expect(page.get_by_label("Description")).to_have_value("Half a thought")
    expect(page.get_by_text("What you typed is back.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Saved.")
    page.reload()
    expect(page.get_by_text("What you typed is back.")).to_have_count(0)
    assert kept(page) == "[]"
    api.refresh_from_db()
    assert api.description == "Half a thought"


def test_what_was_saved_does_not_come_back_where_its_form_stays(page: Page, place: Place) -> None:
    User.objects.filter(pk=place.user.pk).update(is_superuser=True)
    page.goto(f"/administration/users/{make_user().pk}")
    page.get_by_label("Role", exact=True).select_option("manager")

    page.get_by_role("button", name="Give role").click()

    expect(page.locator("#toasts")).to_contain_text("has the role now")
    expect(page.get_by_text("What you typed is back.")).to_have_count(0)
    assert kept(page) == "[]"


@pytest.mark.long
def test_what_was_typed_can_be_discarded(page: Page, api: ApiInstance) -> None:
    page.goto(f"/apis/{api.pk}/settings")
    page.get_by_label("Description").fill("Half a thought")
    page.reload()

    page.get_by_role("button", name="Discard it").click()

    expect(page.get_by_label("Description")).to_have_value("")
    expect(page.get_by_text("What you typed is back.")).to_have_count(0)


@pytest.mark.long
def test_a_form_that_is_asked_for_something_else_is_another_one(page: Page, api: ApiInstance) -> None:
    address = f"/apis/{api.pk}/policies/add/ip-blocklist"
    page.goto(address)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Blocked addresses").fill("192.0.2.1")

    page.goto(f"{address}?operation=2")
    other = page.get_by_label("Blocked addresses").input_value()
    page.goto(address)

    assert other == ""
    expect(page.get_by_label("Blocked addresses")).to_have_value("192.0.2.1")


@pytest.mark.long
def test_rows_that_were_added_survive_a_reload(page: Page, api: ApiInstance) -> None:
    page.goto(f"/apis/{api.pk}/policies/add/rate-limiting")
    page.get_by_label("Requests", exact=True).fill("7")
    page.get_by_role("button", name="Add limit").click()
    page.get_by_label("Requests", exact=True).nth(1).fill("70")
    page.get_by_label("Time period", exact=True).nth(1).fill("2")
    page.get_by_label("Unit of Time period").nth(1).select_option("hours")
    page.get_by_label("Tell callers their quota").check()
    page.reload()

    expect(page.get_by_label("Requests", exact=True).nth(1)).to_have_value("70")
    expect(page.get_by_label("Requests", exact=True).first).to_have_value("7")
    expect(page.get_by_label("Unit of Time period").nth(1)).to_have_value("h")
    expect(page.get_by_label("Tell callers their quota")).to_be_checked()


def test_what_was_typed_survives_the_end_of_the_session_and_no_secret_is_kept(
    page: Page, api: ApiInstance, place: Place, context: BrowserContext
) -> None:
    place.user.set_password("secret")
    place.user.save()
    context.clear_cookies()
    page.goto("/login")
    page.get_by_label("Username").fill(place.user.username)
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()
    page.goto(f"/apis/{api.pk}/policies/add/http-basic-authentication")
    page.locator("[name='config.username']").fill("ann")
    page.locator("[name='config.password']").fill("never-kept-1")
    context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert "never-kept-1" not in kept(page)
    page.get_by_label("Username").fill(place.user.username)
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()

    expect(page.locator("[name='config.username']")).to_have_value("ann")
    expect(page.locator("[name='config.password']")).to_have_value("")


@pytest.mark.long
def test_another_user_of_the_tab_sees_nothing_of_what_was_typed(
    page: Page, api: ApiInstance, place: Place, context: BrowserContext, live_server: object
) -> None:
    page.goto(f"/apis/{api.pk}/settings")
    page.get_by_label("Description").fill("Mine alone")
    page.wait_for_timeout(400)
    other = make_place(environment=place.environment)
    value = other.client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": value, "url": str(live_server)}])
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/apis")
    page.goto(f"/apis/{api.pk}/settings")

    expect(page.get_by_label("Description")).to_have_value("")
    assert "Mine alone" not in kept(page)


def test_leaving_an_edited_form_asks(page: Page, api: ApiInstance) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.goto(f"/apis/{api.pk}/settings")
    page.on("dialog", stay)
    page.get_by_role("link", name="Runtime Manager").first.click()
    expect(page).to_have_url(re.compile("/gateways$"))
    page.goto(f"/apis/{api.pk}/settings")
    page.get_by_label("Description").fill("Half a thought")
    page.get_by_role("link", name="Runtime Manager").first.click()
    page.wait_for_timeout(500)

    assert asked == ["beforeunload"]
    expect(page.get_by_label("Description")).to_have_value("Half a thought")


@pytest.mark.long
def test_a_draft_that_is_not_discarded_after_all_is_still_asked_for(page: Page) -> None:
    page.goto("/apis/add")
    page.get_by_role("button", name="Next").last.click()
    page.get_by_label("Name", exact=True).fill("Half a thought")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))

    page.get_by_role("button", name="Discard").click()
    page.get_by_role("link", name="Runtime Manager").first.click()
    page.wait_for_timeout(500)

    assert asked == ["confirm", "beforeunload"]
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half a thought")


@pytest.mark.long
def test_a_drawer_with_an_edited_form_asks_before_it_closes(page: Page, api: ApiInstance) -> None:
    answers = iter([False, True])
    page.on("dialog", lambda dialog: dialog.accept() if next(answers) else dialog.dismiss())
    page.goto(f"/apis/{api.pk}/routes")
    page.locator("label.choice", has_text="HTTPS").click()
    page.get_by_role("link", name="New TLS context").click()
    drawer = page.get_by_role("dialog", name="New TLS context")
    drawer.get_by_label("Name").fill("edge")

    page.keyboard.press("Escape")
    expect(drawer).to_be_visible()
    drawer.get_by_role("button", name="Cancel").click()
    expect(drawer).to_have_count(0)


def test_a_form_is_sent_once(page: Page, api: ApiInstance) -> None:
    page.goto(f"/apis/{api.pk}/policies/add/ip-allowlist")
    page.locator("[name='config.ips']").fill("10.0.0.1")

    page.get_by_role("button", name="Apply").dblclick()

    expect(page.get_by_text("Enabled")).to_be_visible()
    assert PolicyBinding.objects.count() == 1


def test_the_second_editor_sees_the_difference_and_has_the_focus_on_it(
    page: Page, place: Place, api: ApiInstance
) -> None:
    binding = apply_policy(place.user, api, "ip-allowlist", {"ips": ["10.0.0.1"]})
    page.goto(f"/apis/{api.pk}/policies/{binding.pk}")
    page.locator("[name='config.ips']").fill("10.0.0.2")
    place.client.post(
        f"/apis/{api.pk}/policies/{binding.pk}", {"config.ips": "10.0.0.3", "applies": "all", "label": ""}
    )
    page.get_by_role("button", name="Save").click()

    notice = page.locator(".conflict")
    expect(notice).to_be_focused()
    expect(notice.get_by_role("row", name=re.compile("Yours 10.0.0.2 Saved now 10.0.0.3"))).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Saved IP Allowlist.")


def test_each_step_of_the_wizard_begins_at_its_heading_or_its_first_fault(page: Page) -> None:
    page.goto("/apis/add")
    expect(page.get_by_role("heading", name="Runtime & gateway")).to_be_focused()
    page.get_by_role("button", name="Next").last.click()
    expect(page.get_by_role("heading", name="API", exact=True)).to_be_focused()
    page.get_by_role("button", name="Next").last.click()

    expect(page.get_by_label("Name", exact=True)).to_be_focused()


def test_a_menu_is_walked_by_keyboard_and_gives_the_focus_back(page: Page, api: ApiInstance) -> None:
    page.goto(f"/apis/{api.pk}")
    button = page.get_by_role("button", name="Your account")
    button.focus()
    page.keyboard.press("Enter")
    items = page.locator("#user-menu").get_by_role("menuitem")

    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    page.keyboard.press("End")
    expect(items.last).to_be_focused()
    page.keyboard.press("d")
    expect(page.get_by_role("menuitem", name="Dark")).to_be_focused()
    page.mouse.move(600, 600)
    page.mouse.wheel(0, 900)
    assert page.evaluate("scrollY") == 0
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(page.locator("#user-menu")).to_be_hidden()


def test_the_narrow_navigation_holds_the_focus(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/apis")
    opener = page.get_by_role("button", name="Open navigation")
    opener.click()
    side = page.locator("#side")

    expect(side.get_by_role("link", name="Gatewright")).to_be_focused()
    for _ in range(25):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body") or side.evaluate(HOLDS_FOCUS)
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    page.keyboard.press("Tab")
    assert not side.evaluate(HOLDS_FOCUS)


@pytest.mark.long
def test_slash_goes_to_the_search_and_escape_leaves_it(page: Page) -> None:
    page.goto("/apis")
    page.keyboard.press("/")
    search = page.get_by_role("searchbox", name=re.compile("^Search gateways"))

    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).not_to_be_focused()


def test_fields_are_shown_where_they_act(page: Page, api: ApiInstance, album: Album) -> None:
    page.goto(f"/apis/{api.pk}/policies/add/jwt-validation")
    key, url, expression = (
        page.locator(f"[name='config.{name}']") for name in ("textKey", "jwksUrl", "jwtExpression")
    )
    audiences = page.get_by_label("Audiences")

    expect(key).to_be_visible()
    for hidden in (url, expression, audiences):
        expect(hidden).to_be_hidden()
    page.get_by_label("Where the key is").select_option("jwks")
    page.get_by_label("Check the audience").check()
    for shown in (url, audiences):
        expect(shown).to_be_visible()
    expect(key).to_be_hidden()
    page.get_by_label("JWKS URL").fill("https://issuer.example.com/keys")
    for name, scheme, size in (
        ("wide-light", "light", {"width": 1280, "height": 900}),
        ("wide-dark", "dark", {"width": 1280, "height": 900}),
        ("narrow-light", "light", {"width": 360, "height": 740}),
        ("narrow-dark", "dark", {"width": 360, "height": 740}),
    ):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        album.take(page, f"jwt-form-{name}")
    audiences.fill("orders")
    page.get_by_role("button", name="Apply").click()

    expect(page.locator("#toasts")).to_contain_text("Applied JWT Validation.")
    assert PolicyBinding.objects.get(api=api).config["jwksUrl"] == "https://issuer.example.com/keys"


@pytest.mark.long
def test_one_slider_splits_requests_between_two_upstreams(page: Page, place: Place) -> None:
    two = [DesiredUpstream("http://blue/", "blue", 90), DesiredUpstream("http://green/", "green", 10)]
    api = make_saved_api(place, routes=[DesiredRoute(upstreams=two)])
    page.goto(f"/apis/{api.pk}/routes")
    weights = page.locator("[data-weight]")
    slider = page.get_by_label("Percent of requests for green", exact=True)

    page.get_by_role("button", name="25 percent for green").click()
    expect(weights.nth(0)).to_have_value("75")
    expect(weights.nth(1)).to_have_value("25")
    slider.focus()
    slider.press("ArrowRight")
    expect(weights.nth(0)).to_have_value("74")
    expect(page.locator("[data-total]")).to_have_text("Weights: 100 of 100 %")
    weights.nth(1).fill("40")
    expect(slider).to_have_value("40")

    page.get_by_role("button", name="5 percent for green", exact=True).click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Saved.")
    assert [one.weight for one in api.routes.get().targets.all()] == [95, 5]
