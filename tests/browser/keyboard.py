"""A page by the keyboard alone: walked through by Tab, as `keyboard.js` sees it, and what is reached so."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

SOURCE = Path(__file__).with_name("keyboard.js").read_text()
MORE_STOPS = 60
"""Areas that scroll are stops too, and a date has several."""
MOST_STOPS = 80
FOCUS = "(one) => one.contains(document.activeElement)"
HAS_FOCUS = "(one) => one === document.activeElement"


def faults(page: Page) -> list[str]:
    """Stops without a sign of the focus or beneath a bar, in an odd order, passed by, or not to be left."""
    page.evaluate(SOURCE)
    for _ in range(page.evaluate("walk.start()")):
        page.keyboard.down("Tab")
    for _ in range(MORE_STOPS):
        if page.evaluate("walk.isRound()"):
            break
        page.keyboard.down("Tab")
    page.keyboard.up("Tab")
    found: list[str] = page.evaluate("walk.faults()")
    return found


def reach(page: Page, role: str, name: str) -> Locator:
    """Press Tab until what is called so has the focus."""
    return walk_to(page, page.get_by_role(role, name=name, exact=True).first)  # type: ignore[arg-type]


def walk_to(page: Page, wanted: Locator, key: str = "Tab") -> Locator:
    expect(wanted).to_be_visible()
    for _ in range(MOST_STOPS):
        if wanted.evaluate(HAS_FOCUS):
            return wanted
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not reach {wanted}")


def press(page: Page, role: str, name: str) -> None:
    """The same, and press Enter."""
    reach(page, role, name)
    page.keyboard.press("Enter")
