// The ten lines of a user, for Vite and webpack.
import { Gate, init } from "tidegate";
import { connectGate } from "tidegate/worker";

const policy = { version: 1, text: [{ use: ["email"], action: "mask", replacement: "***" }] };
await init();
const here = new Gate(policy);
const worker = new Worker(new URL("tidegate/worker-entry", import.meta.url), { type: "module" });
const far = { text: "" };
const there = await connectGate(worker, policy, { onStep: ({ text }) => { far.text += text; } });
await there.push("write to b@example.org!");
await there.finish();
globalThis.result = { here: here.push("write to a@example.org!").text + here.finish().text, there: far.text };
