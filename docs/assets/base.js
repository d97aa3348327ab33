// What must run before the theme's own script.
"use strict";

// The theme writes these four names into every page as an inline script; the Content-Security-Policy allows files only.
const scopeOfSite = new URL("../", document.currentScript.src); // this file is <site>/assets/base.js

const IN_FOLDER = location.protocol === "file:"; // the zipped course

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
  for (const { target } of entries) {
    const box = target.closest(SCROLLERS);
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.role = box.matches("figure") ? null : "group";
      box.ariaLabel = "Scrolls sideways";
    } else {
      box.removeAttribute("tabindex");
    }
  }
});

function mend(element) {
  if (element.matches(SCROLLERS)) {
    sizes.observe(element);
    sizes.observe(element.firstElementChild ?? element); // a formula grows when its font arrives
  } else if (element.matches(".md-code__nav")) {
    element.role = "presentation"; // a button beside each block of code: fifty landmarks would be no landmarks
  }
}

addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(`${SCROLLERS}, .md-code__nav`).forEach(mend);
  const added = new MutationObserver((changes) =>
    changes.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node instanceof Element).forEach(mend),
  );
  added.observe(document.querySelector(".md-content"), { childList: true, subtree: true });
});

// Figures below the screen are drawn one by one, when the browser has time: a copy or a picture of the page has them all.
addEventListener("load", () => {
  const figures = [...document.querySelectorAll(".figure svg")];
  const whenIdle = window.requestIdleCallback ?? setTimeout;
  whenIdle(function draw() {
    const next = figures.shift();
    if (next) {
      next.style.contentVisibility = "visible";
      whenIdle(draw);
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
