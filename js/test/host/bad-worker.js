// Workers that are none of ours, by `?kind=`: what they do when the first message comes.
// Node's Workers have no address with a query: there it is `workerData`.
const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
const port = node?.parentPort ?? globalThis;
const kinds = {
  throws: () => { throw new Error("out of luck"); },
  hangs: () => { for (;;); },
  babbles: () => port.postMessage("good morning"),
  mistakes: () => port.postMessage({ tidegate: 1, id: "one", ok: true }),
  silent: () => undefined,
};
port.addEventListener("message", kinds[new URLSearchParams(node?.workerData ?? location.search).get("kind")]);
port.start?.();
