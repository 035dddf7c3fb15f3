import test from "node:test";
import { assertRow, line, page, serviceWorker, worker } from "./hosts.js";

for (const [where, run] of [["a page", page], ["a dedicated Worker", worker], ["a Service Worker, offline", serviceWorker]]) {
  test(`the contract cases in ${where} of Chromium`, { timeout: 300_000 }, async (t) => {
    for (const row of [await run()].flat()) {
      t.diagnostic(line(row));
      assertRow(row);
    }
  });
}
