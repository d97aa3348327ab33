// A button on the home page keeps the whole course in this browser, to be read without a network. See docs/sw.js.

"use strict";

/** What a page or a style sheet loads, as addresses: styles, scripts, pictures, the font of the formulas. */
function needs(text, type, address) {
  if (type.startsWith("text/css")) {
    return [...text.matchAll(/url\("?([^)"]+)/g)].map(([, link]) => link).filter((link) => !/^(data:|#)/.test(link));
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  const marks = 'link[rel="stylesheet"], link[rel="icon"], script[src], img[src]:not([src^="data:"])';
  const later = [...page.querySelectorAll("script[data-later]")].flatMap((script) =>
    script.dataset.later.split(" ").map((file) => new URL(file, new URL(script.getAttribute("src"), address)).href),
  );
  return [...later, ...[...page.querySelectorAll(marks)].map((tag) => tag.getAttribute("href") ?? tag.getAttribute("src"))];
}

/** The addresses of all pages below this one; the sitemap has them as they are where the course is published. */
async function pagesOfSite() {
  const response = await fetch(new URL("sitemap.xml", __md_scope));
  const sitemap = new DOMParser().parseFromString(await response.text(), "text/xml");
  const places = [...sitemap.querySelectorAll("loc")].map(({ textContent }) => textContent);
  const home = Math.min(...places.map(({ length }) => length));
  return places.map((place) => new URL(place.slice(home), __md_scope).href);
}

/** Fetch everything: what passes the service worker is kept. `tell(done, all)` hears how far it is. */
async function fetchAll(tell) {
  const { search } = JSON.parse(document.getElementById("__config").textContent);
  const index = [search, "search/search_index.json"].map((path) => new URL(path, __md_scope).href);
  const found = new Set([...(await pagesOfSite()), ...index]);
  let done = 0;
  for (const address of found) {
    tell(done, found.size);
    const response = await fetch(address);
    if (!response.ok) {
      throw new Error(`${address} could not be fetched (${response.status})`);
    }
    const type = response.headers.get("Content-Type") ?? "";
    if (/^text\/(html|css)/.test(type)) {
      const more = needs(await response.text(), type, address);
      more.forEach((link) => found.add(new URL(link, address).href)); // a Set hands out what is added on the way
    }
    done += 1;
  }
  return done;
}

if ("serviceWorker" in navigator) {
  const button = element("button", { type: "button" }, "Keep the whole course in this browser");
  const said = element("span", { role: "status" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await navigator.serviceWorker.ready;
      const files = await fetchAll((done, all) => {
        button.textContent = `Keeping file ${done} of ${all} …`;
      });
      said.textContent = `Kept: ${files} files. You can read on without a network.`;
    } catch (problem) {
      said.textContent = `Stopped: ${problem.message}. What has arrived is kept; press the button to go on.`;
    }
    button.textContent = "Keep the whole course in this browser";
    button.disabled = false;
    button.focus();
  });
  document.getElementById("offline").append(button, " ", said);
}
