"""axe-core, which a wheel brings, in a page of a real browser."""

from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

SOURCE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_RUN = """async (within) => {
  const options = { resultTypes: ["violations"], preload: false, iframes: false, selectors: false };
  const found = await axe.run(within || document, options);
  const why = ({ any, all, none }) => [...any, ...all, ...none].map((one) => one.message).join(" ");
  const told = (id, node) => `${id}: ${node.html.slice(0, 200)} ${why(node)}`.slice(0, 600);
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => told(id, node)));
}"""


def violations(page: Page, within: str = "") -> list[str]:
    """What axe finds by all of its rules, in all of the page or within a selector."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(SOURCE)
    found: list[str] = page.evaluate(_RUN, within)
    return found
