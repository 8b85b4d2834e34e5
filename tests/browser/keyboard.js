// What a person without a pointer meets on a page: `walk.start()`, then Tab by Tab, then `walk.faults()`.
"use strict";

window.walk ??= (() => {
  const STOPS = "a[href], button, input, select, textarea, summary, [tabindex]";
  const ACTS = "[hx-get], [hx-post], [data-open], [data-close], [data-copy], [data-fill], [data-add-row], [data-remove-row]";
  const MOST_PRESSES_WITHIN = 12; // a date has several parts
  const CONTRAST = 3;
  let expected, plain, visited, faults, presses, isRound;

  const told = (one) => one.outerHTML.replace(/\s+/g, " ").slice(0, 160);
  const isShown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest("[inert]");
  const isStop = (one) => isShown(one) && !one.matches(":disabled, [type=hidden]") && one.tabIndex >= 0;

  // Of the radio buttons of a group one is a stop, and the arrows lead to the others.
  function stops(root) {
    const groups = new Map();
    return [...root.querySelectorAll(STOPS)].filter(isStop).filter((one) => {
      if (one.type !== "radio") return true;
      const group = [...document.querySelectorAll(`[type=radio][name="${CSS.escape(one.name)}"]`)].filter((other) => other.form === one.form);
      if (group.some((other) => other.checked)) return one.checked;
      const isFirst = !groups.has(one.form?.id + one.name);
      groups.set(one.form?.id + one.name, true);
      return isFirst;
    });
  }

  const parts = (one) => [one, one.parentElement, one.parentElement?.parentElement].filter(Boolean);
  const look = (one) => parts(one).map((part) => {
    const { outlineStyle, outlineWidth, outlineColor, borderTopColor, boxShadow } = getComputedStyle(part);
    return { ring: outlineStyle === "none" || outlineWidth === "0px" ? "" : outlineColor, border: borderTopColor, shadow: boxShadow };
  });

  function light(colour) {
    const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
    const linear = [red, green, blue].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return { value: 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2], alpha };
  }
  function behind(one) {
    for (let part = one.parentElement; part; part = part.parentElement) {
      const found = light(getComputedStyle(part).backgroundColor);
      if (found.alpha === 1) return found.value;
    }
    return 1;
  }
  function stands(colour, one) {
    const [high, low] = [light(colour).value, behind(one)].sort((a, b) => b - a);
    return light(colour).alpha === 1 && (high + 0.05) / (low + 0.05) >= CONTRAST;
  }

  // A ring, or a border of another colour, that stands out from what is behind it.
  function isMarked(one) {
    const before = plain.get(one);
    return look(one).some(({ ring, border }, at) => {
      const part = parts(one)[at];
      return (ring && ring !== before?.[at].ring && stands(ring, part)) || (before && border !== before[at].border && stands(border, part));
    });
  }

  // Whether the place of the focus can be seen: no bar stands over it. A label shows the place of its box.
  function isCovered(one) {
    const { left, top, width, height } = one.getClientRects()[0];
    const places = [0.5, 0.1, 0.9].map((part) => [left + Math.min(width / 2, 40), top + height * part]);
    const seen = places.filter(([x, y]) => x >= 0 && y >= 0 && x < innerWidth && y < innerHeight);
    if (!seen.length) return true;
    return seen.every(([x, y]) => {
      const over = document.elementFromPoint(x, y);
      return over && over !== one && !one.contains(over) && !over.contains(one) && !over.closest("label")?.contains(one);
    });
  }

  function isAfter(one, before) {
    if (!before || !one.closest("main") || before.closest("main") === null) return true;
    const [a, b] = [before, one].map((part) => part.getBoundingClientRect());
    const isSameColumn = a.left < b.right && b.left < a.right;
    return !(isSameColumn && b.bottom <= a.top - 1 && !one.closest(".save-bar"));
  }

  function meet() {
    const one = document.activeElement;
    const last = visited.at(-1);
    if (!one || one === document.body) return;
    if (one === last) {
      presses += 1;
      if (presses === MOST_PRESSES_WITHIN) faults.push(`Tab does not leave ${told(one)}`);
      return;
    }
    presses = 0;
    if (visited.includes(one)) {
      isRound = true;
      return;
    }
    if (isRound) return;
    visited.push(one);
    if (!one.matches(":focus-visible") || !isMarked(one)) faults.push(`no sign of the focus on ${told(one)}`);
    if (isCovered(one)) faults.push(`something stands over the focus on ${told(one)}`);
    if (last && !(last.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING)) faults.push(`the focus goes back to ${told(one)}`);
    else if (!isAfter(one, last)) faults.push(`the focus jumps up from ${told(last)} to ${told(one)}`);
  }

  // What a pointer can press: by what it does, or by the hand that it shows.
  function unreachable() {
    const pointed = [...document.body.querySelectorAll("*")].filter((one) => {
      if (!(one instanceof HTMLElement) || !one.checkVisibility()) return false;
      return one.matches(ACTS) || (getComputedStyle(one).cursor === "pointer" && getComputedStyle(one.parentElement).cursor !== "pointer");
    });
    const canBeReached = (one) => {
      const stop = one.closest(STOPS);
      const own = one.closest("label")?.control ?? stop;
      if (one.closest("[inert], :disabled, [aria-disabled=true], [aria-hidden=true]") || own?.matches(":disabled")) return true;
      if (own?.type === "radio") return true;
      if (/every|load|input|change|submit|follow/.test(one.getAttribute("hx-trigger") ?? "") || one.tagName === "FORM" || one.tagName === "BODY") return true;
      return visited.includes(own) || [...one.querySelectorAll(STOPS)].some((inner) => visited.includes(inner));
    };
    return pointed.filter((one) => !canBeReached(one)).map((one) => `the keyboard does not reach ${told(one)}`);
  }

  return {
    start() {
      document.activeElement?.blur();
      document.body.tabIndex = -1;
      document.body.focus();
      document.body.removeAttribute("tabindex");
      scrollTo(0, 0);
      expected = stops(document);
      plain = new Map([...document.querySelectorAll(STOPS)].map((one) => [one, look(one)]));
      [visited, faults, presses, isRound] = [[], [], 0, false];
      addEventListener("keydown", meet, true);
      return expected.length;
    },
    isRound() {
      meet();
      return isRound || document.activeElement === document.body;
    },
    faults() {
      removeEventListener("keydown", meet, true);
      const missed = expected.filter((one) => !visited.includes(one)).map((one) => `Tab passes by ${told(one)}`);
      return [...faults, ...missed, ...unreachable()];
    },
  };
})();
