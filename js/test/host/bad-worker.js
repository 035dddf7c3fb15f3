// Workers that are none of ours, by their name: what they do when the first message comes.
// Node tells Workers no name: there it is `workerData`. In Bun it is `threadName`.
const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
const port = node?.parentPort ?? globalThis;
const kinds = {
  throws: () => { throw new Error("out of luck"); },
  hangs: () => { for (;;); },
  babbles: () => port.postMessage("good morning"),
  mistakes: () => port.postMessage({ tidegate: 1, id: "one", ok: true }),
  silent: () => undefined,
};
port.addEventListener("message", kinds[node?.workerData ?? globalThis.name ?? node?.threadName]);
port.start?.();
