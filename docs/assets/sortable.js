// A table inside <div class="sortable"> gets a button in each column head, which sorts the rows by that column: the
// first press from the small to the large (words: from A to Z), the second one the other way round. An empty cell, or
// a dash, comes last. Without JavaScript the table stays as it was written.

"use strict";

const ABSENT = /^[-–—]?$/;

/** The number at the start of a cell ("4,089 M" is 4089), or null when there is none. */
function number(text) {
  const found = /^[-−]?[\d,]*\.?\d+/.exec(text);
  return found ? Number(found[0].replaceAll(",", "").replace("−", "-")) : null;
}

/** Order of two cells: numbers by value and before words, words by the alphabet. */
function compare(left, right) {
  const [a, b] = [number(left), number(right)];
  if (a !== null && b !== null) {
    return a - b;
  }
  return (a === null) - (b === null) || left.localeCompare(right, "en");
}

/** The rows in the order of one column; rows without a value there stay behind, in either direction. */
function sorted(rows, text, down) {
  const [absent, present] = [true, false].map((is) => rows.filter((row) => ABSENT.test(text(row)) === is));
  present.sort((left, right) => (down ? -1 : 1) * compare(text(left), text(right)));
  return [...present, ...absent];
}

function sort(table, head) {
  const column = [...head.parentElement.children].indexOf(head);
  const down = head.ariaSort === "ascending";
  const body = table.tBodies[0];
  body.append(...sorted([...body.rows], (row) => row.cells[column].textContent.trim(), down));
  for (const other of head.parentElement.children) {
    other.removeAttribute("aria-sort");
  }
  head.ariaSort = down ? "descending" : "ascending";
}

for (const table of document.querySelectorAll(".sortable table")) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, head));
  }
}
