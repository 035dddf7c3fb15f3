import assert from "node:assert/strict";
import test from "node:test";
import { Worker } from "node:worker_threads";
import * as tidegate from "tidegate";
import { connectGate, serveGates } from "tidegate/worker";
import { openBrowser } from "./browser.js";
import { inBun, inDeno } from "./hosts.js";
import { serve } from "./server.js";
import { workerChecks } from "./worker-checks.js";

function assertChecks(outcomes) {
  const problems = outcomes.filter(({ problem }) => problem).map(({ name, problem }) => `${name}: ${problem}`);
  assert.deepEqual(problems, []);
  assert.equal(outcomes.length, 20);
}

test("gates in Node's worker_threads", { timeout: 120_000 }, async () => {
  await tidegate.init();
  const workers = [];
  const start = (file, name) => {
    const worker = new Worker(new URL(file, import.meta.url), { workerData: name });
    worker.on("error", () => undefined);
    workers.push(worker);
    return worker;
  };
  const outcomes = await workerChecks({
    connectGate, tidegate: { ...tidegate, serveGates }, start, stop: (worker) => worker.terminate(),
  });
  await Promise.all(workers.map((worker) => worker.terminate()));
  assertChecks(outcomes);
});

for (const [name, run] of [["Deno", inDeno], ["Bun", inBun]]) {
  test(`gates in a Worker of ${name}`, { timeout: 120_000 }, async () => assertChecks(await run("worker-command.js")));
}

test("gates in a dedicated Worker of Chromium", { timeout: 120_000 }, async (t) => {
  const server = await serve();
  t.after(() => server.close());
  const browser = await openBrowser();
  t.after(() => browser.close());
  const page = await browser.context.newPage();
  await page.goto(`${server.url}/test/host/page.html`);
  const outcomes = await page.evaluate(async () => {
    const [tidegate, { connectGate, serveGates }, { workerChecks }] = await Promise.all([
      import("/dist/index.js"), import("/dist/worker.js"), import("/test/worker-checks.js"),
    ]);
    await tidegate.init();
    const workers = [];
    const start = (file, name) => {
      const worker = new Worker(new URL(`/test/${file}`, location.href), { type: "module", name });
      workers.push(worker);
      return worker;
    };
    const outcomes = await workerChecks({
      connectGate, tidegate: { ...tidegate, serveGates }, start, stop: (worker) => worker.terminate(),
    });
    for (const worker of workers) worker.terminate();
    return outcomes;
  });
  assertChecks(outcomes);
});
