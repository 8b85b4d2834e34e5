"""Looks at a page as those see it who need it narrow, dark, without a pointer, or read to them."""

import re
from dataclasses import dataclass

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.browser import keyboard
from tests.browser.axe import Part, violations
from tests.browser.conftest import Album

WINDOWS = (("wide", {"width": 1280, "height": 900}), ("narrow", {"width": 360, "height": 740}))
OTHER_WIDTHS = (1024, 390)
SCHEMES = {"wide": ("light", "dark"), "narrow": ("dark", "light")}
"""The keyboard's walk, which is the same in both schemes, sees one of them at each width."""
PARTS: dict[str, Part] = {"wide": "everything", "narrow": "layout"}
PREPARE = """() => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important }");
  document.adoptedStyleSheets = [still];
  [...document.querySelectorAll("details")].slice(0, 8).forEach((one) => (one.open = true));
  const alike = ".operation:nth-of-type(n + 13), .icons-shown > :nth-child(n + 13)";
  const folded = "details:not([open]) > :not(summary)";
  document.querySelectorAll(`${alike}, ${folded}`).forEach((one) => one.remove());
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.getAttribute("hx-trigger")?.includes("every")) event.preventDefault();
  });
}"""
"""What moves has no colour that could be judged, and what is fetched anew would take the focus with it.
What unfolds is judged too. Of what stays folded axe would find that it is hidden, and that takes it long, as
do the reference's operations and the icons, which are alike: a dozen of each group are looked at.
"""
LISTEN = """
addEventListener("securitypolicyviolation", (event) => {
  const { effectiveDirective, blockedURI, sample, sourceFile, lineNumber } = event;
  console.error(`CSP ${effectiveDirective} refuses ${blockedURI} ${sample} of ${sourceFile}:${lineNumber}`);
});
"""
TOO_WIDE = """() => [...document.querySelectorAll("html, main, .card, .table-wrap, .table :is(td, th)")]
  .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth && one.clientWidth > 1)
  .filter((one) => !one.matches(".prose *, .numbers *"))
  .map((one) => `${one.tagName} ${one.className} needs ${one.scrollWidth} of ${one.clientWidth} pixels`)
"""
"""The tables of a text and of a chart's numbers may scroll; every other has room for all of its cells."""
DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
WAIT_MS = 30_000


@dataclass(frozen=True)
class Opens:
    """What opens something; `named` gives the names of what each one opens."""

    openers: str
    named: str


MENUS = Opens(
    "[popovertarget]:not([popovertargetaction]):visible",
    "(all) => all.map((one) => one.getAttribute('popovertarget'))",
)
DIALOGS = Opens(
    "[data-open]:visible, [hx-target='#tls-dialog']:visible",
    "(all) => all.map((one) => one.dataset.open ?? 'tls-dialog')",
)


class Inspection:
    """Walks through pages and writes down what is wrong with each."""

    def __init__(self, page: Page, album: Album, walks: int = 1) -> None:
        """`walks` is at how many of the widths the keyboard walks, and in how many schemes each is looked at.

        One is in turn this width and the other; wide and light, narrow and dark.
        """
        self.page, self.album, self.walks = page, album, walks
        self.looked = 0
        self.faults: list[str] = []
        self.opened: set[tuple[str, ...]] = set()
        self.path = ""
        page.add_init_script(LISTEN)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.faults.append(f"{self.path}: {error}"))

    def look(self, path: str, *, in_brief: bool = False) -> None:
        """At one navigation; what is no page of its own is left out.

        In brief is for a page like many others: in turn wide and light or narrow and dark, by axe alone,
        whose rules of colours are asked at one of each kind.
        """
        self.path = path
        self._set(*WINDOWS[0], "light")
        answer = self.page.goto(path)
        assert answer is not None
        if answer.request.redirected_from or answer.status == 405:
            return
        assert answer.status < 500, f"{path}: {answer.status}"
        expect(self.page.locator("[hx-trigger=load]")).to_have_count(0, timeout=WAIT_MS)
        self.page.evaluate(PREPARE)
        self.looked += 1
        for width, size in WINDOWS[self.looked % 2 :][:1] if in_brief else WINDOWS:
            for scheme in SCHEMES[width][: 1 if in_brief else self.walks]:
                self._look(width, size, scheme, in_brief=in_brief)
        for pixels in OTHER_WIDTHS:
            self.page.set_viewport_size({"width": pixels, "height": 800})
            self.page.evaluate(DRAWN)
            self._fits(f"{pixels} pixels")

    def _look(self, width: str, size: dict[str, int], scheme: str, *, in_brief: bool) -> None:
        self._turn(width, size, scheme)
        seen, is_first = f"{width}, {scheme}", scheme == SCHEMES[width][0]
        part: Part = "layout" if in_brief else PARTS[width]
        self._judge(seen, part=part if is_first else "colours")
        self.album.take(self.page, f"{_name(self.path)}-{width}-{scheme}")
        if is_first:
            self._fits(width)
        if is_first and not in_brief and width in self._walked():
            self.faults += [f"{self.path} ({width}): {one}" for one in keyboard.faults(self.page)]
        for opens, open_ in ((MENUS, self._open_menu), (DIALOGS, self._open_dialog)):
            openers = self.page.locator(opens.openers)
            for place, name in enumerate(openers.evaluate_all(opens.named)):
                if self._is_new(name, seen):
                    open_(openers.nth(place), name, seen)

    def _walked(self) -> list[str]:
        widths = [width for width, _ in WINDOWS]
        return [widths[(self.looked + more) % len(widths)] for more in range(self.walks)]

    def _turn(self, width: str, size: dict[str, int], scheme: str) -> None:
        self._set(width, size, scheme)
        self.page.evaluate(DRAWN)

    def _set(self, width: str, size: dict[str, int], scheme: str) -> None:
        self.page.set_viewport_size(size)  # type: ignore[arg-type]
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.faults.append(f"{self.path}: the browser says: {message.text}")

    def _judge(self, seen: str, within: str = "", part: Part = "everything") -> None:
        found = violations(self.page, within, part)
        self.faults += [f"{self.path} {within} ({seen}): {one}" for one in found]

    def _fits(self, seen: str) -> None:
        self.faults += [f"{self.path} ({seen}): {one}" for one in self.page.evaluate(TOO_WIDE)]

    def _open_menu(self, button: Locator, menu: str, seen: str) -> None:
        """By the keyboard, each kind once at each width and scheme."""
        panel = self.page.locator(f"#{menu}")
        button.press("Enter")
        expect(panel).to_be_visible(timeout=WAIT_MS)
        self._judge(seen, f"#{menu}")
        self._is_left(button, panel, f"{self.path} #{menu} ({seen})")

    def _open_dialog(self, opener: Locator, dialog: str, seen: str) -> None:
        opener.press("Enter")
        panel = self.page.locator("dialog[open]")
        expect(panel).to_be_visible(timeout=WAIT_MS)
        self._judge(seen, "dialog[open]")
        self._is_left(opener, panel, f"{self.path} #{dialog} ({seen})")

    def _is_left(self, opener: Locator, panel: Locator, where: str) -> None:
        """What is open has the focus, and gives it back at Escape."""
        if not panel.evaluate(keyboard.FOCUS):
            self.faults.append(f"{where}: opened without the focus")
        self.page.keyboard.press("Escape")
        expect(panel).to_be_hidden(timeout=WAIT_MS)
        if not opener.evaluate("(one) => one === document.activeElement"):
            self.faults.append(f"{where}: closed without giving the focus back")

    def _is_new(self, opened: str, seen: str) -> bool:
        """The menus of the rows of one table are alike."""
        kind = (re.sub(r"[0-9a-f-]{20,}|\d+", "", opened), seen)
        is_new = kind not in self.opened
        self.opened.add(kind)
        return is_new


def _name(path: str) -> str:
    return re.sub(r"\W+", "-", re.sub(r"[0-9a-f-]{36}", "id", path)).strip("-") or "home"
