import test from "node:test";
import { assertRow, line, deno } from "./hosts.js";

test("the contract cases in Deno", { timeout: 300_000 }, async (t) => {
  const row = await deno();
  t.diagnostic(line(row));
  assertRow(row);
});
