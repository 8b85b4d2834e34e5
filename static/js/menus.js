// Menus and the narrow navigation: who opens one is in it, walks through it with the arrows and comes back from it.
"use strict";

(() => {
  const MENU = ".menu[popover]";
  const stopsOf = (panel) =>
    [...panel.querySelectorAll("[data-search], input, a, button")].filter((stop) => stop.offsetParent || stop.matches("[data-search]"));

  // What is in a menu are its items; one with a field in it is a dialog.
  function name(menu) {
    const isList = !menu.querySelector("input:not([type=hidden])");
    menu.role = isList ? "menu" : "dialog";
    const opener = document.querySelector(`[popovertarget="${menu.id}"]`);
    opener?.setAttribute("aria-haspopup", menu.role);
    if (!menu.ariaLabel) menu.ariaLabel = opener?.textContent.trim().replace(/\s+/g, " ") || "Menu";
    if (isList) for (const item of menu.querySelectorAll("a, button")) item.role = "menuitem";
  }

  // Beside its button, inside the window.
  function place(menu) {
    const button = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect();
    const gap = 4;
    const below = button.bottom + gap;
    const fits = below + menu.offsetHeight <= innerHeight || button.top < menu.offsetHeight;
    const left = button.left + menu.offsetWidth + gap > innerWidth ? button.right - menu.offsetWidth : button.left;
    menu.style.top = `${fits ? below : button.top - menu.offsetHeight - gap}px`;
    menu.style.left = `${Math.max(gap, left)}px`;
  }

  // The narrow navigation stands over the page, which cannot be reached while it does.
  function hold(side, isOpen) {
    for (const behind of document.querySelectorAll("[data-behind]")) behind.inert = isOpen;
    if (isOpen) side.querySelector("a, button")?.focus();
  }

  document.addEventListener("beforetoggle", ({ target, newState }) => {
    if (target.matches?.(MENU) && newState === "open") name(target);
    if (target.matches?.("[data-modal]") && newState === "closed") hold(target, false);
  }, true);

  document.addEventListener("toggle", ({ target, newState }) => {
    if (newState !== "open") return;
    if (target.matches?.("[data-modal]")) hold(target, true);
    if (!target.matches?.(MENU)) return;
    place(target);
    stopsOf(target)[0]?.focus();
  }, true);

  // What lies beneath a menu, the narrow navigation or a dialog stays where it is: they scroll, it does not.
  const OVER = ".menu:popover-open, [data-modal]:popover-open, dialog:modal";
  function stay(event) {
    const over = event.target.closest?.(OVER);
    for (let part = over && event.target; part; part = part === over ? null : part.parentElement) {
      if (part.scrollHeight > part.clientHeight && /auto|scroll/.test(getComputedStyle(part).overflowY)) return;
    }
    event.preventDefault();
  }
  document.addEventListener("toggle", () => {
    const listen = document.querySelector(OVER) ? "addEventListener" : "removeEventListener";
    for (const kind of ["wheel", "touchmove"]) document[listen](kind, stay, { passive: false });
  }, true);

  // A window that grows has no narrow navigation.
  matchMedia("(width >= 54rem)").addEventListener("change", ({ matches }) => {
    if (matches) for (const side of document.querySelectorAll("[data-modal]:popover-open")) side.hidePopover();
  });

  const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

  function walk(event, panel) {
    const stops = stopsOf(panel);
    const at = stops.indexOf(document.activeElement);
    if (event.key in STEPS && !(event.target.matches("input") && (event.key === "Home" || event.key === "End"))) {
      const wanted = at + STEPS[event.key];
      const isMenu = panel.matches(MENU);
      const last = stops.length - 1;
      const next = wanted === -Infinity ? 0 : wanted === Infinity ? last : isMenu ? (wanted + stops.length) % stops.length : Math.max(0, Math.min(wanted, last));
      stops[next]?.focus();
      event.preventDefault();
    } else if (event.key === "Tab" && panel.matches(MENU) && panel.role === "menu") {
      panel.hidePopover();
    } else if (panel.role === "menu" && /^\S$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const starts = (stop) => stop.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase());
      [...stops.slice(at + 1), ...stops.slice(0, at + 1)].find(starts)?.focus();
    }
  }

  // "/" goes to the search; arrows walk through its results and through menus.
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    if (event.key === "/" && !isTyping && !hasModifier && !document.querySelector("dialog[open]")) {
      const search = document.querySelector("[data-search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
      return;
    }
    if (event.key === "Enter" && event.target.dataset.find) {
      event.preventDefault();
      const entries = [...document.querySelectorAll(event.target.dataset.find)];
      entries.find((entry) => entry.matches("a, button") && entry.offsetParent)?.click();
      return;
    }
    const panel = event.target.closest(`.search, ${MENU}`);
    if (!panel) return;
    if (event.key === "Escape" && panel.matches(".search")) document.activeElement.blur();
    else walk(event, panel);
  });
})();
