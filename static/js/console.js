// What HTML and htmx do not do by themselves. Everything attaches by data attribute.
"use strict";

// Copy buttons: data-copy holds the text.
async function copy(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    (button.closest("dialog") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.classList.add("is-done");
  setTimeout(() => button.classList.remove("is-done"), 1600);
}

// Toasts: rendered by the server, or raised by an HX-Trigger header {"toasts": [{text, tone}]}.
function toast(text, tone = "info") {
  const made = document.getElementById("toast").content.firstElementChild.cloneNode(true);
  made.classList.add(tone);
  made.querySelector(".text").textContent = text;
  document.getElementById("toasts").append(made);
  expire(made);
}

function expire(element) {
  if (!element.matches(".bad, :has(form)")) setTimeout(() => element.remove(), 7000);
}

// Rows of a form: data-add-row="#list" clones the list's <template>, with __n__ made unique.
function addRow(button) {
  const list = document.querySelector(button.dataset.addRow);
  const number = Number(list.dataset.next ?? list.querySelectorAll("[data-row]").length);
  const holder = document.createElement("template");
  holder.innerHTML = list.querySelector("template").innerHTML.replaceAll("__n__", number);
  list.dataset.next = number + 1;
  const row = holder.content.firstElementChild;
  list.append(row);
  htmx.process(row);
  row.querySelector("input, select, textarea")?.focus();
}

function openDialog(id, event) {
  const dialog = document.getElementById(id);
  if (!dialog) return;
  event.preventDefault();
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  if (at("[data-copy]")) copy(at("[data-copy]"));
  else if (at("[data-dismiss]")) at("[data-toast]").remove();
  else if (at("[data-open]")) openDialog(at("[data-open]").dataset.open, event);
  else if (at("[data-close]")) closeDialog(at("dialog"));
  else if (at("[data-add-row]")) addRow(at("[data-add-row]"));
  else if (at("[data-remove-row]")) at("[data-row]").remove();
  else if (event.target.tagName === "DIALOG") closeDialog(event.target);
});

// A dialog may be asked whether it holds something unsaved: by its button, by a click beside it, by Escape.
function closeDialog(dialog) {
  if (dialog?.dispatchEvent(new CustomEvent("close-asked", { bubbles: true, cancelable: true }))) dialog.close();
}
document.addEventListener("cancel", (event) => {
  if (event.target.tagName !== "DIALOG") return;
  if (!event.target.dispatchEvent(new CustomEvent("close-asked", { bubbles: true, cancelable: true }))) event.preventDefault();
}, true);

// A question before a form is sent: <form data-confirm="Delete it?">.
document.addEventListener("submit", (event) => {
  const words = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  const place = document.body.dataset.place;
  const question = place ? `${words}\n\n${place}` : words;
  if (words && !event.target.hasAttribute("hx-post") && !confirm(question)) event.preventDefault();
}, true);

// Selects that send their form: <select data-submit>.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// A field that narrows a list without asking the server: data-find="selector of the entries". An entry is found
// by its text, or by what its data-found says; Enter takes the first.
document.addEventListener("input", (event) => {
  const selector = event.target.dataset.find;
  if (!selector) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const entry of document.querySelectorAll(selector)) {
    entry.hidden = !(entry.dataset.found || entry.textContent).toLowerCase().includes(wanted);
  }
});

// htmx: a hidden page does not poll; what fails is said.
document.addEventListener("htmx:beforeRequest", (event) => {
  const polls = event.detail.elt.getAttribute("hx-trigger")?.includes("every ");
  if (polls && document.hidden) event.preventDefault();
});
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (isPoll(event)) sayLate(true);
  else if (status === 503) toast("The console's database does not answer. Wait a little; then look whether this was done.", "bad");
  else toast(`The console answered ${status}. Nothing was changed; reload the page and try again.`, "bad");
});
document.addEventListener("htmx:sendError", (event) => {
  if (isPoll(event)) sayLate(true);
  else toast("The console cannot be reached. Check the connection and try again.", "bad");
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) sayLate(false);
});

// A page that follows by itself says when it does not.
function sayLate(isLate) {
  document.getElementById("late").hidden = !isLate;
}

// What can be scrolled and holds nothing to stop at is a stop itself, so that the keyboard can scroll it.
const SCROLLS = ".table-wrap, pre, .prose table, .stepper";
function makeStops() {
  for (const area of document.querySelectorAll(SCROLLS)) {
    const isCut = area.scrollWidth > area.clientWidth || area.scrollHeight > area.clientHeight;
    const stops = [...area.querySelectorAll("a, button, input, select, textarea")];
    const needsStop = isCut && !stops.some((stop) => stop.offsetParent);
    if (needsStop === area.hasAttribute("tabindex")) continue;
    area.toggleAttribute("tabindex", needsStop);
    if (!needsStop) continue;
    area.tabIndex = 0;
    if (area.matches("div") && !area.role) {
      area.role = "group";
      area.ariaLabel = area.closest("section, .card")?.querySelector("h2, h3")?.textContent.trim() || "Table";
    }
  }
}
addEventListener("resize", makeStops);

// A strip that scrolls shows all of what has the focus; browsers are content with half of it.
document.addEventListener("focusin", ({ target }) => {
  if (target.closest(".tabs, .segments")) target.scrollIntoView({ block: "nearest", inline: "nearest" });
});

// A wide table that is fetched anew stays scrolled to where it was.
const scrolled = {};
document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  const wrap = target.querySelector(".table-wrap");
  if (target.id && wrap) scrolled[target.id] = wrap.scrollLeft;
});

document.addEventListener("toasts", (event) => {
  for (const { text, tone } of event.detail.value) toast(text, tone);
});
document.addEventListener("close-dialog", () => document.querySelector("dialog[open]")?.close());

function isPoll(event) {
  return Boolean(event.detail.elt.getAttribute("hx-trigger")?.includes("every "));
}

// What came into the page: its dialogs open, and the focus goes where one goes on: to the first field to be mended,
// to what was refused, or to what the page is about (data-focus).
document.addEventListener("htmx:load", (event) => {
  const root = event.detail.elt;
  makeStops();
  const wrap = root.querySelector(".table-wrap");
  if (wrap && scrolled[root.id]) wrap.scrollLeft = scrolled[root.id];
  const dialogs = root.matches("dialog[data-shown]") ? [root] : root.querySelectorAll("dialog[data-shown]");
  for (const dialog of dialogs) if (!dialog.open) dialog.showModal();
  const goals = ["[aria-invalid=true]", "[data-focus][role=alert]", "[data-focus]"];
  const shown = goals.flatMap((goal) => [...root.querySelectorAll(goal)]).find((goal) => goal.offsetParent);
  if (shown && !(shown.matches("[data-focus]") && location.hash)) shown.focus();
  for (const one of root.querySelectorAll("#toasts > [data-toast]")) expire(one);
  for (const current of root.querySelectorAll(".tabs [aria-current], .stepper [aria-current]")) {
    const strip = current.parentElement;
    strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.clientWidth) / 2;
  }
});

// Fields that belong to a choice: data-when names the field, data-is the values with which they are shown. With
// several fields, which data-when divides by a space and data-is by a bar, all must have one of theirs.
function reveal(form) {
  for (const part of form.querySelectorAll("[data-when]")) {
    const values = part.dataset.is.split("|");
    part.hidden = !part.dataset.when.split(" ").every((name, at) => {
      const chosen = form.elements[name];
      const value = chosen?.type === "checkbox" ? String(chosen.checked) : chosen?.value;
      return values[at].split(" ").includes(value);
    });
  }
}
document.addEventListener("change", ({ target }) => {
  const form = target.closest("form");
  if (form) reveal(form);
});
document.addEventListener("htmx:load", (event) => {
  const root = event.detail.elt;
  for (const form of root.matches("form") ? [root] : root.querySelectorAll("form")) reveal(form);
});
