// The contract cases with `tidegate-edge.wasm`: their policies are compiled here, with the full module, and run
// where only the small one is. What it cannot run are providers' streams, and only they.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tidegate from "tidegate";
import { compileCases } from "./cases.js";
import { caseFiles } from "./fixtures.js";
import { assertRow, line, nodeEdge, workerd } from "./hosts.js";

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
