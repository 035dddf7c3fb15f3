// SSE in, SSE out, however it is cut; and `fetch`.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gatedFetch, gateSSE, init, Policy } from "tidegate";
import { BEFORE_WRONG, chunk, chunksOf, collect, example, farEnd, HOST, MASK, NOTHING, recorded, said, slowScorer, sse, wholeOf } from "./far-end.js";

/** Made once: 78 rules take a while to be made ready. */
let mask;
before(async () => {
  await init();
  mask = new Policy(MASK);
});

const FACTS = { facts: example("handbook.md") };
const facts = () => new Policy(example("facts.toml"));

function bytes(text, cut) {
  const all = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= all.length) controller.close();
      else controller.enqueue(all.subarray(at, (at += cut)));
    },
  });
}

async function gated(text, policy, options, cut = Infinity) {
  const out = await collect(bytes(text, cut === Infinity ? text.length * 4 : cut).pipeThrough(gateSSE(policy, options)));
  return Buffer.concat(out).toString();
}

test("without checks the bytes of recorded streams leave as they came, but for the end of the answer", async () => {
  for (const name of ["openai/openai-text", "xai/xai-text", "deepseek/deepseek-tool-call", "groq/groq-text"]) {
    const source = recorded(name);
    const left = await gated(source, NOTHING);
    const events = source.split("\n\n");
    const from = events.findIndex((event) => /"finish_reason":"/.test(event));
    assert.ok(from > 0, name);
    assert.deepEqual(left.split("\n\n").slice(0, from), events.slice(0, from), name);
    assert.deepEqual(said(chunksOf(left)), said(chunksOf(source)), name);
    assert.ok(left.endsWith("data: [DONE]\n\n"), name);
  }
});

test("the cuts change nothing", async () => {
  for (const [text, policy, options] of [[example("leak.sse"), mask, {}], [example("wrong.sse"), facts(), FACTS], [recorded("mistral/mistral-text"), mask, {}]]) {
    const whole = await gated(text, policy, options);
    for (const cut of [1, 2, 3, 7, 64, 1000]) assert.equal(await gated(text, policy, options, cut), whole, `cut at ${cut}`);
    for (const ends of ["\r\n", "\r"]) assert.equal(await gated(text.replaceAll("\n", ends), policy, options, 5), whole);
  }
});

test("secrets are masked, a wrong answer is halted", async () => {
  const masked = await gated(example("leak.sse"), mask, {}, 11);
  assert.ok(!masked.includes("ghp_") && !masked.includes("4111"));
  assert.equal(said(chunksOf(masked)).content.split("[redacted]").length, 5);
  const halted = await gated(example("wrong.sse"), facts(), FACTS, 11);
  assert.equal(said(chunksOf(halted)).content, BEFORE_WRONG);
  assert.equal(said(chunksOf(halted)).finish, "content_filter");
  assert.ok(halted.endsWith("data: [DONE]\n\n"));
});

test("a slow scorer", async () => {
  const all = said(chunksOf(await gated(example("wrong.sse"), HOST, { scorers: { host: slowScorer } }, 200)));
  assert.equal(all.content, BEFORE_WRONG);
  assert.equal(all.halted.check, "host");
});

test("comments, events without data, ids, pings and events kept by name stay", async () => {
  const source = `: OPENROUTER PROCESSING\n\nretry: 300\n\nevent: ping\ndata: {"type": "ping"}\n\nid: 7\ndata: ${JSON.stringify(chunk({ content: "Hi" }))}\n\n` +
    `event: mine\ndata: anything\n\n${sse([chunk({}, { finish: "stop" })])}`;
  const left = await gated(source, NOTHING, { keep: ["mine"] }, 3);
  assert.equal(left, source);
});

test("what cannot be read, or is of another kind, halts and says so", async () => {
  const first = `data: ${JSON.stringify(chunk({ content: "Hi, my number is +49 30" }))}\n\n`;
  for (const [event, code] of [
    ["data: {broken\n\n", "invalid_json"],
    ['event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"secret"}}\n\n', "unknown_event"],
    ['data: {"type":"response.output_text.delta","delta":"secret"}\n\n', "unknown_event"],
    ["data: [1]\n\n", "unknown_event"],
    ['{"choices":[{"delta":{"content":"secret"}}]}\n', "unknown_event"],
    ["secret: text\n\n", "unknown_event"],
  ]) {
    const halts = [];
    const left = await gated(first + event + sse([chunk({ content: " more" }), chunk({}, { finish: "stop" })]), mask, { onHalt: (halted) => halts.push(halted) });
    const all = said(chunksOf(left));
    assert.equal(all.finish, "content_filter");
    assert.deepEqual([all.halted.check, all.halted.code], ["stream", code]);
    assert.deepEqual(halts, [all.halted]);
    assert.ok(!left.includes("secret") && !left.includes("more") && !left.includes("+49"));

    const allowed = await gated(first + event + sse([chunk({ content: " more" }), chunk({}, { finish: "stop" })]), { ...NOTHING, stream: { on_fault: "allow" } });
    assert.equal(said(chunksOf(allowed)).content, "Hi, my number is +49 30 more");
    assert.equal(said(chunksOf(allowed)).finish, "stop");
    assert.ok(!allowed.includes("secret"));
  }
});

test("an event longer than the policy's limit is a fault", async () => {
  const policy = { ...NOTHING, limits: { event_bytes_max: 1024 } };
  const left = await gated(sse([chunk({ content: "Hi" }), chunk({ content: "x".repeat(5000) })]), policy, {}, 100);
  assert.equal(said(chunksOf(left)).content, "Hi");
  assert.equal(said(chunksOf(left)).halted.code, "event_too_long");
  const allowed = { ...policy, stream: { on_fault: "allow" } };
  const source = [chunk({ content: "Hi" }), chunk({ content: `${"x".repeat(5000)}: secret` }), chunk({ content: " Bob" }), chunk({}, { finish: "stop" })];
  for (const cut of [1, 100, 1024, 1025, 5300, 5400, 100000]) {
    const out = await gated(sse(source), allowed, {}, cut);
    assert.equal(said(chunksOf(out)).content, "Hi Bob", `cut at ${cut}`);
    assert.equal(said(chunksOf(out)).finish, "stop");
    assert.ok(!out.includes("secret"));
  }
});

test("an error event of the provider leaves as it is, and what is held does not", async () => {
  const error = 'data: {"error":{"message":"overloaded","code":503}}\n\n';
  const left = await gated(`data: ${JSON.stringify(chunk({ content: "Call +49 30 5550 123" }))}\n\n${error}`, mask);
  assert.ok(left.endsWith(error));
  assert.ok(!left.includes("5550"));
});

test("an error of the source is the error of what leaves", async () => {
  const source = new ReadableStream({ start: (controller) => controller.error(new Error("the line is dead")) });
  await assert.rejects(collect(source.pipeThrough(gateSSE(mask))), /the line is dead/);
});

test("the last event may lack its empty line", async () => {
  const left = await gated(`data: ${JSON.stringify(chunk({ content: "Hi" }))}\n\ndata: ${JSON.stringify(chunk({ content: " Bob" }, { finish: "stop" }))}`, NOTHING);
  assert.equal(said(chunksOf(left)).content, "Hi Bob");
  assert.equal(said(chunksOf(left)).finish, "stop");
});

test("fetch: a stream is gated, and at a halt the connection is left", async () => {
  const server = await farEnd({ body: example("wrong.sse") + ": still here\n\n".repeat(2000), cut: 256, pause: 2 });
  try {
    const response = await gatedFetch(facts(), FACTS)(server.url, { method: "POST", body: "{}" });
    assert.equal(response.status, 200);
    const all = said(chunksOf(await response.text()));
    assert.equal(all.content, BEFORE_WRONG);
    assert.equal(all.finish, "content_filter");
    assert.ok(await server.left());
  } finally {
    await server.close();
  }
});

test("fetch: a whole answer is gated, a slow scorer too", async () => {
  const server = await farEnd({ body: JSON.stringify(wholeOf(chunksOf(example("wrong.sse")))), type: "application/json; charset=utf-8" });
  try {
    const response = await gatedFetch(HOST, { scorers: { host: slowScorer } })(server.url, { method: "POST", body: "{}" });
    const { choices: [choice] } = await response.json();
    assert.equal(choice.message.content, BEFORE_WRONG);
    assert.equal(choice.tidegate.halted.check, "host");
  } finally {
    await server.close();
  }
});

test("fetch: errors pass as they are, all else has a named error", async () => {
  for (const [answer, passes] of [
    [{ body: '{"error":{"message":"no such key"}}', status: 401, type: "application/json" }, true],
    [{ body: "<h1>Bad gateway</h1>", status: 502, type: "text/html" }, true],
    [{ body: '{"error":{"message":"in a good status"}}', type: "application/json" }, true],
    [{ body: '{"object":"list","data":[]}', type: "application/json" }, false],
    [{ body: '{"object":"response","output":[{"text":"secret"}]}', type: "application/json" }, false],
    [{ body: "{broken", type: "application/json" }, false],
    [{ body: "secret", type: "text/plain" }, false],
  ]) {
    const server = await farEnd(answer);
    try {
      const asked = gatedFetch(mask)(server.url, { method: "POST", body: "{}" });
      if (passes) assert.equal(await (await asked).text(), answer.body);
      else await assert.rejects(asked, { name: "TidegateError", code: "unknown_answer" });
    } finally {
      await server.close();
    }
  }
});

test("fetch: a broken connection is an error, and what was held does not leave", async () => {
  const server = await farEnd({ body: `data: ${JSON.stringify(chunk({ content: "Call +49 30 5550 123" }))}\n\n`, cut: 64, pause: 5, breaks: true });
  try {
    const response = await gatedFetch(mask)(server.url, { method: "POST", body: "{}" });
    const left = [];
    await assert.rejects(async () => {
      for await (const part of response.body) left.push(part);
    });
    assert.ok(!Buffer.concat(left).toString().includes("5550"));
  } finally {
    await server.close();
  }
});

test("fetch: who leaves early leaves the connection", async () => {
  const server = await farEnd({ body: sse(Array.from({ length: 5000 }, () => chunk({ content: "on and on " }))), cut: 512, pause: 1 });
  try {
    const response = await gatedFetch(NOTHING)(server.url, { method: "POST", body: "{}" });
    const reader = response.body.getReader();
    await reader.read();
    await reader.cancel();
    assert.ok(await server.left());
    await sleep(0);
  } finally {
    await server.close();
  }
});
