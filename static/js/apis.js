// API Manager's pages: the address as it is typed, sums of weights, values offered, and an order by dragging.
(() => {
  const shown = (field, fallback) => (field && field.value) || fallback;

  function address(form) {
    const output = form.querySelector("[data-address]");
    const draw = () => {
      const protocol = shown(form.querySelector("[name=protocol]:checked"), "http");
      const port = shown(form.querySelector("[name=port]"), "…");
      const path = shown(form.querySelector("[name=base_path]"), "").replace(/^\/?/, "/");
      output.value = `${protocol}://${output.dataset.address}:${port}${path}`;
    };
    const port = form.querySelector("[data-port-http]");
    form.addEventListener("input", ({ target }) => {
      // A port that was not touched is the one proposed for what is spoken there.
      const proposed = port && { http: port.dataset.portHttp, https: port.dataset.portHttps };
      if (proposed && target.name === "protocol" && Object.values(proposed).includes(port.value)) port.value = proposed[target.value];
      draw();
    });
    draw();
  }

  function sum(list) {
    const total = list.querySelector("[data-total]");
    list.addEventListener("input", () => {
      const weights = [...list.querySelectorAll("[data-weight]")].map((input) => Number(input.value) || 0);
      const value = weights.reduce((one, other) => one + other, 0);
      total.value = `Weights: ${value} of 100 %`;
      total.classList.toggle("is-bad", value !== 100);
    });
  }

  // A slider and buttons for the weights of a route's two upstreams; they follow what is typed, too.
  function split(part) {
    const slider = part.querySelector("input");
    const list = part.closest("[data-sum]");
    const weights = () => [...list.querySelectorAll("[data-weight]")];
    const share = (percent) => {
      const [first, second] = weights();
      first.value = 100 - percent;
      second.value = slider.value = percent;
      second.dispatchEvent(new Event("input", { bubbles: true }));
    };
    slider.addEventListener("input", (event) => {
      event.stopPropagation();
      share(Number(slider.value));
    });
    for (const button of part.querySelectorAll("[data-share]")) {
      button.addEventListener("click", () => share(Number(button.dataset.share)));
    }
    list.addEventListener("input", () => { slider.value = weights()[1].value; });
  }

  function fill(button) {
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.fill);
      field.value = button.dataset.value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
    });
  }

  // What is offered becomes a line of a field that takes several.
  function addLine(button) {
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.addLine);
      const lines = field.value.split("\n").map((line) => line.trim()).filter(Boolean);
      if (!lines.includes(button.dataset.value)) field.value = [...lines, button.dataset.value].join("\n");
      field.dispatchEvent(new Event("input", { bubbles: true }));
      button.hidden = true;
      field.focus();
    });
  }

  // A box that checks all others of the list, and how many are checked.
  function checkAll(box) {
    const others = () => [...document.querySelectorAll(box.dataset.checkAll)];
    box.addEventListener("change", () => {
      for (const one of others()) one.checked = box.checked;
      others()[0]?.dispatchEvent(new Event("change", { bubbles: true }));
    });
    box.closest("table").addEventListener("change", () => {
      const checked = others().filter((one) => one.checked).length;
      box.checked = checked > 0 && checked === others().length;
      box.indeterminate = checked > 0 && !box.checked;
    });
  }

  document.addEventListener("change", ({ target }) => {
    for (const told of document.querySelectorAll("[data-checked-count]")) {
      if (target.matches(told.dataset.checkedCount)) {
        told.textContent = `${document.querySelectorAll(`${told.dataset.checkedCount}:checked`).length} chosen`;
      }
    }
  });

  function sortable(form) {
    const list = form.querySelector("[data-sorted]");
    let held = null;
    list.addEventListener("dragstart", (event) => {
      held = event.target.closest?.("[data-sort-item]");
      if (!held) return;
      event.dataTransfer.effectAllowed = "move";
      held.classList.add("is-held");
    });
    list.addEventListener("dragover", (event) => {
      const over = event.target.closest("[data-sort-item]");
      if (!held) return;
      event.preventDefault();
      if (!over || over === held) return;
      const box = over.getBoundingClientRect();
      const isOwn = over.dataset.sortItem === held.dataset.sortItem;
      // What always runs first stays in front of the others: past it, a policy goes to the end of its own.
      const own = [...list.children].filter((one) => one !== held && one.dataset.sortItem === held.dataset.sortItem);
      const isAbove = held.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_PRECEDING;
      if (isOwn) over[event.clientY > box.top + box.height / 2 ? "after" : "before"](held);
      else if (isAbove) own.at(0)?.before(held);
      else own.at(-1)?.after(held);
      form.querySelector("[data-sort-bar]").hidden = false;
    });
    list.addEventListener("drop", (event) => event.preventDefault());
    // Alt and an arrow move what has the focus, as its own buttons do, which keep the focus afterwards.
    list.addEventListener("keydown", (event) => {
      const way = event.altKey && { ArrowUp: "up", ArrowDown: "down" }[event.key];
      const button = way && event.target.closest("[data-sort-item]")?.querySelector(`[value^="${way}:"]`);
      if (!button) return;
      event.preventDefault();
      button.focus();
      if (button.ariaDisabled !== "true") button.click();
    });
    list.addEventListener("dragend", () => {
      held?.classList.remove("is-held");
      held = null;
      for (const item of list.querySelectorAll("[data-sort-item]")) {
        const beside = { up: item.previousElementSibling, down: item.nextElementSibling };
        for (const [way, other] of Object.entries(beside)) {
          const button = item.querySelector(`[value^="${way}:"]`);
          if (button) button.ariaDisabled = String(other?.dataset.sortItem !== item.dataset.sortItem);
        }
      }
    });
  }

  // A TLS context that was made in the dialog: to choose in every field for it, chosen in the one that asked.
  document.addEventListener("choose", ({ detail: { field, value, text } }) => {
    const asking = document.getElementById(field);
    if (!asking) return;
    for (const select of document.querySelectorAll(`[data-tls="${asking.dataset.tls}"]`)) select.add(new Option(text, value));
    asking.value = value;
    asking.focus();
  });

  // What stands beside a form follows it: data-follows names the form.
  const follow = (form) => {
    // What was said of it before is told anew beside it.
    if (document.querySelector(`[data-linter][data-follows="${form?.id}"]`)) form.querySelectorAll("[data-advice]").forEach((one) => one.remove());
    for (const one of document.querySelectorAll(`[data-follows="${form?.id}"]`)) one.dispatchEvent(new Event("follow"));
  };
  for (const told of ["input", "change"]) document.addEventListener(told, ({ target }) => target.form?.id && follow(target.form));

  // "Try it" beside a field's expression puts it into the box that evaluates, which then goes on with the field.
  let tried = null;
  function take(field) {
    const box = document.querySelector("[data-tried]");
    const place = box?.querySelector("textarea");
    if (!place) return;
    tried = field.id;
    place.value = field.value;
    const moment = box.querySelector("select");
    if (moment) moment.value = field.dataset.moment ?? "request";
    box.dispatchEvent(new Event("tried"));
  }
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-try]");
    if (!button) return;
    take(document.getElementById(button.dataset.try));
    const place = document.querySelector("[data-tried] textarea");
    place?.scrollIntoView({ block: "center" });
    place?.focus();
  });
  let typing;
  document.addEventListener("input", ({ target }) => {
    if (tried === null || target.id !== tried) return;
    clearTimeout(typing);
    typing = setTimeout(() => take(target), 300);
  });
  document.addEventListener("htmx:load", ({ detail: { elt } }) => {
    if (elt.matches("form[id]")) follow(elt);
  });

  const behaviours = { "[data-address-form]": address, "[data-sum]": sum, "[data-split]": split, "[data-fill]": fill, "[data-add-line]": addLine, "[data-check-all]": checkAll, "[data-sortable]": sortable };
  document.addEventListener("htmx:load", (event) => {
    const root = event.detail.elt;
    for (const [selector, attach] of Object.entries(behaviours)) {
      if (root.matches(selector)) attach(root);
      root.querySelectorAll(selector).forEach(attach);
    }
  });
})();
