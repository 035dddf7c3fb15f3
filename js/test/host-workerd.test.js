import test from "node:test";
import { assertRow, line, workerd } from "./hosts.js";

test("the contract cases in workerd", { timeout: 300_000 }, async (t) => {
  const row = await workerd();
  t.diagnostic(line(row));
  assertRow(row);
});
