/** The page's side of the Worker. */
import { InputError, type Inputs } from "./inputs.js";
import type { Snapshot } from "./run.js";
import type { Replayed } from "./trace.js";

export type Asked =
  /** `to` in deltas, as in `Run.advance`. */
  | { readonly ask: "run" | "trace"; readonly inputs: Inputs; readonly to: number }
  | { readonly ask: "replay"; readonly trace: string }
  | { readonly ask: "stream"; readonly bytes: Uint8Array };

interface Wrong {
  readonly where: InputError["where"]; readonly message: string;
  readonly line: number | undefined; readonly column: number | undefined; readonly help: string | undefined;
}
export type Answered =
  | { readonly id: number; readonly ok: unknown }
  | { readonly id: number; readonly wrong: Wrong }
  | { readonly id: number; readonly broken: string };

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
let last = 0;

worker.addEventListener("message", (message: MessageEvent<Answered>) => {
  const answered = message.data;
  const asked = waiting.get(answered.id);
  waiting.delete(answered.id);
  if (!asked) return;
  if ("ok" in answered) asked.resolve(answered.ok);
  else if ("wrong" in answered) {
    const { where, message: text, line, column, help } = answered.wrong;
    asked.reject(new InputError(where, text, line, column, help));
  } else asked.reject(new Error(answered.broken));
});
worker.addEventListener("error", (event) => {
  for (const asked of waiting.values()) asked.reject(new Error(event.message || "the Worker could not be loaded"));
  waiting.clear();
});

function ask<T>(asked: Asked): Promise<T> {
  const id = last += 1;
  return new Promise<T>((resolve, reject) => {
    waiting.set(id, { resolve: (value) => resolve(value as T), reject });
    worker.postMessage({ ...asked, id });
  });
}

/** All reject with `InputError` when an input is wrong. */
export const runTo = (inputs: Inputs, to: number): Promise<Snapshot> => ask({ ask: "run", inputs, to });
export const traceOf = (inputs: Inputs, to: number): Promise<string> => ask({ ask: "trace", inputs, to });
export const replay = (trace: string): Promise<Replayed> => ask({ ask: "replay", trace });
export const readStream = (bytes: Uint8Array): Promise<{ text: string; lengths: number[]; others: number }> => ask({ ask: "stream", bytes });
