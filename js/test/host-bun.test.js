import test from "node:test";
import { assertRow, line, bun } from "./hosts.js";

test("the contract cases in Bun", { timeout: 300_000 }, async (t) => {
  const row = await bun();
  t.diagnostic(line(row));
  assertRow(row);
});
