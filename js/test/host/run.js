// What every host runs once it has the package: loads it, runs the cases, says what came of it.
import { runCases } from "../cases.js";

/** @typedef {import("../cases.js").Outcome} Outcome */

/**
 * @param tidegate the namespace of `tidegate`
 * @param kernel the namespace of `tidegate/kernel`
 * @param {readonly import("../cases.js").CaseFile[]} files
 * @param {() => unknown} load instantiates both modules
 * @returns {Promise<{ ms: number, cases: number, runs: number, problems: Outcome[], lacks: Outcome[], traces: Outcome[] }>}
 *   `ms` is what `load` took; `lacks` are the cases that the module cannot run, `traces` those with one to replay
 */
export async function runHost(tidegate, kernel, files, load) {
  const start = performance.now();
  await load();
  const ms = performance.now() - start;
  const outcomes = runCases({ ...tidegate, WasmStreamingKernel: kernel.WasmStreamingKernel }, files);
  return {
    ms,
    cases: outcomes.length,
    runs: outcomes.reduce((sum, { runs }) => sum + runs, 0),
    problems: outcomes.filter(({ problem }) => problem !== null),
    lacks: outcomes.filter(({ lacks }) => lacks !== undefined),
    traces: outcomes.filter(({ trace }) => trace !== undefined),
  };
}
