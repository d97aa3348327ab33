// What the widgets share: buttons, a link that brings a state back, one line that says what happened. It fetches the files
// of the widgets of a page when the first of them comes near the screen. element() and addCopyButton() are in base.js. What
// stands inside a widget is what a reader without JavaScript sees.

"use strict";

class Widget extends HTMLElement {
  /** A line for what happened: read out by a screen reader. */
  said = element("p", { className: "widget__said", role: "status" });

  /** `read(query)` of the address of the page, if it was written for this element; else null. */
  linked(read) {
    const query = new URLSearchParams(location.search);
    if (query.get("widget") !== this.id) {
      return null;
    }
    try {
      return read(query);
    } catch (problem) {
      this.said.textContent = `The link cannot be read: ${problem.message}.`;
      return null;
    }
  }

  /** A button that copies the address of the page with the state that `write()` gives as a query. */
  linkButton(text, write) {
    return button(text, text, () => {
      const query = write();
      query.set("widget", this.id);
      const address = new URL(`?${query}#${this.id}`, location.href);
      history.replaceState(null, "", address);
      return this.copy(address.href, "The link is in the address bar.");
    });
  }

  async copy(text, otherwise) {
    try {
      await navigator.clipboard.writeText(text);
      this.said.textContent = "Copied.";
    } catch {
      this.said.textContent = otherwise;
    }
  }
}

function button(text, label, work) {
  const made = element("button", { type: "button", ariaLabel: label, title: label }, text);
  made.addEventListener("click", work);
  return made;
}

/** A select with its label; `work` hears what is chosen. */
function select(name, options, work) {
  const field = element("select", { ariaLabel: name }, ...options.map((option) => element("option", {}, option)));
  field.addEventListener("change", () => work(field.value));
  return { field, label: element("label", { className: "widget__wide" }, name, field) };
}

/** A field for a whole number with its label; `work` hears what is typed. */
function numberField(word, name, [min, max], work) {
  const input = element("input", { type: "number", name, min, max, required: true });
  input.addEventListener("change", () => work(Number(input.value)));
  return element("label", {}, word, input);
}

/** A box to tick for a number that is 0 or 1. */
function flagField(word, name, work) {
  const input = element("input", { type: "checkbox", name });
  input.addEventListener("change", () => work(Number(input.checked)));
  return element("label", {}, word, input);
}

/** Lines of Python that can be copied, folded under `summary`; `code` is the element to fill. */
function program(summary, language = "python") {
  const code = element("code", { tabIndex: 0 }); // its lines may be too long for the screen
  const pre = element("pre", {}, code);
  addCopyButton(pre);
  const block = element("div", { className: `language-${language} highlight` }, pre);
  return { code, details: element("details", {}, element("summary", {}, summary), block) };
}

/** A number as one reads it. */
const shown = (value) => String(Math.round(value * 1e4) / 1e4).replace("-", "−");
const signed = (value) => (value < 0 ? `(${shown(value)})` : shown(value)); // as a factor
const thousands = (value) => value.toLocaleString("en-US");

/** A table with a caption, whose cells hold fields or buttons; what is left out in a row is a zero of the padding.
    The Tab key reaches one cell, the one that had the focus last; the arrow keys go from cell to cell. */
function grid(caption, rows) {
  const lines = rows.map((row) =>
    element("tr", {}, ...Array.from(row, (cell) => element("td", { className: cell ? "" : "pad" }, cell ?? "0"))),
  );
  const table = element("table", { className: "widget__table" }, element("caption", {}, caption), element("tbody", {}, ...lines));
  const cells = [...table.querySelectorAll("input, button")];
  const reach = (target) => cells.forEach((cell) => (cell.tabIndex = cell === target ? 0 : -1));
  reach(cells[0]);
  table.addEventListener("focusin", ({ target }) => reach(target));
  table.addEventListener("keydown", goToNextCell);
  return element("div", { className: "widget__grid" }, table);
}

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }; // [rows, columns]

function goToNextCell(event) {
  const move = STEPS[event.key];
  const cell = event.target.closest("td");
  if (!move || !cell) {
    return;
  }
  const row = cell.parentElement;
  const next = row.parentElement.rows[row.sectionRowIndex + move[0]]?.cells[cell.cellIndex + move[1]];
  const target = next?.querySelector("input, button");
  if (target) {
    event.preventDefault();
    target.focus();
    target.select?.();
  }
}

/** A field for a number that is not whole; `work` hears the number, or null for what is none from -most to most. */
function realField(label, value, most, work) {
  const field = element("input", { type: "text", inputMode: "decimal", value: shown(value), ariaLabel: label });
  field.addEventListener("change", () => {
    const number = Number(field.value.replace("−", "-").replace(",", "."));
    const fits = field.value.trim() !== "" && Math.abs(number) <= most;
    work(fits ? number : null, field);
  });
  return field;
}

{
  const { src, dataset } = document.currentScript; // dataset.later: the files, in their order, see overrides/layout.html
  const near = new IntersectionObserver(
    (entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) {
        near.disconnect();
        const scripts = dataset.later.split(" ").map((file) => element("script", { src: new URL(file, src).href, async: false }));
        document.head.append(...scripts);
      }
    },
    { rootMargin: "100%" },
  );
  document.querySelectorAll(".widget").forEach((widget) => near.observe(widget));
}
