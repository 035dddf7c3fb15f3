// The checks of `worker-checks.js` in Deno and Bun, whose Workers are as a browser's. Prints what came of them.
import * as tidegate from "tidegate";
import { connectGate, serveGates } from "tidegate/worker";
import { workerChecks } from "../worker-checks.js";

await tidegate.init();
const workers = [];
const start = (file, name) => {
  const worker = new Worker(new URL(`../${file}`, import.meta.url), { type: "module", name });
  // an error that nobody hears ends Deno
  worker.addEventListener("error", (event) => event.preventDefault());
  workers.push(worker);
  return worker;
};
const outcomes = await workerChecks({
  connectGate, tidegate: { ...tidegate, serveGates }, start, stop: (worker) => worker.terminate(),
});
for (const worker of workers) worker.terminate();
console.log(JSON.stringify(outcomes));
globalThis.process.exit(0);
