// The Vercel AI SDK with a real provider, gated, against a server that plays recorded bytes.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, jsonSchema, stepCountIs, streamText, tool, wrapLanguageModel } from "ai";
import { init, Policy } from "tidegate";
import { tidegateMiddleware } from "tidegate/ai-sdk";
import { BEFORE_WRONG, chunk, chunksOf, collect, example, farEnd, HOST, MASK, NOTHING, recorded, said, slowScorer, sse, wholeOf } from "./far-end.js";

/** Made once: 78 rules take a while to be made ready. */
let mask;
before(async () => {
  await init();
  mask = new Policy(MASK);
});

const FACTS = { facts: example("handbook.md") };
const facts = () => new Policy(example("facts.toml"));
const prompt = "When does the last ferry sail?";
const onError = () => {};

/** Runs with a far end, a model that speaks to it, and that model gated. */
async function withModel(answer, policy, options, run) {
  const server = await farEnd(answer);
  const model = createOpenAICompatible({ name: "example", baseURL: server.url, includeUsage: true })("example-1");
  try {
    await run(wrapLanguageModel({ model, middleware: tidegateMiddleware(policy, options) }), model, server);
  } finally {
    await server.close();
  }
}

/** The parts of a model's stream as the provider (or the middleware) gives them. */
async function partsOf(model) {
  const { stream } = await model.doStream({ prompt: [{ role: "user", content: [{ type: "text", text: prompt }] }] });
  return wellFormed(await collect(stream));
}

/** Every start has its end, every delta lies between, and `finish` is the last and only one. */
function wellFormed(parts) {
  const open = new Set();
  for (const [at, part] of parts.entries()) {
    const [, kind, what] = /^(text|reasoning|tool-input)-(start|delta|end)$/.exec(part.type) ?? [];
    const key = `${kind} ${part.id}`;
    if (what === "start") assert.ok(!open.has(key) && open.add(key), `${key} starts twice`);
    if (what === "delta") assert.ok(open.has(key), `${key} has a delta outside`);
    if (what === "end") assert.ok(open.delete(key), `${key} ends and never began`);
    if (part.type === "finish") assert.equal(at, parts.length - 1);
  }
  assert.deepEqual([...open], []);
  assert.equal(parts.at(-1).type, "finish");
  return parts;
}

for (const name of ["xai/xai-text", "openai-compatible/xai-tool-call", "deepseek/deepseek-reasoning", "deepseek/deepseek-tool-call", "groq/groq-tool-call", "alibaba/alibaba-tool-call", "azure/azure-deepseek-reasoning.1"]) {
  test(`${name}: without checks every part leaves as it came`, () =>
    withModel({ body: recorded(name), cut: 1000 }, NOTHING, {}, async (gated, model) => {
      const strip = (parts) => parts.map(({ timestamp: _, ...part }) => part);
      assert.deepEqual(strip(await partsOf(gated)), strip(await partsOf(model)));
    }));
}

test("streamText: a right answer leaves whole", () =>
  withModel({ body: example("right.sse"), cut: 100 }, facts(), FACTS, async (gated) => {
    const result = streamText({ model: gated, prompt });
    const text = (await collect(result.textStream)).join("");
    assert.equal(text, said(chunksOf(example("right.sse"))).content);
    assert.equal(await result.finishReason, "stop");
  }));

test("streamText: a wrong answer is halted by the facts, and the connection is left", () =>
  withModel({ body: example("wrong.sse") + ": still here\n\n".repeat(2000), cut: 300, pause: 2 }, facts(), FACTS, async (gated, _model, server) => {
    const result = streamText({ model: gated, prompt });
    const text = (await collect(result.textStream)).join("");
    assert.equal(text, BEFORE_WRONG);
    assert.equal(await result.finishReason, "content-filter");
    const { halted } = (await result.providerMetadata).tidegate;
    assert.equal(halted.check, "facts");
    assert.equal(halted.channel, "content");
    assert.ok(await server.left());
  }));

test("streamText: a secret cut over several deltas is masked, in text and in a tool's input", () =>
  withModel({ body: example("leak.sse"), cut: 60 }, mask, {}, async (gated) => {
    const sent = [];
    const send_mail = tool({ inputSchema: jsonSchema({ type: "object" }), execute: async (input) => (sent.push(input), "sent") });
    const result = streamText({ model: gated, prompt, tools: { send_mail }, stopWhen: stepCountIs(1) });
    const parts = await collect(result.fullStream);
    assert.ok(!/ghp_|4111|bob/.test(JSON.stringify(parts)));
    assert.equal((await result.text).split("[redacted]").length, 5);
    assert.equal(sent.length, 1);
    assert.equal(sent[0].to, "[redacted]");
    assert.equal(sent[0].text, "See you\non board");
  }));

test("streamText: a slow scorer, and the parts stay well-formed", async () => {
  await withModel({ body: example("wrong.sse"), cut: 700 }, HOST, { scorers: { host: slowScorer } }, async (gated) => {
    const result = streamText({ model: gated, prompt });
    assert.equal((await collect(result.textStream)).join(""), BEFORE_WRONG);
    assert.equal(await result.finishReason, "content-filter");
  });
  await withModel({ body: example("wrong.sse"), cut: 700 }, HOST, { scorers: { host: slowScorer } }, async (gated) => {
    const parts = await partsOf(gated);
    assert.equal(parts.at(-1).finishReason.unified, "content-filter");
    assert.equal(parts.filter((part) => part.type === "text-delta").map((part) => part.delta).join(""), BEFORE_WRONG);
  });
});

test("a halt at the very end, by a score that comes late, keeps the usage", () => {
  const body = sse([chunk({ content: "The last ferry sails at 23:30." }), chunk({}, { finish: "stop", usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } })]);
  return withModel({ body }, HOST, { scorers: { host: slowScorer } }, async (gated) => {
    const parts = await partsOf(gated);
    assert.deepEqual(parts.filter((part) => part.type === "text-delta"), []);
    const finish = parts.at(-1);
    assert.deepEqual(finish.finishReason, { unified: "content-filter", raw: "stop" });
    assert.equal(finish.usage.outputTokens.total, 4);
    assert.equal(finish.providerMetadata.tidegate.halted.check, "host");
  });
});

test("held text leaves before its part ends, also when reasoning comes between", () => {
  const body = sse([
    chunk({ reasoning_content: "I know bob@ferry" }), chunk({ content: "Call +49" }), chunk({ reasoning_content: ".example." }),
    chunk({ content: " soon" }), chunk({}, { finish: "stop" }),
  ]);
  return withModel({ body }, mask, {}, async (gated) => {
    const parts = await partsOf(gated);
    const text = (type) => parts.filter((part) => part.type === type).map((part) => part.delta).join("");
    assert.equal(text("reasoning-delta"), "I know [redacted].");
    assert.equal(text("text-delta"), "Call +49 soon");
  });
});

test("a halt in reasoning closes everything", () => {
  const policy = { version: 1, text: [{ name: "no", literals: ["forbidden"], action: "halt" }] };
  const body = sse([chunk({ reasoning_content: "This is forb" }), chunk({ reasoning_content: "idden, I" }), chunk({ content: "Hello" }), chunk({}, { finish: "stop" })]);
  return withModel({ body }, policy, {}, async (gated) => {
    const parts = await partsOf(gated);
    assert.equal(parts.filter((part) => part.type === "reasoning-delta").map((part) => part.delta).join(""), "This is ");
    assert.ok(!parts.some((part) => part.type === "text-delta"));
    assert.equal(parts.at(-1).providerMetadata.tidegate.halted.channel, "reasoning");
  });
});

test("a tool of an answer that is halted in its input is not called", () => {
  const policy = { version: 1, text: [{ name: "no", literals: ["forbidden"], action: "halt" }] };
  const call = (more) => chunk({ tool_calls: [{ index: 0, ...more }] });
  const body = sse([call({ id: "c", type: "function", function: { name: "act", arguments: '{"what":"for' } }), call({ function: { arguments: 'bidden"}' } }), chunk({}, { finish: "tool_calls" })]);
  return withModel({ body }, policy, {}, async (gated) => {
    const calls = [];
    const act = tool({ inputSchema: jsonSchema({ type: "object" }), execute: async (input) => (calls.push(input), "done") });
    const result = streamText({ model: gated, prompt, tools: { act } });
    const parts = await collect(result.fullStream);
    assert.deepEqual(calls, []);
    assert.ok(!parts.some((part) => part.type === "tool-call"));
    assert.equal(await result.finishReason, "content-filter");
  });
});

test("raw chunks are left out, and a warning says so", () =>
  withModel({ body: example("leak.sse") }, mask, {}, async (gated) => {
    const { stream } = await gated.doStream({ prompt: [{ role: "user", content: [{ type: "text", text: prompt }] }], includeRawChunks: true });
    const parts = await collect(stream);
    assert.ok(!parts.some((part) => part.type === "raw"));
    assert.equal(parts.find((part) => part.type === "stream-start").warnings[0].feature, "includeRawChunks");
    assert.ok(!/ghp_|4111|bob/.test(JSON.stringify(parts)));
  }));

test("generateText: right, wrong, masked, a slow scorer", async () => {
  const whole = (name) => ({ body: JSON.stringify(wholeOf(chunksOf(example(name)))), type: "application/json" });
  await withModel(whole("right.sse"), facts(), FACTS, async (gated, model) => {
    const [left, source] = await Promise.all([gated, model].map((model) => generateText({ model, prompt })));
    assert.equal(left.text, source.text);
    assert.equal(left.finishReason, "stop");
    assert.deepEqual(left.usage, source.usage);
  });
  for (const [policy, options] of [[facts(), FACTS], [HOST, { scorers: { host: slowScorer } }]]) {
    await withModel(whole("wrong.sse"), policy, options, async (gated) => {
      const left = await generateText({ model: gated, prompt });
      assert.equal(left.text, BEFORE_WRONG);
      assert.equal(left.finishReason, "content-filter");
      assert.equal(left.providerMetadata.tidegate.halted.channel, "content");
      assert.equal(left.usage.outputTokens, 65);
      assert.ok(!JSON.stringify(left.response).includes("23:30"));
    });
  }
  await withModel(whole("leak.sse"), mask, {}, async (gated) => {
    const sent = [];
    const send_mail = tool({ inputSchema: jsonSchema({ type: "object" }), execute: async (input) => (sent.push(input), "sent") });
    const left = await generateText({ model: gated, prompt, tools: { send_mail }, stopWhen: stepCountIs(1) });
    assert.equal(left.text.split("[redacted]").length, 5);
    assert.equal(sent[0].to, "[redacted]");
    assert.ok(!/ghp_|4111|bob/.test(JSON.stringify(left.response)));
  });
});

test("wrapGenerate: a halted answer loses its tool calls and its body", () => {
  const answer = wholeOf(chunksOf(example("wrong.sse")));
  answer.choices[0].message.tool_calls = [{ id: "c", type: "function", function: { name: "act", arguments: "{}" } }];
  return withModel({ body: JSON.stringify(answer), type: "application/json" }, facts(), FACTS, async (gated) => {
    const result = await gated.doGenerate({ prompt: [{ role: "user", content: [{ type: "text", text: prompt }] }] });
    assert.deepEqual(result.content, [{ type: "text", text: BEFORE_WRONG }]);
    assert.equal(result.response.body, undefined);
    assert.equal(result.finishReason.unified, "content-filter");
  });
});

test("errors of the far end are the SDK's own", async () => {
  await withModel({ body: '{"error":{"message":"no such key"}}', status: 401, type: "application/json" }, mask, {}, async (gated) => {
    await assert.rejects(generateText({ model: gated, prompt, maxRetries: 0 }), (error) => APICallError.isInstance(error) && error.statusCode === 401);
    const errors = [];
    const result = streamText({ model: gated, prompt, maxRetries: 0, onError: ({ error }) => errors.push(error) });
    await collect(result.textStream).catch(() => {});
    assert.ok(APICallError.isInstance(errors[0]));
  });
  const event = (data) => `data: ${JSON.stringify(data)}\n\n`;
  const body = event(chunk({ content: "Call +49 30 5550 123" })) + event({ error: { message: "overloaded", code: "overloaded" } });
  await withModel({ body }, mask, {}, async (gated) => {
    const parts = await collect(streamText({ model: gated, prompt, onError }).fullStream);
    assert.ok(parts.some((part) => part.type === "error"));
    assert.ok(!JSON.stringify(parts.filter((part) => part.type === "text-delta")).includes("5550"));
  });
});
