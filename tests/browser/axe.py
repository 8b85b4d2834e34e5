"""axe-core, which a wheel brings, in a page of a real browser."""

from pathlib import Path
from typing import Literal

import axe_playwright_python
from playwright.sync_api import Page

Part = Literal["everything", "layout", "colours"]
"""`layout`: all rules, and those of colours as in `colours`, for another width."""
SOURCE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_STILL = """() => {
  const ends = (one) => one.effect.getComputedTiming().endTime < 5000;
  return Promise.all(document.getAnimations().filter(ends).map((one) => one.finished)).catch(() => {});
}"""
_RUN = """async ([within, part]) => {
  const options = { resultTypes: ["violations"], preload: false, iframes: false, selectors: false };
  const colours = { runOnly: { type: "rule", values: ["color-contrast", "link-in-text-block"] } };
  const root = within ? document.querySelector(within) : document;
  const others = { rules: { "color-contrast": { enabled: false } } };
  const found = [];
  const run = async (within, more) => {
    found.push(...(await axe.run(within, { ...options, ...more })).violations);
  };
  if (part === "everything") await run(root, {});
  if (part === "layout") await run(root, others);
  if (part !== "everything") await run({ include: oneOfEach(root) }, colours);
  const why = ({ any, all, none }) => [...any, ...all, ...none].map((one) => one.message).join(" ");
  const told = (id, node) => `${id}: ${node.html.slice(0, 200)} ${why(node)}`.slice(0, 600);
  return found.flatMap(({ id, nodes }) => nodes.map((node) => told(id, node)));

  function oneOfEach(root) {
    const grounds = new Map([[null, ""]]);
    const ground = (one) => {
      if (!grounds.has(one)) {
        const { backgroundColor, backgroundImage, opacity } = getComputedStyle(one);
        grounds.set(one, `${backgroundColor} ${backgroundImage} ${opacity} ${ground(one.parentElement)}`);
      }
      return grounds.get(one);
    };
    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
    const kinds = new Map();
    for (const one of root.querySelectorAll("*")) {
      const isSeen = one.matches("input, select, textarea") || [...one.childNodes].some(isText);
      if (!isSeen || !one.checkVisibility()) continue;
      const { color, fontSize, fontWeight } = getComputedStyle(one);
      const around = getComputedStyle(one.parentElement).color;
      kinds.set(`${one.tagName} ${color} ${fontSize} ${fontWeight} ${around} ${ground(one)}`, one);
    }
    return [...kinds.values()];
  }
}"""


def violations(page: Page, within: str = "", part: Part = "everything") -> list[str]:
    """What axe finds in all of the page, or within a selector.

    Of colours, which alone depend on the scheme, once in all of the page, later at one of all elements
    that have the same letters on the same grounds: looking at them takes longer than all else together.
    What fades in has its colours when it is there.
    """
    page.evaluate(_STILL)
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(SOURCE)
    found: list[str] = page.evaluate(_RUN, [within, part])
    return found
