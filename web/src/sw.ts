/// <reference lib="webworker" />
/** The Service Worker: keeps the whole page at install, and answers from what it keeps. A new version is
 *  taken when the last tab of the old one is closed, so that no page mixes two. */
declare const self: ServiceWorkerGlobalScope;
/** Put here by the build: a digest of all files, and their names. */
declare const VERSION: string;
declare const FILES: readonly string[];

const PREFIX = "tidegate-playground-";
const CACHE = PREFIX + VERSION;

self.addEventListener("install", (event) => {
  // past the HTTP cache, which may have files of an older version
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })))));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)))));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || new URL(event.request.url).origin !== self.location.origin) return;
  event.respondWith((async () => {
    const cache = await caches.open(CACHE);
    const kept = await cache.match(event.request.mode === "navigate" ? "./" : event.request, { ignoreSearch: true });
    return kept ?? fetch(event.request);
  })());
});
