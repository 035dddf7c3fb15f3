import test from "node:test";
import { assertRow, line, node } from "./hosts.js";

test("the contract cases in Node", { timeout: 300_000 }, async (t) => {
  const row = await node();
  t.diagnostic(line(row));
  assertRow(row);
});
