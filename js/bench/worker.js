// What a page feels of scoring: the same long answer gated in the page and in a Worker, in Chromium.
// Prints how long the page's thread was blocked at most, and how long it all took.
//
//     node bench/worker.js
import { openBrowser } from "../test/browser.js";
import { serve } from "../test/server.js";

const server = await serve();
const browser = await openBrowser();
try {
  const page = await browser.context.newPage();
  await page.goto(`${server.url}/test/host/page.html`);
  const rows = await page.evaluate(async () => {
    const [{ Facts, GateSession, init }, { connectGate }] = await Promise.all([import("/dist/index.js"), import("/dist/worker.js")]);
    await init();
    const facts = new Facts(Array.from({ length: 5_000 }, (_, at) =>
      `Bridge number ${at} opened in ${1800 + (at % 200)} and is ${100 + at} metres long.`).join(" "));
    const claims = Array.from({ length: 3_000 }, (_, at) => `Bridge number ${at % 5_000} opened in ${1800 + (at % 200)}. `);
    const policy = { version: 1, halt: [{ name: "facts", mode: "shadow", score: { from: "facts" } }] };

    /** How long the page's event loop stood still at most while `run` ran, and how long that was, in milliseconds. */
    const measure = async (where, run) => {
      const { port1, port2 } = new MessageChannel();
      let last = performance.now();
      let blocked = 0;
      port2.onmessage = () => {
        const now = performance.now();
        blocked = Math.max(blocked, now - last);
        last = now;
        port1.postMessage(0);
      };
      port1.postMessage(0);
      const start = performance.now();
      await run();
      const all = performance.now() - start;
      await new Promise((resolve) => setTimeout(resolve));
      port1.close();
      return { where, blocked, all };
    };
    const text = claims.join("");
    const pieces = text.match(/.{1,4}/gs); // tokens, or so
    const worker = new Worker("/dist/worker-entry.js", { type: "module" });
    let far = "";
    const connect = () => connectGate(worker, policy, { facts, onStep: (step) => { far += step.text; } });
    const [one, many, deltas] = [await connect(), new GateSession(policy, { facts }), await connect()];
    const rows = [
      await measure("page, one push", async () => {
        const session = new GateSession(policy, { facts });
        session.push(text);
        await session.finish();
      }),
      await measure("Worker, one push", async () => {
        await one.push(text);
        await one.finish();
      }),
      await measure(`page, ${pieces.length} pushes`, async () => {
        for (const piece of pieces) {
          many.push(piece);
          await many.ready();
        }
        await many.finish();
      }),
      await measure(`Worker, ${pieces.length} pushes`, async () => {
        for (const piece of pieces) await deltas.push(piece);
        await deltas.finish();
      }),
    ];
    if (far !== text + text) throw new Error("the Worker released something else");
    return rows;
  });
  console.log("| 3000 claims against 5000 facts | page blocked at most, ms | in all, ms |\n| --- | --- | --- |");
  for (const { where, blocked, all } of rows) console.log(`| ${where} | ${blocked.toFixed(1)} | ${all.toFixed(0)} |`);
} finally {
  await browser.close();
  await server.close();
}
