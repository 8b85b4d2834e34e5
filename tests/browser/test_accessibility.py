"""axe-core finds nothing on any page: narrow and wide, dark and light, with menus and dialogs open.

No rule depends on width and colours together, so two looks at each page see what four would.
"""

import re
from functools import partial

import pytest
from django.template.loader import render_to_string
from django.test import Client
from playwright.sync_api import Browser, Page, Route, expect

from console.models import Role
from tests.apis.views.pages import make_place
from tests.browser.axe import violations
from tests.browser.conftest import Album
from tests.browser.gallery import Gallery, make_empty, make_gallery

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900), pytest.mark.django_db(transaction=True)]

WINDOWS = (
    ("narrow", "dark", {"width": 360, "height": 740}),
    ("wide", "light", {"width": 1280, "height": 900}),
)
STILL = """() => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important }");
  document.adoptedStyleSheets = [still];
}"""
"""What moves has no colour that could be judged."""
OPEN = "[...document.querySelectorAll('details')].slice(0, 8).forEach((one) => (one.open = true))"
"""What unfolds is judged too; the reference of the REST interface has many that are alike."""
FAULTS = ("400", "404", "503")
"""The others are the same page with other words."""
EMPTY = ("/", "/gateways", "/apis", "/apis/add", "/apis/tls-contexts", "/analytics", "/policies/cors")
WAIT_MS = 30_000


class Inspection:
    """Walks through pages and writes down what is wrong with each."""

    def __init__(self, page: Page, album: Album) -> None:
        self.page, self.album = page, album
        self.faults: list[str] = []
        self.opened: set[tuple[str, str]] = set()

    def look(self, path: str) -> None:
        self.page.goto(path)
        self.page.evaluate(STILL)
        self.page.evaluate(OPEN)
        expect(self.page.locator("[hx-trigger=load]")).to_have_count(0, timeout=WAIT_MS)
        name = re.sub(r"\W+", "-", re.sub(r"[0-9a-f-]{36}", "id", path)).strip("-") or "home"
        for width, scheme, size in WINDOWS:
            self.page.set_viewport_size(size)
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self._judge(f"{path} ({width}, {scheme})")
            self.album.take(self.page, f"{name}-{width}-{scheme}")
            self._fits(f"{path} ({width})")
            self._open_menus(path, width)
        self._open_dialogs(path)

    def _judge(self, where: str, within: str = "") -> None:
        self.faults += [f"{where}: {one}" for one in violations(self.page, within)]

    def _fits(self, where: str) -> None:
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        if self.page.evaluate(wide):
            self.faults.append(f"{where}: wider than its window")

    def _open_menus(self, path: str, width: str) -> None:
        """Each menu once at each width: it has the focus while it is open, and gives it back."""
        for button in self.page.locator("[popovertarget]:not([popovertargetaction]):visible").all():
            menu = button.get_attribute("popovertarget") or ""
            if (_kind(menu), width) in self.opened:
                continue
            self.opened.add((_kind(menu), width))
            where = f"{path} #{menu} ({width}"
            button.click()
            self._judge(f"{where})", f"#{menu}")
            if not self.page.evaluate(f"document.getElementById('{menu}').contains(document.activeElement)"):
                self.faults.append(f"{where}): opened without the focus")
            self.page.keyboard.press("Escape")
            if not button.evaluate("(one) => one === document.activeElement"):
                self.faults.append(f"{where}): closed without giving the focus back")

    def _open_dialogs(self, path: str) -> None:
        openers = self.page.locator("[data-open]:visible, [hx-target='#tls-dialog']:visible")
        for opener in openers.all():
            dialog = _kind(opener.get_attribute("data-open") or "tls-dialog")
            if (dialog, "") in self.opened:
                continue
            self.opened.add((dialog, ""))
            opener.click()
            expect(self.page.locator("dialog[open]")).to_be_visible(timeout=WAIT_MS)
            self._judge(f"{path} #{dialog}", "dialog[open]")
            self.page.keyboard.press("Escape")


def _kind(menu: str) -> str:
    """The menus of the rows of one table are alike."""
    return re.sub(r"[0-9a-f-]{20,}|\d+", "", menu)


@pytest.fixture
def gallery(browser: Browser, transactional_db: None) -> Gallery:
    return make_gallery()


def is_page(client: Client, path: str) -> bool:
    """Whether a GET is answered with a page of its own: no file, no fragment, no other page's address."""
    answer = client.get(path)
    return answer.status_code not in (302, 405) and "text/html" in answer.get("Content-Type", "")


def _fulfill(body: str, route: Route) -> None:
    route.fulfill(body=body, content_type="text/html")


def test_axe_finds_nothing_on_any_page(
    gallery: Gallery, browser: Browser, live_server: object, album: Album
) -> None:
    base = str(live_server)
    context = browser.new_context(base_url=base, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    inspection = Inspection(page, album)
    inspection.look("/login")

    def log_in(client: Client) -> None:
        value = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": value, "url": base}])

    client = gallery.place.client
    log_in(client)
    for path in gallery.pages():
        if is_page(client, path):
            inspection.look(path)
    viewer = make_place(Role.Name.VIEWER, environment=gallery.place.environment)
    log_in(viewer.client)
    for path in gallery.seen_by_viewers():
        inspection.look(path)
    log_in(client)
    client.post("/scope", {"environment": make_empty(gallery.place.user)})
    for path in EMPTY:
        inspection.look(path)
    for fault in FAULTS:
        body = render_to_string(f"{fault}.html")
        page.route(f"**/fault-{fault}", partial(_fulfill, body))
        inspection.look(f"/fault-{fault}")

    context.close()
    assert inspection.faults == [], "\n".join(inspection.faults)
