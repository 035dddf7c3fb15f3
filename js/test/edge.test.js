// What the small module can and cannot do: nothing else is loaded here.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { Facts, Gate, GateSession, Policy, TidegateError, capabilities, gateText, init, replay } from "tidegate";
import { connectGate } from "tidegate/worker";

const MODULE = new URL("../dist/tidegate-edge.wasm", import.meta.url);
await init(MODULE);

const MASK = 'version = 1\n[[text]]\nregex = "sk-[a-z]{8}"\naction = "mask"\nreplacement = "[key]"\n';
const BY_FACTS = 'version = 1\n[[halt]]\nname = "facts"\nscore.from = "facts"\n';

/** Runs a script in a process with the full module; what it prints, as bytes. */
function elsewhere(script) {
  const code = `import { Facts, Policy, init } from "tidegate";\nawait init();\nprocess.stdout.write(${script});`;
  return execFileSync(process.execPath, ["--input-type=module", "-e", code], { maxBuffer: 1 << 28 });
}

const compiled = (policy) => Policy.fromBytes(elsewhere(`new Policy(${JSON.stringify(policy)}).toBytes()`));

/** That a call says by name that this build lacks what it needs. */
function lacks(call, words) {
  assert.throws(call, (error) => {
    assert.ok(error instanceof TidegateError, String(error));
    assert.deepEqual([error.code, words.test(error.message)], ["lacks", true], String(error));
    return true;
  });
}

test("it says what it can do", () => {
  assert.deepEqual(
    { ...capabilities(), version: undefined },
    { version: undefined, simd: false, policies: false, wire: false, text: true, facts: true, formats: false },
  );
});

test("what it lacks it says by name", async () => {
  const policy = compiled(BY_FACTS);
  for (const text of [MASK, "version: 1", '{"version": 1}', { version: 1 }]) {
    lacks(() => new Policy(text), /reads no policies/);
    lacks(() => new Gate(text), /reads no policies/);
  }
  const gate = new Gate(policy, { facts: "The museum opens at 9.", record: true });
  lacks(() => gate.pushBytes(new TextEncoder().encode("data: {}\n\n")), /reads no providers' streams/);
  gate.push("The museum opens at 9. ");
  const trace = gate.trace();
  lacks(() => replay(trace), /no traces/);
  for (const format of ["markdown", "csv", "jsonl"]) lacks(() => new Facts("# Hours\n\nIt opens at 9.\n", { format }), /plain text and saved facts only/);
  const session = new GateSession(policy, { facts: "The museum opens at 9." });
  lacks(() => session.pushBytes(new Uint8Array(1)), /reads no providers' streams/);
  session.free();
  assert.equal(gate.push("It opens at 9.").text + gate.finish().text, "The museum opens at 9. It opens at 9.", "and goes on");
  gate.free();
  policy.free();
});

test("it does what the full module does with policies and facts that were made ready", async () => {
  const facts = Facts.fromBytes(elsewhere('new Facts("# Hours\\n\\nThe museum opens at 9.\\n", { format: "markdown" }).toBytes()'));
  const policy = compiled(MASK + BY_FACTS.slice(BY_FACTS.indexOf("[[halt]]")));
  assert.equal(policy.toJSON().text[0].replacement, "[key]");
  assert.deepEqual(Policy.fromBytes(policy.toBytes()).toJSON(), policy.toJSON());
  let shown = "";
  const halts = [];
  const deltas = ["The museum opens at 9. Use sk-a", "bcdefgh. It op", "ens at 7. More."];
  for await (const text of gateText(deltas, policy, { facts, onHalt: ({ code }) => halts.push(code) })) shown += text;
  assert.deepEqual([shown, halts], ["The museum opens at 9. Use [key].", ["hard_limit"]]);
});

test("a Worker with the small module is sent policies compiled", { timeout: 60_000 }, async (t) => {
  const worker = new Worker(new URL("../dist/worker-entry.js", import.meta.url));
  t.after(() => worker.terminate());
  let shown = "";
  const gate = await connectGate(worker, compiled(MASK), { wasm: MODULE, onStep: ({ text }) => (shown += text) });
  await gate.push("My task: sk-abcdefgh!");
  await gate.finish();
  assert.equal(shown, "My task: [key]!");
  await assert.rejects(connectGate(worker, MASK), { code: "lacks" });
  gate.free();
});
