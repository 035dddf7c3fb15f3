// Models that run where the program runs: transformers.js and WebLLM.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { InterruptableStoppingCriteria, TextStreamer } from "@huggingface/transformers";
import { gateChatStream, gateStream, gateText, init, Policy } from "tidegate";
import { BEFORE_WRONG, chunk, chunksOf, collect, example, HOST, MASK, said, slowScorer } from "./far-end.js";
import { byteTokenizer, generate } from "./tokenizer.js";

/** Made once: 78 rules take a while to be made ready. */
let mask;
before(async () => {
  await init();
  mask = new Policy(MASK);
});

const FACTS = { facts: example("handbook.md") };
const facts = () => new Policy(example("facts.toml"));

/** The recipe of the readme: a streamer that writes to a gate; what leaves is read beside it. */
async function throughStreamer(text, policy, options = {}) {
  const tokenizer = byteTokenizer();
  const stopping = new InterruptableStoppingCriteria();
  const halts = [];
  const gate = gateStream(policy, { ...options, onHalt: (halted) => (halts.push(halted), stopping.interrupt()) });
  const writer = gate.writable.getWriter();
  const streamer = new TextStreamer(tokenizer, {
    skip_prompt: true,
    skip_special_tokens: true,
    callback_function: (piece) => void writer.write(piece).catch(() => {}),
  });
  const read = collect(gate.readable);
  const tokens = await generate(tokenizer, streamer, text, stopping);
  await writer.close().catch(() => {});
  return { text: (await read).join(""), halts, tokens };
}

test("transformers.js TextStreamer, real tokenizer (no model can be fetched here): what no check objects to leaves whole", async () => {
  const text = "Grüße, 😀: the first ferry sails at 6:30.\nSo it does.";
  assert.equal((await throughStreamer(text, mask)).text, text);
  assert.equal((await throughStreamer(text, facts(), FACTS)).text, text);
});

test("transformers.js TextStreamer: a secret is masked", async () => {
  const { text } = await throughStreamer("The token is ghp_Ab3dEf6Hi9Jkl2No5Qr8Tu1Wx4Zx4Za7Cd0F now, 😀.", mask);
  assert.equal(text, "The token is [redacted] now, 😀.");
});

test("transformers.js TextStreamer: a wrong answer is halted, and generating stops", async () => {
  const wrong = said(chunksOf(example("wrong.sse"))).content;
  const { text, halts, tokens } = await throughStreamer(wrong, facts(), FACTS);
  assert.equal(text, BEFORE_WRONG);
  assert.equal(halts.length, 1);
  assert.equal(halts[0].check, "facts");
  assert.ok(tokens < wrong.length, `${tokens} tokens`);
});

test("transformers.js TextStreamer: a slow scorer", async () => {
  const { text, halts } = await throughStreamer(said(chunksOf(example("wrong.sse"))).content, HOST, { scorers: { host: slowScorer } });
  assert.equal(text, BEFORE_WRONG);
  assert.equal(halts[0].check, "host");
});

test("gateText on any generator: masked, halted, and errors of the source are its own", async () => {
  async function* words(text, error) {
    yield* text.match(/.{1,5}/gs);
    if (error) throw error;
  }
  assert.equal((await collect(gateText(words("Write to bob@ferry.example now."), mask))).join(""), "Write to [redacted] now.");
  assert.equal((await collect(gateText(words(said(chunksOf(example("wrong.sse"))).content), facts(), FACTS))).join(""), BEFORE_WRONG);
  const error = new Error("out of memory");
  const left = [];
  await assert.rejects(async () => {
    for await (const text of gateText(words("Call +49 30 5550 123", error), mask)) left.push(text);
  }, error);
  assert.ok(!left.join("").includes("5550"));
});

/** A generator of WebLLM's chunks: there `id`, `model` and `created` are repeated, and usage comes in a last chunk without choices. */
async function* webllm(text) {
  const same = { id: "chatcmpl-web", model: "Llama-3.2-1B-Instruct-q4f16_1-MLC", object: "chat.completion.chunk", created: 1795000000 };
  for (const content of text.match(/.{1,4}/gs)) {
    yield { ...same, choices: [{ delta: { content, role: "assistant" }, finish_reason: null, index: 0, logprobs: null }] };
    await sleep(0);
  }
  yield { ...same, choices: [{ delta: {}, finish_reason: "stop", index: 0, logprobs: null }] };
  yield { ...same, choices: [], usage: { completion_tokens: 9, prompt_tokens: 5, total_tokens: 14, extra: { e2e_latency_s: 1, prefill_tokens_per_s: 2, decode_tokens_per_s: 3, time_to_first_token_s: 4, time_per_output_token_s: 5 } } };
}

test("WebLLM's chunks (its engine needs WebGPU, which is not here; test/types has its real types): whole, masked, halted", async () => {
  const right = said(chunksOf(example("right.sse"))).content;
  assert.deepEqual(await collect(gateChatStream(webllm(right), facts(), FACTS)).then((chunks) => [said(chunks).content, said(chunks).finish, chunks.at(-1).usage.total_tokens]), [right, "stop", 14]);
  const masked = said(await collect(gateChatStream(webllm("Write to bob@ferry.example now."), mask)));
  assert.equal(masked.content, "Write to [redacted] now.");
  const wrong = said(await collect(gateChatStream(webllm(said(chunksOf(example("wrong.sse"))).content), facts(), FACTS)));
  assert.equal(wrong.content, BEFORE_WRONG);
  assert.equal(wrong.finish, "content_filter");
  const slow = said(await collect(gateChatStream(webllm(said(chunksOf(example("wrong.sse"))).content), HOST, { scorers: { host: slowScorer } })));
  assert.equal(slow.content, BEFORE_WRONG);
  assert.ok(chunk({}));
});
