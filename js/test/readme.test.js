// Runs the readme and the cookbook: each `js` block that is followed by a `text` block must print it. Blocks that
// export a function are imported, and called here.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { init, Policy } from "tidegate";
import { BEFORE_WRONG, chunk, chunksOf, collect, example, farEnd, MASK, said, wholeOf } from "./far-end.js";
import { byteTokenizer, generate } from "./tokenizer.js";

const documents = { "README.md": new URL("../README.md", import.meta.url), "cookbook.md": new URL("../../docs/cookbook.md", import.meta.url) };
// inside of the package, so that the blocks' imports are found
const folder = mkdtempSync(fileURLToPath(new URL("run-", import.meta.url)));
let server;

before(async () => {
  await init();
  server = await farEnd(({ messages = [], stream }) => {
    const name = JSON.stringify(messages).includes("booking") ? "leak.sse" : "wrong.sse";
    if (stream) return { body: example(name), cut: 200 };
    return { body: JSON.stringify(wholeOf(chunksOf(example(name)))), type: "application/json" };
  });
});
after(async () => {
  rmSync(folder, { recursive: true });
  await server.close();
});

/** The `js` blocks of a document, each with the heading above it and the `text` block behind it. */
function blocksOf(document) {
  const blocks = [];
  let heading = "";
  for (const [, title, language, body] of document.matchAll(/^#+ ([^\n]*)$|^```(\w*)\n(.*?)^```$/gms)) {
    if (title !== undefined) heading = title;
    else if (language === "js") blocks.push({ heading, code: body, prints: null });
    else if (language === "text" && blocks.length > 0) blocks.at(-1).prints = body;
  }
  return blocks;
}

const exported = new Map();

for (const [name, url] of Object.entries(documents)) {
  const blocks = blocksOf(readFileSync(url, "utf8"));
  assert.ok(blocks.length > 3, `${name} has blocks`);
  for (const [number, { heading, code, prints }] of blocks.entries()) {
    const file = `${folder}/${name}-${number}.mjs`;
    writeFileSync(file, code);
    if (prints === null) {
      assert.match(code, /^export /m, `${name}, ${heading}: a block without output exports something to be called`);
      exported.set(heading, pathToFileURL(file).href);
      continue;
    }
    test(`${name}: ${heading}`, async () => {
      const env = { ...process.env, OPENAI_API_KEY: "none", OPENAI_BASE_URL: server.url };
      const { stdout } = await promisify(execFile)(process.execPath, [file], { env });
      if (process.env.UPDATE_EXPECT) update(url, code, stdout);
      else assert.equal(stdout.trimEnd(), prints.trimEnd());
    });
  }
}

/** Writes what a block prints behind it. */
function update(url, code, stdout) {
  const document = readFileSync(url, "utf8");
  const start = document.indexOf(code) + code.length;
  const from = document.indexOf("```text\n", start) + "```text\n".length;
  const to = document.indexOf("```", from);
  writeFileSync(url, document.slice(0, from) + `${stdout.trimEnd()}\n` + document.slice(to));
}

async function recipe(heading) {
  assert.ok(exported.has(heading), `a recipe \`${heading}\``);
  return import(exported.get(heading));
}

test("README.md: transformers.js (its real streamer and stopping criteria; no model can be fetched here)", async () => {
  const { answer } = await recipe("transformers.js");
  const tokenizer = byteTokenizer();
  const wrong = said(chunksOf(example("wrong.sse"))).content;
  let tokens = 0;
  const generator = Object.assign(async (text, { streamer, stopping_criteria }) => {
    tokens = await generate(tokenizer, streamer, text, stopping_criteria);
  }, { tokenizer });
  const options = { facts: example("handbook.md") };
  assert.equal((await collect(answer(generator, wrong, example("facts.toml"), options))).join(""), BEFORE_WRONG);
  assert.ok(tokens < wrong.length, `${tokens} tokens`);
  const right = said(chunksOf(example("right.sse"))).content;
  assert.equal((await collect(answer(generator, right, example("facts.toml"), options))).join(""), right);
  const failing = Object.assign(async () => { throw new Error("out of memory"); }, { tokenizer });
  await assert.rejects(collect(answer(failing, "", MASK)), /out of memory/);
});

test("README.md: WebLLM (its engine needs WebGPU, which is not here)", async () => {
  const { answer } = await recipe("WebLLM");
  let interrupted = 0;
  const engine = {
    interruptGenerate: () => (interrupted += 1),
    chat: { completions: { async create() {
      return (async function* () {
        for (const content of said(chunksOf(example("wrong.sse"))).content.match(/.{1,6}/gs)) {
          yield chunk({ content });
          await sleep(0);
        }
      })();
    } } },
  };
  const chunks = await collect(await answer(engine, [], example("facts.toml"), { facts: example("handbook.md") }));
  assert.equal(said(chunks).content, BEFORE_WRONG);
  assert.equal(interrupted, 1);
});

test("cookbook.md: A route that streams gated answers", async () => {
  const { handle } = await recipe("A route that streams gated answers");
  const policy = new Policy(MASK);
  const request = new Request("http://here.example/chat", { method: "POST", body: JSON.stringify({ model: "example-1", stream: true, messages: [{ role: "user", content: "What of my booking?" }] }) });
  const response = await handle(request, { upstream: `${server.url}/chat/completions`, key: "none", policy });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const text = await response.text();
  assert.ok(!/ghp_|4111/.test(text));
  assert.equal(said(chunksOf(text)).content.split("[redacted]").length, 5);
});
