// What must run before the theme's own script.
"use strict";

// The theme writes these four names into every page as an inline script; the Content-Security-Policy allows files only.
const scopeOfSite = new URL("../", document.currentScript.src); // this file is <site>/assets/base.js

const IN_FOLDER = location.protocol === "file:"; // the zipped course

// What the theme sets at the end, when every element of the page must be styled anew for it.
document.documentElement.className = "js js-focus-visible";
document.documentElement.dataset.jsFocusVisible = "";
document.queryCommandSupported = () => false; // it asks this for each block of code; the copy buttons are ours, see below

window.__md_scope = scopeOfSite;

window.__md_hash = (text) => [...text].reduce((hash, letter) => (hash << 5) - hash + letter.charCodeAt(0), 0);

window.__md_get = (key, storage = localStorage, scope = scopeOfSite) => {
  try {
    return JSON.parse(storage.getItem(`${scope.pathname}.${key}`));
  } catch {
    return null; // another program wrote there; a page that cannot read it shows itself all the same
  }
};

window.__md_set = (key, value, storage = localStorage, scope = scopeOfSite) => {
  try {
    storage.setItem(`${scope.pathname}.${key}`, JSON.stringify(value));
  } catch {
    // A browser may refuse to store anything; the page works without.
  }
};

/** Where a page lies below the site, the same in the zipped course. */
const pageOfSite = (address) =>
  new URL(address).pathname.slice(scopeOfSite.pathname.length).replace(/(^|\/)index\.html$/, "$1");

/** A new element with properties and children: for quiz.js and progress.js. */
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// The theme fetches the whole search index with every page, and has no switch for it. Most readers of a page never
// search: hold the request back until the search field gets the focus, or the address asks for a search.
const searchBegins = new Promise((begin) => {
  const parameters = new URLSearchParams(location.search);
  if (parameters.has("q") || parameters.has("h")) {
    begin();
  }
  document.addEventListener("focusin", (event) => {
    if (event.target.matches(".md-search__input")) {
      begin();
    }
  });
});

const { open, send } = XMLHttpRequest.prototype;

XMLHttpRequest.prototype.open = function (method, url, ...rest) {
  this.isSearchIndex = String(url).endsWith("/search/search_index.json");
  return open.call(this, method, url, ...rest);
};

XMLHttpRequest.prototype.send = function (...body) {
  if (IN_FOLDER) {
    return; // nobody answers there; the theme asks for the sitemap all the same
  }
  if (this.isSearchIndex) {
    searchBegins.then(() => send.apply(this, body));
  } else {
    send.apply(this, body);
  }
};

// The same for the worker that searches: what it is sent waits with it.
class LateWorker extends EventTarget {
  constructor(Real, url) {
    super();
    this.real = searchBegins.then(() => {
      const worker = new Real(url);
      worker.onmessage = ({ data }) => this.dispatchEvent(new MessageEvent("message", { data }));
      return worker;
    });
  }

  postMessage(message) {
    this.real.then((worker) => worker.postMessage(message));
  }
}

window.Worker = new Proxy(Worker, {
  construct: (Real, [url, ...options]) =>
    String(url).includes("/workers/search.") ? new LateWorker(Real, url) : new Real(url, ...options),
});

// What is wider than its place scrolls, and a keyboard must reach it. The theme sees to code only.
const SCROLLERS = ".figure, .formula--display, .md-typeset__scrollwrap, .jp-RenderedSVG, .jp-RenderedText pre";

const sizes = new ResizeObserver((entries) => {
  const boxes = [...new Set(entries.map(({ target }) => target.closest(SCROLLERS)))];
  const wide = boxes.map((box) => box.scrollWidth > box.clientWidth); // first all that is read, then all that is written
  for (const [i, box] of boxes.entries()) {
    if (wide[i]) {
      box.tabIndex = 0;
      box.role = box.matches("figure") ? null : "group";
      box.ariaLabel = "Scrolls sideways";
    } else if (box.hasAttribute("tabindex")) {
      box.removeAttribute("tabindex");
    }
  }
});

function mend(element) {
  if (element.matches(SCROLLERS)) {
    sizes.observe(element);
    sizes.observe(element.firstElementChild ?? element); // a formula grows when its font arrives
  }
}

const COPY = "Copy to clipboard";

/** A button that copies a block of code. The theme's own are added and measured one by one, which takes a phone a second. */
function addCopyButton(pre) {
  const button = element("button", { type: "button", className: "md-code__button", title: COPY, ariaLabel: COPY });
  button.dataset.mdType = "copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(pre.querySelector("code").textContent);
    button.title = button.ariaLabel = "Copied";
    button.classList.add("md-code__button--done");
    await new Promise((resolve) => setTimeout(resolve, 2000));
    button.title = button.ariaLabel = COPY;
    button.classList.remove("md-code__button--done");
  });
  pre.prepend(element("div", { className: "md-code__nav" }, button));
}

addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(SCROLLERS).forEach(mend);
  const added = new MutationObserver((changes) =>
    changes.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node instanceof Element).forEach(mend),
  );
  added.observe(document.querySelector(".md-content"), { childList: true, subtree: true });
});

// A word of the glossary says what it means: under the pointer, or when it has the focus. Escape takes the words away.
const meaning = element("div", { id: "meaning", className: "meaning", role: "tooltip", hidden: true });

function tell({ target }) {
  const word = target instanceof Element ? target.closest("a.word") : null;
  if (target !== meaning) {
    meaning.hidden = !word;
  }
  if (!word) {
    return;
  }
  meaning.textContent = word.dataset.meaning ??= word.title;
  word.removeAttribute("title"); // or the browser would say it a second time
  word.setAttribute("aria-describedby", meaning.id);
  const place = word.getClientRects()[0];
  const left = Math.min(place.left, document.documentElement.clientWidth - meaning.offsetWidth - 8);
  const above = place.bottom + meaning.offsetHeight + 8 > innerHeight;
  const top = above ? place.top - meaning.offsetHeight - 4 : place.bottom + 4;
  meaning.style.left = `${Math.max(8, left)}px`;
  meaning.style.top = `${top + scrollY}px`;
}

addEventListener("DOMContentLoaded", () => {
  if (document.querySelector("a.word")) {
    document.body.append(meaning);
    document.addEventListener("focusin", tell);
    document.addEventListener("mouseover", tell);
    document.addEventListener("keydown", ({ key }) => {
      meaning.hidden ||= key === "Escape";
    });
  }
});

// A block of code that is wider than its place takes the focus. The theme cannot see that before the block is drawn, which
// happens when it comes near. But its longest line is known, see scripts/site/blocks.py, and a letter can be measured.
const measure = document.createElement("canvas").getContext("2d");

function isWide(code, width) {
  const style = getComputedStyle(code);
  if (style.whiteSpace === "pre-wrap") {
    return false;
  }
  measure.font = `${style.fontSize} ${style.fontFamily}`;
  return code.style.getPropertyValue("--columns") * measure.measureText("0").width > width;
}

const blockSizes = new ResizeObserver((entries) => {
  const wide = entries.map(({ target, contentRect }) => isWide(target, contentRect.width));
  entries.forEach(({ target }, i) => (wide[i] ? (target.tabIndex = 0) : target.removeAttribute("tabindex")));
});

// One by one, when the browser has time: blocks of code get their button, and what is below the screen is drawn, so that
// a picture of the page has it all. What is wide is watched after the theme has looked.
addEventListener("load", () => {
  const blocks = document.querySelectorAll(".highlight:not(.language-python + .language-text) > pre");
  const hidden = document.querySelectorAll("pre > code[style], .figure svg");
  document.querySelectorAll("pre > code[style]").forEach((code) => blockSizes.observe(code));
  const work = [
    ...[...blocks].map((pre) => () => addCopyButton(pre)),
    ...[...hidden].map(({ style }) => () => (style.contentVisibility = "visible")),
  ];
  const whenIdle = window.requestIdleCallback ?? setTimeout;
  whenIdle(function next() {
    work.shift()?.();
    if (work.length > 0) {
      whenIdle(next);
    }
  });
});

// A page that was opened once can be read again without a network: see sw.js. Not while it is being written (`livereload`),
// when a stale copy is the last thing one wants to see.
addEventListener("load", async () => {
  if (IN_FOLDER || !("serviceWorker" in navigator) || typeof livereload !== "undefined") {
    return;
  }
  try {
    await navigator.serviceWorker.register(new URL("sw.js", scopeOfSite));
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    active.postMessage([location.href, ...loaded]); // the first page of all came before there was a worker
  } catch {
    // A browser may refuse, in a private window for one; the page works without.
  }
});
