// What the core of the package does with what it is given, good and bad.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { test } from "node:test";
import { crc32 } from "node:zlib";

import { Facts, Gate, GateSession, Policy, PolicyError, TidegateError, capabilities, gateStream, gateText, init, replay } from "tidegate";
import initKernel, { WasmStreamingKernel } from "tidegate/kernel";

await init();
await initKernel();

/** Where the sum of a compiled policy stands. */
const HEAD = "tidegate compiled policy 1\n".length;
const FACTS = "The museum opens at 9 and closes at 5.";
const BY_FACTS = 'version = 1\n[[halt]]\nname = "facts"\nscore.from = "facts"\n';
const BLEND = 'version = 1\nmodels.embed.path = "x"\n[[halt]]\nname = "blend"\nscore = { from = "blend", blend = { bias = -0.2, weights = { facts = 1.1, embed = 0.4, host = 0.3 } } }\n';
const BY_HOST = 'version = 1\n[[halt]]\nscore = { from = "host", at = "claim" }\n';
const MASK = 'version = 1\n[[text]]\nregex = "sk-[a-z]{8}"\naction = "mask"\nreplacement = "[key]"\n';

/** That a call throws an error of this class with this code and these words. */
function refuses(call, code, words, kind = TidegateError) {
  assert.throws(call, (error) => {
    assert.ok(error instanceof kind, String(error));
    assert.equal(error.code, code, String(error));
    assert.match(error.message, words);
    return true;
  });
}

test("a wrong claim halts, and what was before it has left", () => {
  const gate = new Gate(BY_FACTS, { facts: FACTS, record: true });
  let shown = "";
  const events = [];
  for (const delta of ["The museum ope", "ns at 9. It clos", "es at 4. Tickets", " are free."]) {
    const step = gate.push(delta);
    shown += step.text;
    events.push(...step.events);
  }
  shown += gate.finish().text;
  assert.equal(shown, "The museum opens at 9.");
  const { open, halted } = gate.verdict();
  assert.deepEqual([open, halted.check, halted.code, halted.index, halted.finding], [false, "facts", "hard_limit", 1, "contradicted"]);
  assert.deepEqual(events.map(({ event }) => event), ["scored", "passed", "scored", "halted"]);
  assert.deepEqual(events[2].evidence.unmatched, ["4"]);
  assert.equal(gate.push("more").text, "", "a halt is for good");
  assert.deepEqual(replay(gate.trace()), [halted]);
  assert.equal(gate.trace(), "", "records are given once");
});

test("a secret cut over deltas is masked, and what may begin one is held", () => {
  const gate = new Gate(MASK);
  const shown = ["My task: s", "k-abcd", "efgh", "!"].map((delta) => [gate.push(delta).text, gate.held()]);
  assert.deepEqual(shown, [["My task: ", 1], ["", 7], ["[key]", 0], ["!", 0]]);
  assert.deepEqual(new Gate(MASK).push("sk-abcdefgh").releases.map(({ text, start, end, masked }) => [text, start, end, masked]), [["[key]", 0, 11, true]]);
});

test("claims are asked for and answered in any order", () => {
  const gate = new Gate(BY_HOST);
  gate.push("One is so. Two is so. Three is not. The next");
  const [one, two, three, ...none] = gate.requests();
  assert.deepEqual([one.text.trim(), two.text.trim(), three.text.trim(), none.length], ["One is so.", "Two is so.", "Three is not.", 0]);
  assert.equal(gate.resolve(two.id, 0.9).text, "");
  assert.equal(gate.resolve(one.id, { score: 0.8, finding: "supported" }).text, "One is so. Two is so.");
  assert.equal(gate.resolve(two.id, 0.1).text, "", "the first answer stands");
  const last = gate.resolve(three.id, { error: "late" });
  assert.deepEqual([last.halted, gate.verdict().halted.code], [true, "late_score"]);
});

test("sessions keep deadlines and order", async () => {
  const policy = `${BY_HOST.replace("}", ", deadline_ms = 50 }")}`;
  const halts = [];
  let shown = "";
  const session = new GateSession(policy, {
    scorers: { host: (claim) => (claim.index < 2 ? new Promise((done) => setTimeout(done, 20 - 10 * claim.index, 0.9)) : new Promise(() => {})) },
    onStep: (step) => (shown += step.text),
    onHalt: (halted) => halts.push(halted.code),
  });
  session.push("One is so. Two is so. Three hangs. ");
  await session.finish();
  assert.deepEqual([shown, halts], ["One is so. Two is so.", ["late_score"]]);
  session.free();
  session.free();
});

test("a scorer that throws, answers nonsense or is not there has a named outcome", async () => {
  for (const [scorers, code, reason] of [
    [{ host: () => { throw new Error("no model"); } }, "scorer_error", /no model/],
    [{ host: async () => "high" }, "scorer_error", /expected a number or an object/],
    [{ host: () => ({ score: 0.9, finding: "odd" }) }, "scorer_error", /finding/],
    [{ host: () => 1.5 }, "invalid_score", /1\.5/],
    [{ host: () => NaN }, "invalid_score", /NaN/],
    [{}, "missing_score", /./],
  ]) {
    const session = new GateSession(BY_HOST, { scorers });
    session.push("One is so. And");
    await session.finish();
    const { halted } = session.gate.verdict();
    assert.equal(halted.code, code);
    assert.match(halted.reason, reason);
    session.free();
  }
});

test("a blend asks for the parts that are not scored here", async () => {
  const scored = (gate, claim) => {
    const seen = [];
    const step = gate.push(claim);
    seen.push(...step.events, ...gate.finish().events);
    return seen;
  };
  const text = "The museum opens at 9.";
  const [{ score: ofFacts }] = scored(new Gate(BY_FACTS, { facts: FACTS }), text).filter(({ event }) => event === "scored");
  const logit = (score) => Math.log(score / (1 - score));
  const expected = 1 / (1 + Math.exp(0.2 - 1.1 * logit(ofFacts) - 0.4 * logit(0.8) - 0.3 * logit(0.7)));
  const asked = [];
  const events = [];
  const session = new GateSession(BLEND, {
    facts: FACTS,
    scorers: {
      embed: async ({ source, text }) => (asked.push([source, text]), 0.8),
      host: ({ source, text }) => (asked.push([source, text]), 0.7),
    },
    onStep: (step) => events.push(...step.events),
  });
  session.push(text);
  await session.finish();
  const [{ score, evidence }] = events.filter(({ event }) => event === "scored");
  assert.ok(Math.abs(score - expected) < 1e-9, `${score}, expected ${expected}`);
  assert.equal(evidence.finding, "supported");
  assert.deepEqual(asked.sort(), [["embed", text], ["host", text]]);

  const lacking = new GateSession(BLEND, { facts: FACTS, scorers: { host: () => 0.7 } });
  lacking.push(text);
  await lacking.finish();
  const { code, reason } = lacking.gate.verdict().halted;
  assert.equal(code, "missing_score");
  assert.match(reason, /`embed`/);
});

test("streams and generators of text end at a halt", async () => {
  const deltas = ["The museum opens at 9. ", "It closes at 4. ", "Tickets are free."];
  const halts = [];
  const options = { facts: FACTS, onHalt: ({ check }) => halts.push(check) };
  let isClosed = false;
  async function* source() {
    try {
      yield* deltas;
    } finally {
      isClosed = true;
    }
  }
  let shown = "";
  for await (const text of gateText(source(), BY_FACTS, options)) shown += text;
  assert.deepEqual([shown, halts, isClosed], ["The museum opens at 9.", ["facts"], true]);
  shown = "";
  const readable = new ReadableStream({ start: (to) => (deltas.forEach((it) => to.enqueue(it)), to.close()) });
  for await (const text of readable.pipeThrough(gateStream(BY_FACTS, options))) shown += text;
  assert.deepEqual([shown, halts], ["The museum opens at 9.", ["facts", "facts"]]);
});

test("facts are read, kept and read again", () => {
  const facts = new Facts("# Hours\n\nThe museum opens at 9.\n", { format: "markdown", source: "hours.md" });
  const before = facts.size;
  facts.add("Tickets cost 12 euros.");
  assert.equal(facts.size, before + 1);
  const again = Facts.fromBytes(facts.toBytes());
  assert.equal(again.size, facts.size);
  const gate = new Gate(BY_FACTS, { facts: again });
  gate.push("Tickets cost 15 euros. Next");
  assert.equal(gate.verdict().open, false);
  refuses(() => Facts.fromBytes(new Uint8Array([1, 2, 3])), "bad_facts", /./);
  refuses(() => new Facts(new Uint8Array([0xff, 0xfe])), "bad_facts", /./);
  refuses(() => new Facts("a\0b"), "bad_facts", /not text/);
});

test("logprobs of tokens are scores", () => {
  const policy = 'version = 1\n[[halt]]\nscore = { from = "logprob", at = "token" }\n';
  const gate = new Gate(policy);
  const tokens = [{ text: "Grüße", logprob: -0.01 }, { text: " all", logprob: -0.02 }];
  assert.equal(gate.push("Grüße all", { tokens }).text, "Grüße all");
  assert.equal(gate.push(" x", { tokens: [{ text: " x", logprob: -3 }] }).halted, true);
  refuses(() => new Gate(policy).push("abc", { tokens: [{ text: "ab", logprob: 0 }] }), "bad_argument", /2 bytes, the text 3/);
});

test("a policy that cannot be used says where and what to do", () => {
  refuses(() => new Policy("version = 1\n[[halt]]\nhard_limt = 1\n"), "bad_policy", /unknown field `hard_limt`/, PolicyError);
  try {
    new Policy("version = 1\n[[halt]]\nhard_limt = 1\n");
  } catch (error) {
    assert.deepEqual([error.line, error.column, error.help], [3, 1, "did you mean `hard_limit`?"]);
  }
  refuses(() => new Policy({ version: 2 }), "bad_policy", /`version` is `2`/, PolicyError);
  refuses(() => new Policy("version: 1", "xml"), "bad_argument", /format/);
  refuses(() => new Policy(7), "bad_argument", /the number 7/);
  refuses(() => new Policy({ version: 1n }), "bad_argument", /no JSON/);
  assert.equal(new Policy("version: 1\nhalt:\n  - score: { from: host }\n", "yaml").toJSON().halt[0].score.from, "host");
  assert.match(new Policy("version = 1").notices[0], /no check enforces/);
});

test("a policy is compiled, kept and loaded again: it decides the same", () => {
  const source = `${MASK}[[halt]]\nname = "facts"\nscore.from = "facts"\n`;
  const policy = new Policy(source);
  const [document, bytes] = [policy.toJSON(), policy.toBytes()];
  const loaded = [bytes, bytes.buffer, Buffer.concat([Buffer.from("ab"), bytes]).subarray(2)].map((from) => Policy.fromBytes(from));
  assert.deepEqual(loaded.map((it) => it.notices), [[], [], []]);
  for (const it of [policy, ...loaded]) {
    assert.deepEqual(it.toJSON(), document);
    assert.deepEqual(it.toBytes(), bytes);
    const gate = new Gate(it, { facts: FACTS, record: true });
    it.free();
    const shown = gate.push("Use sk-abcdefgh. The museum opens at 7.").text + gate.finish().text;
    assert.deepEqual([shown, gate.verdict().halted.code], ["Use [key].", "hard_limit"]);
    assert.deepEqual(replay(gate.trace()), [gate.verdict().halted]);
    gate.free();
  }
  refuses(() => policy.toBytes(), "bad_handle", /stands for nothing/);
  assert.equal(bytes.length > 0 && Policy.fromBytes(bytes).toJSON().version, 1, "a copy: it outlives its policy");
});

test("bytes that are no compiled policy are named, and the module goes on", () => {
  for (const bytes of [undefined, null, 7, "tidegate", {}, [1], new Uint16Array(4), new DataView(new ArrayBuffer(4))]) {
    refuses(() => Policy.fromBytes(bytes), "bad_argument", /`bytes` is .*expected a Uint8Array or an ArrayBuffer/);
  }
  const damaged = (bytes) => refuses(() => Policy.fromBytes(bytes), "bad_policy", /no compiled policy/, PolicyError);
  const bytes = new Policy(MASK).toBytes();
  for (let len = 0; len < bytes.length; len += 1) damaged(bytes.slice(0, len));
  damaged(new Uint8Array([...bytes, 0]));
  damaged(new TextEncoder().encode(MASK));
  damaged(randomFillSync(new Uint8Array(1 << 20)));
  // with the sum made right again, what is flipped is looked at for itself: it may be another policy
  let others = 0;
  for (let at = 0; at < bytes.length * 8; at += 1) {
    const flipped = bytes.slice();
    flipped[at >> 3] ^= 1 << (at & 7);
    damaged(flipped);
    new DataView(flipped.buffer).setUint32(HEAD, crc32(flipped.subarray(HEAD + 4)), true);
    try {
      const policy = Policy.fromBytes(flipped);
      others += 1;
      const gate = new Gate(policy);
      gate.push("My task: sk-abcdefgh!");
      gate.finish();
      gate.free();
      policy.free();
    } catch (error) {
      assert.ok(["bad_policy", "not_ready", "lacks"].includes(error.code), `bit ${at}: ${error.code}: ${error.message}`);
    }
  }
  assert.ok(others > 0);
  assert.equal(new Gate(Policy.fromBytes(bytes)).push("sk-abcdefgh").text, "[key]");
});

test("a check that this build cannot run is an error, not a silence", () => {
  refuses(() => new Gate(BY_FACTS), "not_ready", /the check `facts` takes its scores from `facts`.*give the gate facts/);
  refuses(() => new Gate(BLEND), "not_ready", /the check `blend` blends `facts`: give the gate facts/);
  assert.deepEqual(
    { ...capabilities(), version: undefined },
    { version: undefined, simd: false, policies: true, wire: true, text: true, facts: true, formats: true },
  );
});

test("wrong types, half pairs and great lengths are named", () => {
  const gate = new Gate(MASK);
  for (const text of [undefined, null, 7, {}, ["a"], Symbol("a")]) refuses(() => gate.push(text), "bad_argument", /`text` is .*expected a string/);
  for (const text of ["\ud800", "a\udc00b", `${"x".repeat(100)}\ud83d`]) refuses(() => gate.push(text), "bad_text", /half of a surrogate pair/);
  assert.equal(gate.push("😀").text, "😀");
  refuses(() => gate.pushBytes("abc"), "bad_argument", /`bytes` is a string/);
  refuses(() => gate.pushBytes(new Uint8Array(2 ** 31)), "bad_length", /at most 1073741824 bytes, not 2147483648/);
  for (const channel of ["", "Content", "tool", "tool:", "tool:-1", "tool:01", 7]) refuses(() => gate.push("a", { channel }), "bad_argument", /channel/);
  for (const choice of [-1, 1.5, NaN, 2 ** 32, "0"]) refuses(() => gate.push("a", { choice }), "bad_argument", /choice/);
  refuses(() => gate.push("a", { score: "0.9" }), "bad_argument", /score/);
  refuses(() => gate.resolve(99, 0.5), "unknown_request", /`99`/);
  refuses(() => gate.resolve(0, null), "bad_argument", /answer/);
  refuses(() => gate.trace(), "bad_argument", /no records/);
  refuses(() => replay("{}"), "bad_trace", /line 1/);
  assert.equal(gate.push("", { channel: "tool:3" }).text, "");
});

test("calls after free are errors, also where another object took the place", () => {
  const gate = new Gate(MASK);
  gate.free();
  const other = new Gate(MASK);
  for (const call of [() => gate.push("a"), () => gate.finish(), () => gate.verdict(), () => gate.free(), () => gate.requests()]) {
    refuses(call, "bad_handle", /stands for nothing/);
  }
  assert.equal(other.push("a").text, "a");
  other.free();
  const policy = new Policy(MASK);
  policy.free();
  refuses(() => new Gate(policy), "bad_handle", /stands for nothing/);
});

test("gates of one module do not meet", () => {
  const policy = new Policy(MASK);
  const gates = Array.from({ length: 100 }, () => new Gate(policy));
  policy.free();
  const secret = "x sk-abcdefgh y";
  const shown = gates.map(() => "");
  for (const letter of secret) gates.forEach((gate, at) => (shown[at] += gate.push(letter).text));
  gates.forEach((gate, at) => (shown[at] += gate.finish().text));
  assert.deepEqual(new Set(shown), new Set(["x [key] y"]));
  for (const gate of gates) gate.free();
});

test("memory that cannot grow is named, and a module that died says so ever after", () => {
  const script = `
    import { Gate, init } from "tidegate";
    await init();
    const gate = new Gate("version = 1\\n[limits]\\nhold_bytes_max = 1073741824\\n[[halt]]\\nscore = { from = 'host', at = 'claim' }\\n");
    const codes = [];
    const attempt = (call) => { try { call(); codes.push("ok"); } catch (error) { codes.push(error.code); } };
    attempt(() => gate.push("x".repeat(64 << 20)));
    attempt(() => gate.push("still here"));
    for (let at = 0; at < 200 && codes.at(-1) === "ok"; at += 1) attempt(() => gate.push("word ".repeat(50_000)));
    attempt(() => gate.push("a"));
    attempt(() => new Gate("version = 1"));
    console.log(JSON.stringify([codes.slice(0, 2), codes.slice(-3)]));
  `;
  const ran = spawnSync(process.execPath, ["--wasm-max-mem-pages=256", "--input-type=module", "-e", script], { encoding: "utf8" });
  assert.equal(ran.stderr, "");
  assert.deepEqual(JSON.parse(ran.stdout), [["no_memory", "ok"], ["broken", "broken", "broken"]]);
});

test("the kernel: what it is given and what it says", () => {
  const kernel = new WasmStreamingKernel(JSON.stringify({ hard_limit: 0.4, w_logic: 1 }));
  const result = kernel.process_token("a", 0.9);
  kernel.process_token("b", 0.55);
  assert.deepEqual([result.halted, result.halt_index, kernel.is_active()], [false, undefined, true]);
  kernel.process_token("c", 0.3);
  kernel.process_token("d", 1);
  assert.deepEqual(
    [result.halted, result.halt_index, result.halt_reason, result.tokens, result.coherence_history, result.warning_count],
    [true, 2, "hard_limit (0.3000 < 0.4)", ["a", "b", "c"], [0.9, 0.55, 0.3], 1],
  );
  assert.deepEqual(result.events.map(({ halted, warning }) => [halted, warning]), [[false, false], [false, true], [true, false]]);
  assert.equal(kernel.get_session(), result);
  assert.equal(kernel.is_active(), false);
  kernel.free();
  for (const call of [() => kernel.push(1), () => kernel.process_token("a", 1), () => kernel.is_active(), () => kernel.free()]) {
    refuses(call, "bad_handle", /freed/);
  }
  refuses(() => new WasmStreamingKernel("{"), "bad_config", /no JSON/);
  refuses(() => new WasmStreamingKernel("[]"), "bad_argument", /an array/);
  refuses(() => new WasmStreamingKernel().process_token(7, 1), "bad_argument", /token/);
  refuses(() => new WasmStreamingKernel().process_token("a", "1"), "bad_argument", /score/);
  for (const [value, text] of [[NaN, "NaN"], [Infinity, "inf"], [-1e-8, "-0.00000001"], [1.5e300, "1.5e300"], [12345.678, "12345.678"], [-2.5e-10, "-2.5e-10"], [1e9, "1e9"]]) {
    assert.equal(new WasmStreamingKernel().process_token("a", value).halt_reason, `invalid_score (${text})`);
  }
});
