// Workers that are none of ours, by `?kind=`: what they do when the first message comes.
const port = globalThis.process?.getBuiltinModule?.("node:worker_threads")?.parentPort ?? globalThis;
const kinds = {
  throws: () => { throw new Error("out of luck"); },
  hangs: () => { for (;;); },
  babbles: () => port.postMessage("good morning"),
  mistakes: () => port.postMessage({ tidegate: 1, id: "one", ok: true }),
  silent: () => undefined,
};
port.addEventListener("message", kinds[new URL(import.meta.url).searchParams.get("kind")]);
port.start?.();
