// The cases in a Service Worker, from its cache alone: it keeps the package, the cases and the page
// when it is installed, and after that the server may be gone. Served as `/sw.js`.
import * as tidegate from "./dist/index.js";
import * as kernel from "./dist/kernel.js";
import { runHost } from "./test/host/run.js";

const CACHE = "tidegate-cases";

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const files = await (await fetch("/files.json")).json();
    await (await caches.open(CACHE)).addAll([...files, "/cases.json"]);
  })());
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  event.respondWith((async () => (await caches.match(event.request)) ?? fetch(event.request))());
});

// a Service Worker's own `fetch` does not pass through its cache: the module is handed in
const bytes = async (path) => (await caches.match(path)).arrayBuffer();

self.addEventListener("message", (event) => {
  const [port] = event.ports;
  event.waitUntil((async () => {
    try {
      const files = await (await caches.match("/cases.json")).json();
      const modules = [await bytes("/dist/tidegate.wasm"), await bytes("/dist/tidegate-kernel.wasm")];
      const result = await runHost(tidegate, kernel, files, () => {
        tidegate.initSync(modules[0]);
        kernel.initSync(modules[1]);
      });
      port.postMessage({ result });
    } catch (error) {
      port.postMessage({ error: String(error?.stack ?? error) });
    }
  })());
});
