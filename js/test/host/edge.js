// The cases in Node with the small module, which reads no policies: the cases come with theirs compiled, in
// the file that is named. Prints what came of them as JSON.
import { readFileSync } from "node:fs";
import * as tidegate from "tidegate";
import * as kernel from "tidegate/kernel";
import { runHost } from "./run.js";

const result = await runHost(tidegate, kernel, JSON.parse(readFileSync(process.argv[2], "utf8")), async () => {
  await tidegate.init(new URL("../../dist/tidegate-edge.wasm", import.meta.url));
  await kernel.default();
});
console.log(JSON.stringify(result));
