// A provider's end of the wire: an HTTP server that plays recorded bytes.
import { createServer } from "node:http";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

const root = new URL("../../", import.meta.url);
const dataRoot = process.env.TIDEGATE_DATA ? new URL(`file://${process.env.TIDEGATE_DATA}/`) : new URL("../shared/data/", root);

/** A file of `examples/`, as text. */
export function example(name) {
  return readFileSync(new URL(`examples/${name}`, root), "utf8");
}

/** A recorded stream of a real provider as SSE, as it came over the wire. */
export function recorded(name) {
  const path = new URL(`streams/${name}.chunks.txt`, dataRoot);
  if (!existsSync(path)) {
    throw new Error(`the recorded stream ${name} is not there: set TIDEGATE_DATA to the folder of the shared data (looked in ${fileURLToPath(dataRoot)})`);
  }
  return sse(readFileSync(path, "utf8").trimEnd().split("\n"));
}

/** Events with this data, and `[DONE]`. */
export function sse(data) {
  return [...data, "[DONE]"].map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join("");
}

/** The chunks in SSE text. */
export function chunksOf(text) {
  return text.split("\n\n").map((event) => event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n"))
    .filter((data) => data !== "" && data !== "[DONE]").map((data) => JSON.parse(data));
}

/** A chunk of a choice. */
export function chunk(delta, { index = 0, finish = null, ...rest } = {}) {
  return { id: "chatcmpl-test", object: "chat.completion.chunk", created: 1795000000, model: "example-1", choices: [{ index, delta, logprobs: null, finish_reason: finish }], ...rest };
}

/** All the chunks' text of one choice: `{ content, reasoning, refusal, tools: [{ id, name, arguments }], finish, halted }`. */
export function said(chunks, index = 0) {
  const all = { content: "", reasoning: "", refusal: "", tools: [], finish: null, halted: null };
  for (const choice of chunks.flatMap((one) => one.choices).filter((choice) => choice.index === index)) {
    const delta = choice.delta ?? {};
    all.content += delta.content ?? "";
    all.reasoning += delta.reasoning_content ?? delta.reasoning ?? "";
    all.refusal += delta.refusal ?? "";
    for (const call of delta.tool_calls ?? []) {
      const tool = (all.tools[call.index ?? 0] ??= { id: null, name: "", arguments: "" });
      tool.id ??= call.id ?? null;
      tool.name += call.function?.name ?? "";
      tool.arguments += call.function?.arguments ?? "";
    }
    all.finish ??= choice.finish_reason ?? null;
    all.halted ??= choice.tidegate?.halted ?? null;
  }
  return all;
}

/** What `chat.completion` the chunks add up to. */
export function wholeOf(chunks) {
  const indexes = [...new Set(chunks.flatMap((one) => one.choices.map((choice) => choice.index)))];
  const choices = indexes.map((index) => {
    const { content, tools, finish } = said(chunks, index);
    const message = { role: "assistant", content, refusal: null };
    if (tools.length > 0) message.tool_calls = tools.map(({ id, name, arguments: args }) => ({ id, type: "function", function: { name, arguments: args } }));
    return { index, message, logprobs: null, finish_reason: finish };
  });
  return { id: "chatcmpl-test", object: "chat.completion", created: 1795000000, model: "example-1", choices, usage: { prompt_tokens: 31, completion_tokens: 65, total_tokens: 96 } };
}

/**
 * A server that answers every POST with `answer`: `{ body, status, type, cut, pause, breaks, headers }`. `body` is text, or a function
 * of the request's JSON. `cut` is the number of bytes written at a time, `pause` the milliseconds between, `breaks`
 * ends the connection in the middle. `requests` keeps what was asked; `left()` resolves when a client has left early.
 */
export async function farEnd(answer) {
  const requests = [];
  let leave;
  const left = new Promise((resolve) => (leave = resolve));
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const asked = JSON.parse(Buffer.concat(parts).toString() || "{}");
    requests.push({ url: request.url, body: asked });
    const { body, status = 200, type = "text/event-stream", cut = Infinity, pause = 0, breaks = false, headers = {} } =
      typeof answer === "function" ? answer(asked) : answer;
    response.on("close", () => {
      if (!response.writableFinished) leave(true);
    });
    response.writeHead(status, { "content-type": type, ...headers });
    response.flushHeaders();
    const bytes = Buffer.from(body);
    for (let at = 0; at < bytes.length && !response.destroyed; at += cut) {
      response.write(bytes.subarray(at, Math.min(at + cut, bytes.length)));
      if (pause > 0) await sleep(pause);
      else if (cut !== Infinity) await new Promise(setImmediate);
    }
    if (breaks) response.destroy();
    else response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    requests,
    left: () => Promise.race([left, sleep(5000).then(() => { throw new Error("the client did not leave the connection within 5 s"); })]),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Masks keys and personal data on every channel. */
export const MASK = { version: 1, text: [{ name: "secrets", use: ["secrets", "pii"], action: "mask", replacement: "[redacted]" }] };

/** Holds each claim until a host's scorer has judged it. */
export const HOST = { version: 1, halt: [{ name: "host", channels: ["content"], score: { from: "host", at: "claim", hold: true }, hard_limit: 0.5 }] };

/** Nothing is checked: everything leaves as it came. */
export const NOTHING = { version: 1 };

/** A scorer that takes its time, and knows that the last ferry does not sail at 23:30. */
export async function slowScorer(claim, signal) {
  await sleep(3, undefined, { signal });
  return claim.text.includes("23:30") ? { score: 0.1, finding: "contradicted" } : 0.9;
}

/** The text of `examples/wrong.sse` before the claim that the handbook contradicts. */
export const BEFORE_WRONG = "The first ferry sails at 6:30 and a crossing takes 40 minutes. An adult ticket costs 12 euros. Children under 6 travel free.";

export async function collect(iterable) {
  const all = [];
  for await (const one of iterable) all.push(one);
  return all;
}
