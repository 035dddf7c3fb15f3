// Chat completions, chunk by chunk and whole, through the gate.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ChatGate, Gate, gateChat, gateChatStream, init, Policy } from "tidegate";
import { BEFORE_WRONG, chunk, chunksOf, collect, example, HOST, MASK, NOTHING, recorded, said, slowScorer, wholeOf } from "./far-end.js";

/** Made once: 78 rules take a while to be made ready. */
let mask;
before(async () => {
  await init();
  mask = new Policy(MASK);
});

const FACTS = { facts: example("handbook.md") };
const facts = () => new Policy(example("facts.toml"));

async function* from(chunks, pause = 0) {
  for (const one of chunks) {
    if (pause) await sleep(pause);
    yield structuredClone(one);
  }
}

const gated = (chunks, policy, options) => collect(gateChatStream(from(chunks), policy, options));

const RECORDED = [
  "alibaba/alibaba-reasoning", "alibaba/alibaba-tool-call", "azure/azure-deepseek-reasoning.1", "cerebras/cererebras-structured-output-tools.1",
  "deepseek/deepseek-reasoning", "deepseek/deepseek-tool-call", "groq/groq-text", "groq/groq-tool-call", "mistral/mistral-incremental-tool-call",
  "mistral/mistral-text", "openai-compatible/xai-text", "openai-compatible/xai-tool-call", "openai/openai-text",
  "perplexity/perplexity-citations", "xai/xai-text",
];

for (const name of RECORDED) {
  test(`${name}: without checks every text, tool call, end and usage leaves`, async () => {
    const source = chunksOf(recorded(name));
    const left = await gated(source, NOTHING);
    assert.deepEqual(said(left), said(source));
    assert.deepEqual(left.flatMap((one) => one.usage ?? []).at(-1), source.flatMap((one) => one.usage ?? []).at(-1));
    const deltas = (chunks) => chunks.flatMap((one) => one.choices).map((choice) => choice.delta?.content).filter(Boolean);
    assert.deepEqual(deltas(left), deltas(source));
  });
}

test("what leaves of recorded streams is what leaves of their whole text", async () => {
  // rules that bite often, and across deltas
  const policy = new Policy({ version: 1, text: [{ name: "often", regex: "(?i)the [a-z]+|san francisco|weather|o[nfr] ", action: "mask", replacement: "#" }] });
  let bitten = 0;
  for (const name of RECORDED) {
    const source = chunksOf(recorded(name));
    const left = said(await gated(source, policy));
    const { content, reasoning, tools } = said(source);
    const whole = (text, channel) => {
      const gate = new Gate(policy);
      const released = [gate.push(text, { channel }), gate.finish()].flatMap((step) => step.releases).map((release) => release.text).join("");
      gate.free();
      return released;
    };
    assert.equal(left.content, whole(content, "content"), name);
    assert.equal(left.reasoning, whole(reasoning, "reasoning"), name);
    assert.deepEqual(left.tools.map((tool) => tool.arguments), tools.map((tool, at) => whole(tool.arguments, `tool:${at}`)), name);
    if (JSON.stringify(left).includes("#")) bitten += 1;
  }
  assert.ok(bitten >= 8, `the rules bite in ${bitten} of ${RECORDED.length}`);
});

test("a secret that is cut over several deltas is masked, in text and in a tool's arguments", async () => {
  const all = said(await gated(chunksOf(example("leak.sse")), mask));
  for (const secret of ["bob.hook@ferry.example", "5550", "4111", "ghp_", "Qr8Tu1"]) assert.ok(!all.content.includes(secret), secret);
  assert.match(all.content, /^Of course! Write to \[redacted\] or call \[redacted\]\. The booking was paid with \[redacted\], and the deploy token is \[redacted\]\. Bring ID\. Safe travels!$/);
  assert.equal(all.tools[0].id, "call_1");
  assert.equal(all.tools[0].name, "send_mail");
  const mail = JSON.parse(all.tools[0].arguments);
  assert.equal(mail.to, "[redacted]");
  assert.ok(!all.tools[0].arguments.includes("4111"));
  assert.equal(mail.text, "See you\non board");
  assert.equal(all.finish, "tool_calls");
});

test("a wrong answer is halted by the facts, and the source is left", async () => {
  let closed = false;
  const source = chunksOf(example("wrong.sse"));
  let read = 0;
  async function* endless() {
    try {
      for (const one of source) {
        read += 1;
        yield one;
      }
    } finally {
      closed = true;
    }
  }
  const controller = new AbortController();
  const left = await collect(gateChatStream(Object.assign(endless(), { controller }), facts(), FACTS));
  const all = said(left);
  assert.equal(all.content, BEFORE_WRONG);
  assert.equal(all.finish, "content_filter");
  assert.equal(all.halted.check, "facts");
  assert.equal(all.halted.channel, "content");
  assert.ok(controller.signal.aborted);
  assert.ok(closed && read < source.length, `${read} of ${source.length} chunks were read`);
});

test("a right answer leaves whole", async () => {
  const source = chunksOf(example("right.sse"));
  const all = said(await gated(source, facts(), FACTS));
  assert.equal(all.content, said(source).content);
  assert.equal(all.finish, "stop");
  assert.equal(all.halted, null);
});

test("a slow scorer: what it lets go leaves, what it rejects halts", async () => {
  const asked = [];
  const scorers = { host: (claim, signal) => (asked.push(claim.text), slowScorer(claim, signal)) };
  const all = said(await gated(chunksOf(example("wrong.sse")), HOST, { scorers }));
  assert.equal(all.content, BEFORE_WRONG);
  assert.equal(all.finish, "content_filter");
  assert.equal(all.halted.check, "host");
  assert.ok(asked.length >= 4);
});

test("what a score lets go leaves while the source is silent", async () => {
  async function* silent() {
    yield chunk({ role: "assistant", content: "The first ferry sails at 6:30. And then" });
    await sleep(2000, undefined, { ref: true });
    yield chunk({}, { finish: "stop" });
  }
  const started = Date.now();
  for await (const one of gateChatStream(silent(), HOST, { scorers: { host: slowScorer } })) {
    if (one.choices[0]?.delta.content?.includes("6:30.")) break;
  }
  assert.ok(Date.now() - started < 1500, `${Date.now() - started} ms`);
});

test("two answers: one is halted, the other goes on, and the source is not left", async () => {
  const wrong = said(chunksOf(example("wrong.sse"))).content.match(/.{1,7}/gs);
  const right = said(chunksOf(example("right.sse"))).content.match(/.{1,7}/gs);
  const source = [];
  for (let i = 0; i < Math.max(wrong.length, right.length); i += 1) {
    if (wrong[i]) source.push(chunk({ content: wrong[i] }, { index: 0 }));
    if (right[i]) source.push(chunk({ content: right[i] }, { index: 1 }));
  }
  source.push(chunk({}, { index: 0, finish: "stop" }), chunk({}, { index: 1, finish: "stop" }));
  source.push({ ...chunk({}), choices: [], usage: { total_tokens: 7 } });
  const left = await gated(source, facts(), { ...FACTS, n: 2 });
  assert.equal(said(left, 0).content, BEFORE_WRONG);
  assert.equal(said(left, 0).finish, "content_filter");
  assert.equal(said(left, 1).content, right.join(""));
  assert.equal(said(left, 1).finish, "stop");
  assert.equal(said(left, 1).halted, null);
  assert.deepEqual(left.at(-1).usage, { total_tokens: 7 });
});

test("text that is held at the end leaves before the end", async () => {
  const source = [chunk({ content: "Send it to bob@ferry.example" }), chunk({ content: ", or call +49" }), chunk({}, { finish: "stop", usage: { total_tokens: 3 } })];
  const left = await gated(source, mask);
  assert.equal(said(left).content, "Send it to [redacted], or call +49");
  const last = left.at(-1);
  assert.equal(last.choices[0].finish_reason, "stop");
  assert.deepEqual(last.usage, { total_tokens: 3 });
  assert.equal(left.filter((one) => one.choices.some((choice) => choice.finish_reason)).length, 1);
});

test("an end with text, and other answers, in one chunk", async () => {
  const both = { ...chunk({}), choices: [
    { index: 0, delta: { content: "One" }, finish_reason: "stop", logprobs: null },
    { index: 1, delta: { role: "assistant", content: "Two" }, finish_reason: null, logprobs: null },
  ] };
  const left = await gated([both, chunk({ content: "!" }, { index: 1 }), chunk({}, { index: 1, finish: "length" })], NOTHING);
  assert.deepEqual([said(left, 0).content, said(left, 0).finish], ["One", "stop"]);
  assert.deepEqual([said(left, 1).content, said(left, 1).finish], ["Two!", "length"]);
});

test("logprobs leave only with text that left whole in its chunk", async () => {
  const logprobs = (text) => ({ content: [{ token: text, logprob: -0.1, bytes: [...Buffer.from(text)], top_logprobs: [] }], refusal: null });
  const source = [["Hello", "Hello"], [" bob@", " bob@"], ["ferry.example", "ferry.example"], [" is", " is"], [" other", " not that"]].map(
    ([text, token]) => ({ ...chunk({}), choices: [{ index: 0, delta: { content: text }, logprobs: logprobs(token), finish_reason: null }] }));
  const left = await gated([...source, chunk({}, { finish: "stop" })], mask);
  assert.equal(said(left).content, "Hello [redacted] is other");
  const shown = JSON.stringify(left.map((one) => one.choices[0]?.logprobs));
  assert.ok(!shown.includes("bob") && !shown.includes("ferry") && !shown.includes("not that"), shown);
  const kept = await gated([...source.slice(0, 4), chunk({}, { finish: "stop" })], NOTHING);
  assert.deepEqual(kept.slice(0, 4), source.slice(0, 4));
});

test("logprobs of text that is held do not leave with text that looks like it", async () => {
  const policy = { version: 1, text: [{ name: "no", literals: ["abX"], action: "mask" }] };
  const one = (text) => ({ ...chunk({}), choices: [{ index: 0, delta: { content: text }, logprobs: { content: [{ token: text, logprob: -0.1, bytes: null }], refusal: null }, finish_reason: null }] });
  const left = await gated([one("ab"), one("ab"), one("X"), one("!"), chunk({}, { finish: "stop" })], policy);
  assert.equal(said(left).content, "ab[redacted]!");
  assert.deepEqual(left.map((each) => each.choices[0].logprobs?.content[0].token).filter(Boolean), ["!"]);
});

test("more answers than the policy's limit are halted", async () => {
  const source = [0, 1, 2].flatMap((index) => [chunk({ content: `I am ${index}. ` }, { index }), chunk({}, { index, finish: "stop" })]);
  const left = await gated(source, { ...NOTHING, limits: { choices_max: 2 } }, { n: 3 });
  assert.equal(said(left, 2).content, "");
  assert.equal(said(left, 2).finish, "content_filter");
  assert.equal(said(left, 2).halted.check, "stream");
});

test("logprobs reach the gate: a token that the model was not sure of halts, streamed and whole", async () => {
  const policy = { version: 1, halt: [{ name: "sure", channels: ["content"], score: { from: "logprob", at: "token" }, hard_limit: 0.05 }] };
  const entry = (token, logprob, bytes = [...Buffer.from(token)]) => ({ token, logprob, bytes, top_logprobs: [] });
  const said_ = (...entries) => ({ ...chunk({}), choices: [{ index: 0, delta: { content: Buffer.from(entries.flatMap((one) => one.bytes)).toString() }, logprobs: { content: entries, refusal: null }, finish_reason: null }] });
  const smile = [...Buffer.from("😀")];
  const sure = [said_(entry("Hi", -0.1), entry(" ", -0.2)), said_(entry("\\xf0\\x9f", -0.1, smile.slice(0, 2)), entry("\\x98\\x80", -0.3, smile.slice(2)))];
  const whole = await gated([...sure, chunk({}, { finish: "stop" })], policy);
  assert.deepEqual(whole.slice(0, 2), sure);
  assert.equal(said(whole).finish, "stop");
  const unsure = said_(entry(" there", -9));
  const left = said(await gated([...sure, unsure, chunk({}, { finish: "stop" })], policy));
  assert.equal(left.content, "Hi 😀");
  assert.equal(left.halted.check, "sure");
  const entries = [...sure, unsure].flatMap((one) => one.choices[0].logprobs.content);
  const answer = { object: "chat.completion", choices: [{ index: 0, message: { role: "assistant", content: "Hi 😀 there" }, logprobs: { content: entries, refusal: null }, finish_reason: "stop" }] };
  const { choices: [choice] } = await gateChat(answer, policy);
  assert.equal(choice.message.content, "Hi 😀");
  assert.equal(choice.finish_reason, "content_filter");
  assert.equal(choice.logprobs, null);
});

test("what holds text that no check sees is left out and named, or kept by name", async () => {
  const source = [chunk({ content: "Hi", audio: { id: "a", data: "UklGRg==" }, annotations: [{ type: "url_citation", url: "https://ferry.example" }] }), chunk({}, { finish: "stop" })];
  const [first] = await gated(source, NOTHING);
  assert.deepEqual(first.choices[0].delta, { content: "Hi" });
  assert.deepEqual(first.choices[0].tidegate, { dropped: ["audio", "annotations"] });
  const [kept] = await gated(source, NOTHING, { keep: ["annotations"] });
  assert.deepEqual(kept.choices[0].delta.annotations, source[0].choices[0].delta.annotations);
  assert.deepEqual(kept.choices[0].tidegate, { dropped: ["audio"] });
});

test("content in parts, reasoning under two names, an old function call, a custom tool", async () => {
  const source = [
    chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "He is bob@ferry" }] }] }),
    chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: ".example." }] }] }),
    chunk({ reasoning: " So ", reasoning_content: " So " }),
    chunk({ function_call: { name: "old", arguments: '{"to":"bob@ferry' } }),
    chunk({ function_call: { arguments: '.example"}' } }),
    chunk({ tool_calls: [{ index: 0, id: "c", type: "custom", custom: { name: "note", input: "for bob@ferry" } }] }),
    chunk({ tool_calls: [{ index: 0, custom: { input: ".example!" } }] }),
    chunk({}, { finish: "stop" }),
  ];
  const left = await gated(source, mask);
  const text = JSON.stringify(left);
  assert.ok(!text.includes("bob"), text);
  const all = left.flatMap((one) => one.choices.map((choice) => choice.delta));
  const thought = all.map((delta) => (Array.isArray(delta.content) ? delta.content[0].thinking[0].text : (delta.reasoning_content ?? ""))).join("");
  assert.equal(thought, "He is [redacted]. So ");
  // what was held of the first leaves in the place of the next
  assert.equal(all.map((delta) => delta.reasoning ?? "").join(""), ". So ");
  assert.equal(all.map((delta) => delta.function_call?.arguments ?? "").join(""), '{"to":"[redacted]"}');
  assert.equal(all.map((delta) => delta.tool_calls?.[0].custom?.input ?? "").join(""), "for [redacted]!");
});

test("a character that is cut in two", async () => {
  const left = await gated([chunk({ content: "A \ud83d" }), chunk({ content: "\ude00 B" }), chunk({ content: "\ud83d" }), chunk({}, { finish: "stop" })], NOTHING);
  assert.equal(said(left).content, "A \u{1f600} B\ufffd");
});

test("an error of the source is thrown as it is, and what was held never leaves", async () => {
  const error = new Error("the line is dead");
  async function* broken() {
    yield chunk({ content: "Call +49 30 5550 123" });
    throw error;
  }
  const left = [];
  await assert.rejects(async () => {
    for await (const one of gateChatStream(broken(), mask)) left.push(one);
  }, error);
  assert.ok(!said(left).content.includes("5550"));
});

test("who stops iterating leaves the source", async () => {
  let closed = false;
  async function* endless() {
    try {
      while (true) yield chunk({ content: "on and on " });
    } finally {
      closed = true;
    }
  }
  for await (const one of gateChatStream(endless(), NOTHING)) {
    assert.ok(one);
    break;
  }
  await sleep(10);
  assert.ok(closed);
});

test("bad input has a name", async () => {
  const gate = new ChatGate(NOTHING, () => {});
  assert.throws(() => gate.push({ text: "no chunk" }), { name: "TidegateError", code: "bad_argument" });
  await gate.finish();
  assert.throws(() => gate.push(chunk({ content: "late" })), { code: "finished" });
  gate.free();
  await assert.rejects(gateChat({ error: 1 }, NOTHING), { code: "bad_argument" });
});

test("whole answers: right, wrong, masked, two of them, and a slow scorer", async () => {
  const right = wholeOf(chunksOf(example("right.sse")));
  assert.deepEqual(await gateChat(right, facts(), FACTS), right);

  const wrong = wholeOf(chunksOf(example("wrong.sse")));
  for (const [policy, options] of [[facts(), FACTS], [HOST, { scorers: { host: slowScorer } }]]) {
    const { choices: [choice], usage } = await gateChat(wrong, policy, options);
    assert.equal(choice.message.content, BEFORE_WRONG);
    assert.equal(choice.finish_reason, "content_filter");
    assert.equal(choice.tidegate.halted.channel, "content");
    assert.deepEqual(usage, wrong.usage);
  }

  const leak = await gateChat(wholeOf(chunksOf(example("leak.sse"))), mask);
  const { message } = leak.choices[0];
  assert.ok(!JSON.stringify(message).includes("ghp_") && message.content.includes("[redacted]"));
  assert.equal(JSON.parse(message.tool_calls[0].function.arguments).to, "[redacted]");

  const both = { ...wrong, choices: [wrong.choices[0], { ...right.choices[0], index: 1 }] };
  const gatedBoth = await gateChat(both, facts(), FACTS);
  assert.equal(gatedBoth.choices[0].finish_reason, "content_filter");
  assert.deepEqual(gatedBoth.choices[1], both.choices[1]);
});
