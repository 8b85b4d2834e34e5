"""A walk through a page by Tab alone, as `keyboard.js` sees it."""

from pathlib import Path

from playwright.sync_api import Page

SOURCE = Path(__file__).with_name("keyboard.js").read_text()
MORE_STOPS = 60
"""Areas that scroll are stops too, and a date has several."""
FOCUS = "(one) => one.contains(document.activeElement)"


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
