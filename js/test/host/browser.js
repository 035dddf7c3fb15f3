// The cases in a page or a dedicated Worker: modules by their addresses, WebAssembly by `fetch`.
import * as tidegate from "../../dist/index.js";
import * as kernel from "../../dist/kernel.js";
import { runHost } from "./run.js";

export async function run() {
  const files = await (await fetch("/cases.json")).json();
  return runHost(tidegate, kernel, files, async () => {
    await tidegate.init();
    await kernel.default();
  });
}
