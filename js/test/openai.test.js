// The official `openai` client, gated, against a server that plays recorded bytes.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import OpenAI, { APIError, AzureOpenAI, AuthenticationError, BadRequestError, RateLimitError } from "openai";
import { init, Policy } from "tidegate";
import { gateChatStream, gateOpenAI } from "tidegate/openai";
import { BEFORE_WRONG, chunk, chunksOf, collect, example, farEnd, HOST, MASK, NOTHING, recorded, said, slowScorer, sse, wholeOf } from "./far-end.js";

/** Made once: 78 rules take a while to be made ready. */
let mask;
before(async () => {
  await init();
  mask = new Policy(MASK);
});

const FACTS = { facts: example("handbook.md") };
const facts = () => new Policy(example("facts.toml"));
const ASK = { model: "example-1", messages: [{ role: "user", content: "When does the last ferry sail?" }] };

/** Runs with a far end, its client, and the same client gated. */
async function withClient(answer, policy, options, run) {
  const server = await farEnd(answer);
  const client = new OpenAI({ apiKey: "none", baseURL: server.url, maxRetries: 0 });
  try {
    await run(gateOpenAI(client, policy, options), client, server);
  } finally {
    await server.close();
  }
}

for (const name of ["openai/openai-text", "openai-compatible/xai-text", "deepseek/deepseek-tool-call", "groq/groq-tool-call"]) {
  test(`${name}: without checks the client sees the deltas that the ungated client sees`, () =>
    withClient({ body: recorded(name), cut: 777 }, NOTHING, {}, async (gated, client) => {
      const [left, source] = await Promise.all([gated, client].map(async (one) => collect(await one.chat.completions.create({ ...ASK, stream: true }))));
      const deltas = (chunks) => chunks.flatMap((one) => one.choices.map((choice) => choice.delta));
      assert.deepEqual(deltas(left), deltas(source));
      assert.deepEqual(said(left), said(source));
      assert.deepEqual(left.map((one) => one.usage).filter(Boolean), source.map((one) => one.usage).filter(Boolean));
    }));
}

test("a stream: a wrong answer is halted, the connection is left, the ungated client stays as it was", () =>
  withClient({ body: example("wrong.sse") + ": still here\n\n".repeat(2000), cut: 300, pause: 2 }, facts(), FACTS, async (gated, client, server) => {
    const all = said(await collect(await gated.chat.completions.create({ ...ASK, stream: true })));
    assert.equal(all.content, BEFORE_WRONG);
    assert.equal(all.finish, "content_filter");
    assert.equal(all.halted.check, "facts");
    assert.ok(await server.left());
    assert.equal(server.requests[0].url, "/v1/chat/completions");
    assert.notEqual(client.fetch, gated.fetch);
  }));

test("a stream: a right answer leaves whole", () =>
  withClient({ body: example("right.sse"), cut: 100 }, facts(), FACTS, async (gated) => {
    const all = said(await collect(await gated.chat.completions.create({ ...ASK, stream: true })));
    assert.equal(all.content, said(chunksOf(example("right.sse"))).content);
    assert.equal(all.finish, "stop");
  }));

test("a stream: a secret cut over several deltas is masked, in text and in a tool's arguments", () =>
  withClient({ body: example("leak.sse"), cut: 50 }, mask, {}, async (gated) => {
    const all = said(await collect(await gated.chat.completions.create({ ...ASK, stream: true })));
    assert.equal(all.content.split("[redacted]").length, 5);
    assert.ok(!/ghp_|4111|bob/.test(JSON.stringify(all)));
    assert.equal(all.tools[0].name, "send_mail");
    assert.equal(JSON.parse(all.tools[0].arguments).to, "[redacted]");
  }));

test("a stream: a slow scorer", () =>
  withClient({ body: example("wrong.sse"), cut: 1000 }, HOST, { scorers: { host: slowScorer } }, async (gated) => {
    const all = said(await collect(await gated.chat.completions.create({ ...ASK, stream: true })));
    assert.equal(all.content, BEFORE_WRONG);
    assert.equal(all.halted.check, "host");
  }));

test("the client's own helper: stream() adds up what left", () =>
  withClient({ body: `data: ${JSON.stringify(chunk({ role: "assistant", content: "" }))}\n\n${example("leak.sse")}`, cut: 200 }, mask, {}, async (gated) => {
    const completion = await gated.chat.completions.stream(ASK).finalChatCompletion();
    const { message, finish_reason } = completion.choices[0];
    assert.equal(message.content.split("[redacted]").length, 5);
    assert.equal(JSON.parse(message.tool_calls[0].function.arguments).to, "[redacted]");
    assert.equal(finish_reason, "tool_calls");
  }));

test("n: 2: one answer is halted, the other goes on to its end", () => {
  const wrong = said(chunksOf(example("wrong.sse"))).content.match(/.{1,9}/gs);
  const right = said(chunksOf(example("right.sse"))).content.match(/.{1,9}/gs);
  const events = [];
  // the first is halted before the second has said a word
  for (const text of wrong) events.push(chunk({ content: text }, { index: 0 }));
  for (const text of right) events.push(chunk({ content: text }, { index: 1 }));
  events.push(chunk({}, { index: 0, finish: "stop" }), chunk({}, { index: 1, finish: "stop" }));
  return withClient({ body: sse(events), cut: 500 }, facts(), FACTS, async (gated) => {
    const left = await collect(await gated.chat.completions.create({ ...ASK, stream: true, n: 2 }));
    assert.equal(said(left, 0).content, BEFORE_WRONG);
    assert.equal(said(left, 0).finish, "content_filter");
    assert.equal(said(left, 1).content, right.join(""));
    assert.equal(said(left, 1).finish, "stop");
  });
});

test("whole answers: right, wrong, masked", async () => {
  const whole = (name) => ({ body: JSON.stringify(wholeOf(chunksOf(example(name)))), type: "application/json" });
  await withClient(whole("right.sse"), facts(), FACTS, async (gated, client) => {
    assert.deepEqual(await gated.chat.completions.create(ASK), await client.chat.completions.create(ASK));
  });
  await withClient(whole("wrong.sse"), facts(), FACTS, async (gated) => {
    const { choices: [choice] } = await gated.chat.completions.create(ASK);
    assert.equal(choice.message.content, BEFORE_WRONG);
    assert.equal(choice.finish_reason, "content_filter");
    assert.equal(choice.tidegate.halted.check, "facts");
  });
  await withClient(whole("leak.sse"), mask, {}, async (gated) => {
    const { choices: [{ message }] } = await gated.chat.completions.create(ASK);
    assert.ok(!/ghp_|4111|bob/.test(JSON.stringify(message)));
    assert.equal(JSON.parse(message.tool_calls[0].function.arguments).to, "[redacted]");
  });
});

test("errors of the API are the client's own", async () => {
  const body = JSON.stringify({ error: { message: "no such key", type: "invalid_request_error", code: "invalid_api_key" } });
  await withClient({ body, status: 401, type: "application/json" }, mask, {}, async (gated) => {
    await assert.rejects(gated.chat.completions.create(ASK), (error) => error instanceof AuthenticationError && error.code === "invalid_api_key");
  });
  await withClient({ body, status: 429, type: "application/json" }, mask, {}, async (gated) => {
    await assert.rejects(gated.chat.completions.create({ ...ASK, stream: true }), RateLimitError);
  });
});

test("an error in the middle of a stream: the client's own, and what was held does not leave", () => {
  const event = (data) => `data: ${JSON.stringify(data)}\n\n`;
  const body = event(chunk({ content: "Call +49 30 5550 123" })) + event({ error: { message: "overloaded", code: "overloaded" } });
  return withClient({ body }, mask, {}, async (gated) => {
    const left = [];
    await assert.rejects(async () => {
      for await (const one of await gated.chat.completions.create({ ...ASK, stream: true })) left.push(one);
    }, (error) => error instanceof APIError && /overloaded/.test(error.message));
    assert.ok(!said(left).content.includes("5550"));
  });
});

test("a connection that breaks is an error, and what was held does not leave", () =>
  withClient({ body: `data: ${JSON.stringify(chunk({ content: "Call +49 30 5550 123" }))}\n\n`, cut: 50, pause: 3, breaks: true }, mask, {}, async (gated) => {
    const left = [];
    await assert.rejects(async () => {
      for await (const one of await gated.chat.completions.create({ ...ASK, stream: true })) left.push(one);
    });
    assert.ok(!said(left).content.includes("5550"));
  }));

test("controller.abort() ends the stream and leaves the connection", () =>
  withClient({ body: sse(Array.from({ length: 5000 }, () => chunk({ content: "on and on " }))), cut: 512, pause: 1 }, NOTHING, {}, async (gated, _client, server) => {
    const stream = await gated.chat.completions.create({ ...ASK, stream: true });
    let seen = 0;
    for await (const one of stream) {
      assert.ok(one);
      if (++seen === 3) stream.controller.abort();
    }
    assert.ok(seen < 100);
    assert.ok(await server.left());
  }));

test("what is no chat completion is refused by name and not asked for", () =>
  withClient({ body: '{"object":"list","data":[]}', type: "application/json" }, mask, {}, async (_gated, client, server) => {
    const gated = gateOpenAI(new OpenAI({ apiKey: "none", baseURL: server.url, maxRetries: 2 }), mask);
    const refused = (error) => error instanceof BadRequestError && error.code === "unknown_answer";
    await assert.rejects(gated.embeddings.create({ model: "m", input: "text", encoding_format: "float" }), refused);
    await assert.rejects(gated.responses.create({ model: "m", input: "text", stream: true }), refused);
    assert.equal(server.requests.length, 0);
    // an answer of another kind, where a chat completion was asked for, is asked for once
    await assert.rejects(gated.chat.completions.create(ASK), refused);
    assert.equal(server.requests.length, 1);
    assert.deepEqual((await client.embeddings.create({ model: "m", input: "text", encoding_format: "float" })).data, []);
  }));

test("Azure's client is gated too", async () => {
  const server = await farEnd({ body: example("wrong.sse"), cut: 300 });
  try {
    const azure = new AzureOpenAI({ endpoint: server.url.replace("/v1", ""), apiKey: "none", apiVersion: "2025-01-01-preview", deployment: "example", maxRetries: 0 });
    const all = said(await collect(await gateOpenAI(azure, facts(), FACTS).chat.completions.create({ ...ASK, stream: true })));
    assert.equal(all.content, BEFORE_WRONG);
    assert.equal(all.finish, "content_filter");
    assert.match(server.requests[0].url, /deployments\/.*\/chat\/completions/);
  } finally {
    await server.close();
  }
});

test("a client that goes its own way is refused", () => {
  class Own extends OpenAI {
    withOptions(options) {
      return super.withOptions({ ...options, fetch: globalThis.fetch });
    }
  }
  assert.throws(() => gateOpenAI(new Own({ apiKey: "none" }), mask), { name: "TidegateError", code: "bad_argument" });
});

test("gateChatStream on the client's stream: halts and aborts its controller", () =>
  withClient({ body: example("wrong.sse") + ": still here\n\n".repeat(2000), cut: 300, pause: 2 }, NOTHING, {}, async (_gated, client, server) => {
    const stream = await client.chat.completions.create({ ...ASK, stream: true });
    const all = said(await collect(gateChatStream(stream, facts(), FACTS)));
    assert.equal(all.content, BEFORE_WRONG);
    assert.equal(all.finish, "content_filter");
    assert.ok(stream.controller.signal.aborted);
    assert.ok(await server.left());
  }));
