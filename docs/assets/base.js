// What must run before the theme's own script.
"use strict";

// The theme writes these four names into every page as an inline script; the Content-Security-Policy allows files only.
const scopeOfSite = new URL("../", document.currentScript.src); // this file is <site>/assets/base.js

window.__md_scope = scopeOfSite;

window.__md_hash = (text) => [...text].reduce((hash, letter) => (hash << 5) - hash + letter.charCodeAt(0), 0);

window.__md_get = (key, storage = localStorage, scope = scopeOfSite) =>
  JSON.parse(storage.getItem(`${scope.pathname}.${key}`));

window.__md_set = (key, value, storage = localStorage, scope = scopeOfSite) => {
  try {
    storage.setItem(`${scope.pathname}.${key}`, JSON.stringify(value));
  } catch {
    // A browser may refuse to store anything; the page works without.
  }
};

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
  if (this.isSearchIndex) {
    searchBegins.then(() => send.apply(this, body));
  } else {
    send.apply(this, body);
  }
};
