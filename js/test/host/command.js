// The cases in a runtime that reads files: Node, Deno, Bun. Prints what came of them as JSON.
import * as tidegate from "tidegate";
import * as kernel from "tidegate/kernel";
import { caseFiles } from "../fixtures.js";
import { runHost } from "./run.js";

const result = await runHost(tidegate, kernel, caseFiles(), async () => {
  await tidegate.init();
  await kernel.default();
});
console.log(JSON.stringify(result));
