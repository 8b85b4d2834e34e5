// What is typed is not lost: <form data-keep> survives a reload and a login, asks before it is left, and is sent once.
// It is kept in this tab alone, for who is logged in, without what is secret.
"use strict";

(() => {
  const PREFIX = "gatewright:form:";
  const WAIT_MS = 250;
  const who = document.body.dataset.user ?? "";
  const changed = new Set();
  let isLeaving = false;

  // The same form for something else, as an address asks for it (?operation=2), is another one.
  const here = () => `${PREFIX}${location.pathname}${location.search}#`;
  const keyOf = (form) => here() + form.dataset.keep;
  const stored = () => Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
  const read = (key) => JSON.parse(sessionStorage.getItem(key) ?? "null");
  const write = (key, value) => {
    try {
      sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      sessionStorage.removeItem(key); // too large to keep
    }
  };

  const NEVER = "[type=password], [type=file], [type=submit], [type=button], [name=csrfmiddlewaretoken], [name=seen], [name=base], [name=was], [name=once], [data-secret]";

  // The form as [name, value] pairs, a box that is off as a name without a value.
  function content(form) {
    const fields = [...form.elements].filter((field) => field.name && !field.matches(`button, fieldset, output, ${NEVER}`));
    return fields
      .filter((field) => !field.value?.includes("PRIVATE KEY"))
      .filter((field) => !field.matches("[type=radio]") || field.checked)
      .map((field) => [field.name, field.matches("[type=checkbox]") && !field.checked ? null : field.value, field.matches("[type=checkbox]") ? field.value : ""]);
  }

  const seenOf = (form) => form.elements.namedItem("seen")?.value ?? "";
  const baseOf = (form) => form.elements.namedItem("base")?.value ?? "";
  const keep = (form) => write(keyOf(form), { who, seen: seenOf(form), base: baseOf(form), fields: content(form), isSent: false });

  function touch(form) {
    changed.add(form);
    keep(form);
  }

  function forget(form) {
    changed.delete(form);
    sessionStorage.removeItem(keyOf(form));
  }

  // What was typed goes back into the form: by the server where the form has rows, which it has to make.
  function restore(form, { fields, seen, base }) {
    const [version, opened] = ["seen", "base"].map((name) => form.elements.namedItem(name));
    if (version && seen) version.value = seen;
    if (opened && seen) opened.value = base ?? "";
    if (form.matches(".with-rows") && typeof htmx === "object") {
      const body = new URLSearchParams(fields.filter(([, value]) => value !== null).map(([name, value]) => [name, value]));
      if (seen) body.set("seen", seen);
      if (seen && base) body.set("base", base);
      body.set("rows", "keep");
      const values = {};
      for (const [name, value] of body) (values[name] ??= []).push(value);
      htmx.ajax("POST", form.getAttribute("action") || location.href, { source: form, target: form, select: "form.with-rows", swap: "outerHTML", values });
    } else {
      for (const [name, value, box] of fields) {
        const named = [...form.elements].filter((field) => field.name === name && !field.matches(NEVER));
        for (const field of named) {
          if (field.matches("[type=radio]")) field.checked = field.value === value;
          else if (field.matches("[type=checkbox]")) { if (field.value === box) field.checked = value !== null; }
          else if (named.length === 1) field.value = value;
        }
      }
      for (const told of ["input", "change"]) form.dispatchEvent(new Event(told, { bubbles: true }));
      tell(form);
    }
    changed.add(form);
  }

  // Says that the form is not as the server has it, and takes it back when that is wanted.
  function tell(form) {
    const words = document.getElementById("restored")?.content.firstElementChild.cloneNode(true);
    if (!words) return;
    words.querySelector("[data-discard]").addEventListener("click", () => {
      forget(form);
      isLeaving = true;
      location.reload();
    });
    (form.querySelector(":scope > .body") ?? form).prepend(words);
  }

  const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  function meet(form, isFragment) {
    const key = keyOf(form);
    const kept = read(key);
    // A row button's answer and a refused form hold what was typed already.
    if (isFragment || form.hasAttribute("data-unsaved")) {
      touch(form);
      if (kept?.isRestored) tell(form);
      return;
    }
    if (!kept || kept.who !== who) return;
    // What was sent is saved where the page says so, or shows a newer version: it may be this form once more.
    const isSaved = document.querySelector("#toasts .toast.ok") !== null || kept.seen !== seenOf(form);
    if (isSame(kept.fields, content(form)) || (kept.isSent && isSaved)) {
      sessionStorage.removeItem(key);
      return;
    }
    write(key, { ...kept, isSent: false, isRestored: true });
    restore(form, kept);
  }

  document.addEventListener("htmx:load", ({ detail: { elt: root } }) => {
    const isFragment = root !== document.body;
    if (!isFragment) {
      // What was sent from another page has arrived; what another person typed here is not ours.
      for (const key of stored()) {
        const { isSent, who: owner } = read(key);
        if (owner !== who || (isSent && !key.startsWith(here()))) sessionStorage.removeItem(key);
      }
    }
    const forms = root.matches("form[data-keep]") ? [root] : root.querySelectorAll("form[data-keep]");
    for (const form of forms) meet(form, isFragment && root === form);
  });

  let timer;
  document.addEventListener("input", ({ target }) => {
    const form = target.form;
    if (!form?.matches("[data-keep]") || target.matches("[type=search]")) return;
    changed.add(form);
    clearTimeout(timer);
    timer = setTimeout(() => form.isConnected && keep(form), WAIT_MS);
  });

  const unsaved = () => [...changed].filter((form) => form.isConnected);

  addEventListener("pagehide", () => {
    if (!isLeaving) for (const form of unsaved()) if (!read(keyOf(form))?.isSent) keep(form);
  });
  // An order that is not applied yet is unsaved, too, though nothing of it is kept.
  const isReordered = () => document.querySelector("[data-sort-bar]:not([hidden])") !== null;
  addEventListener("beforeunload", (event) => {
    if (!isLeaving && (unsaved().length || isReordered())) event.preventDefault();
  });
  // A session that ended loads the page anew by itself: nothing to ask, since what was typed comes back.
  document.addEventListener("htmx:beforeOnLoad", ({ detail: { xhr } }) => {
    if (xhr.getResponseHeader("HX-Refresh")) isLeaving = true;
  });
  document.addEventListener("click", ({ target, ctrlKey, metaKey, shiftKey }) => {
    if (!target.closest("a[data-leave]") || ctrlKey || metaKey || shiftKey) return;
    for (const form of unsaved()) forget(form);
    isLeaving = true;
  });

  // A drawer with an edited form asks before it closes.
  const isGivenUp = (dialog) => !unsaved().some((form) => dialog.contains(form)) || confirm("Close without saving? What you typed is lost.");
  document.addEventListener("close-asked", (event) => {
    const dialog = event.target;
    if (!isGivenUp(dialog)) event.preventDefault();
    else for (const form of unsaved()) if (dialog.contains(form)) forget(form);
  });

  document.addEventListener("close-dialog", () => {
    for (const form of unsaved()) if (form.closest("dialog")) forget(form);
  });

  // Sent once: the button shows that it works, and a second press does nothing.
  const sent = new WeakSet();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post") || event.submitter?.hasAttribute("hx-post")) return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.add(form);
    event.submitter?.setAttribute("aria-busy", "true");
    isLeaving = true;
    clearTimeout(timer); // what was typed just now is sent, and not to be kept as if it were not
    if (form.matches("[data-keep]")) write(keyOf(form), { who, seen: seenOf(form), base: baseOf(form), fields: content(form), isSent: true });
    if (form.hasAttribute("data-leave")) for (const other of unsaved()) forget(other);
    if (form.hasAttribute("data-logout")) for (const key of stored()) sessionStorage.removeItem(key);
    setTimeout(() => again(form), 15_000);
  });

  function again(form) {
    sent.delete(form);
    isLeaving = false;
    for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  }
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) document.querySelectorAll("form").forEach(again);
  });
})();
