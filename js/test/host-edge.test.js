// The contract cases with `tidegate-edge.wasm`: their policies are compiled here, with the full module, and run
// where only the small one is. What it cannot run are providers' streams, and only they.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import * as tidegate from "tidegate";
import { compileCases } from "./cases.js";
import { chunksOf, example, farEnd, MASK, said } from "./far-end.js";
import { caseFiles } from "./fixtures.js";
import { assertRow, line, nodeEdge, workerd } from "./hosts.js";
import { serveWorker } from "./workerd.js";

const streams = caseFiles().filter(({ text }) => JSON.parse(text).stream !== undefined).map(({ name }) => name);
let files;

before(async () => {
  await tidegate.init();
  files = compileCases(tidegate, caseFiles());
});

for (const [where, run] of [["Node", () => nodeEdge(files)], ["workerd", () => workerd(files, "tidegate-edge.wasm")]]) {
  test(`the contract cases in ${where} with the small module`, { timeout: 300_000 }, async (t) => {
    const row = await run();
    t.diagnostic(`${line(row)} ${row.lacks.length} streams lacking, ${row.traces.length} traces to replay`);
    assert.equal(streams.length, 23);
    assertRow(row, streams);
    for (const { name, lacks } of row.lacks) assert.match(lacks, /reads no providers' streams/, name);
    const runs = files.filter(({ name, compiled }) => typeof compiled === "string" && !streams.includes(name) && !name.startsWith("kernel/"));
    // one case is about a gate that cannot be made
    assert.equal(row.traces.length, runs.length - 1);
    for (const { name, trace } of row.traces) assert.deepEqual(tidegate.replay(trace.trace), trace.halts, name);
  });
}

test("the Worker of docs/wasm.md, with the small module and a compiled policy", { timeout: 60_000 }, async (t) => {
  const provider = await farEnd({ body: example("leak.sse"), cut: 100 });
  t.after(() => provider.close());
  const folder = await mkdtemp(join(tmpdir(), "tidegate-edge-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "node_modules"));
  await symlink(fileURLToPath(new URL("..", import.meta.url)), join(folder, "node_modules/tidegate"), "dir");
  const document = await readFile(new URL("../../docs/wasm.md", import.meta.url), "utf8");
  const [, code] = /^```js\n([^`]*\.tgp[^`]*)^```$/m.exec(document);
  await writeFile(join(folder, "main.js"), code.replace("https://models.example/v1", provider.url));
  const policy = new tidegate.Policy(MASK);
  await writeFile(join(folder, "policy.tgp"), policy.toBytes());
  policy.free();
  // as Workers' bundlers do it: what is no JavaScript stays a file of its own
  const out = join(folder, "out");
  await build({
    entryPoints: [join(folder, "main.js")], outdir: out, bundle: true, format: "esm", platform: "browser",
    loader: { ".wasm": "copy", ".tgp": "copy" }, assetNames: "[name]", external: ["node:*"], logLevel: "error",
  });
  const worker = await serveWorker(out, ["main.js", "tidegate-edge.wasm", "policy.tgp"]);
  t.after(() => worker.close());
  const answer = await fetch(worker.url, { method: "POST", body: JSON.stringify({ model: "example-1", stream: true, messages: [] }) });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${text}\n${worker.said()}`);
  assert.match(said(chunksOf(text)).content, /^Of course! Write to \[redacted\] or call \[redacted\]\./);
});
