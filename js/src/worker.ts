/**
 * Gates in a Worker: deciding and scoring off the thread that shows the page.
 *
 *     import { connectGate } from "tidegate/worker";
 *
 *     const worker = new Worker(new URL("tidegate/worker-entry", import.meta.url), { type: "module" });
 *     const gate = await connectGate(worker, policy, { onStep: ({ text }) => show(text) });
 *     for await (const delta of deltas) await gate.push(delta);
 *     await gate.finish();
 *
 * A Worker with scorers of its own is a file that calls `serveGates(undefined, { scorers })`.
 */
export { connectGate, WorkerGate } from "./connect.js";
export type { ConnectOptions, GateWorker } from "./connect.js";
export type { GateStep } from "./messages.js";
export { serveGates } from "./serve.js";
export type { ServeOptions, ServePort } from "./serve.js";
