// The same for esbuild, which knows neither `new URL(…, import.meta.url)` nor Workers: the module is
// imported as a file, and the Worker is an entry point of its own.
import { Gate, init } from "tidegate";
import { connectGate } from "tidegate/worker";
import wasm from "tidegate/tidegate.wasm";

const policy = { version: 1, text: [{ use: ["email"], action: "mask", replacement: "***" }] };
const module = new URL(wasm, import.meta.url);
await init(module);
const here = new Gate(policy);
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const far = { text: "" };
const there = await connectGate(worker, policy, { wasm: module, onStep: ({ text }) => { far.text += text; } });
await there.push("write to b@example.org!");
await there.finish();
globalThis.result = { here: here.push("write to a@example.org!").text + here.finish().text, there: far.text };
