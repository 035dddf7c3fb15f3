import assert from "node:assert/strict";
import test from "node:test";
import { openBrowser } from "./browser.js";
import { assertRow, line, page, serviceWorker, worker } from "./hosts.js";
import { serve } from "./server.js";

for (const [where, run] of [["a page", page], ["a dedicated Worker", worker], ["a Service Worker, offline", serviceWorker]]) {
  test(`the contract cases in ${where} of Chromium`, { timeout: 300_000 }, async (t) => {
    for (const row of [await run()].flat()) {
      t.diagnostic(line(row));
      assertRow(row);
    }
  });
}

// the policy of a page's content must let WebAssembly be compiled, and no more than that
for (const [sources, result] of [["'self' 'wasm-unsafe-eval'", "all pass"], ["'self'", "bad_module"]]) {
  test(`a page with the content security policy script-src ${sources}`, { timeout: 120_000 }, async (t) => {
    const server = await serve({
      routes: {
        "/csp.html": `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'self'; script-src ${sources}">`
          + '<link rel="icon" href="data:,"><script type="module" src="/csp.js"></script>',
        "/csp.js": `import { run } from "/test/host/browser.js";
          globalThis.result = await run().then(
            ({ problems, cases }) => (cases > 0 && problems.length === 0 ? "all pass" : JSON.stringify(problems)),
            (error) => error.code);`,
      },
    });
    t.after(() => server.close());
    const browser = await openBrowser();
    t.after(() => browser.close());
    const tab = await browser.context.newPage();
    await tab.goto(`${server.url}/csp.html`);
    await tab.waitForFunction(() => globalThis.result);
    assert.equal(await tab.evaluate(() => globalThis.result), result);
  });
}
