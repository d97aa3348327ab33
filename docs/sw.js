// The service worker: what was opened once can be read again without a network. With a network, everything comes from it.

"use strict";

const CACHE = "convnets-checked";
const PATIENCE = 3000; // milliseconds that a page may take to arrive before a kept copy is shown

const OFFLINE = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>No network - ConvNets, Checked</title><h1>No network</h1>
<p>This page is not kept in this browser. What you have opened before is, the <a href="./">home page</a> for one.</p></html>`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const ours = (address) => address.startsWith(self.registration.scope);

/** Keep the files at these addresses, unless they are kept already. */
async function keep(addresses) {
  const cache = await caches.open(CACHE);
  for (const address of addresses.map((each) => each.split("#")[0]).filter(ours)) {
    if (!(await cache.match(address))) {
      await cache.add(address).catch(() => {}); // what cannot be had now is kept when it is opened next
    }
  }
}

/** The answer of the network, which is kept; a kept one when there is no network or it takes too long. */
async function answer(event) {
  const { request } = event;
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  const fetched = fetch(request).then((response) => {
    if (response.ok) {
      event.waitUntil(cache.put(request.url.split("?")[0], response.clone()));
    }
    return response;
  });
  if (kept) {
    const late = new Promise((resolve) => setTimeout(() => resolve(kept), PATIENCE));
    return Promise.race([fetched.catch(() => kept), late]);
  }
  return fetched.catch(() => {
    if (request.mode !== "navigate") {
      return Response.error();
    }
    const page = OFFLINE.replace("./", self.registration.scope);
    return new Response(page, { status: 503, headers: { "Content-Type": "text/html; charset=utf-8" } });
  });
}

self.addEventListener("message", (event) => event.waitUntil(keep(event.data)));

self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && ours(event.request.url)) {
    event.respondWith(answer(event));
  }
});
