// What is said between `connectGate` and `serveGates`: plain objects that can be cloned. Calls go in
// the order they are made and are answered by their number; steps come by themselves.
import { PolicyError, TidegateError } from "./errors.js";
import type { Channel, PushOptions, Step } from "./index.js";

/** Changes when a message does: a page and a Worker of two versions say so instead of misreading. */
export const PROTOCOL = 1;

/** Arguments of the calls, by name. */
export interface Calls {
  ping: Record<never, never>;
  open: {
    policy: string | Uint8Array | ArrayBuffer;
    facts: string | Uint8Array | undefined;
    record: boolean | undefined;
    wasm: string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | WebAssembly.Module | undefined;
  };
  push: { text: string; options: PushOptions | undefined };
  pushBytes: { bytes: Uint8Array };
  fault: { code: string; detail: string };
  finishChoice: { choice: number };
  finish: Record<never, never>;
  verdict: { choice: number | undefined };
  trace: Record<never, never>;
  held: { choice: number | undefined; channel: Channel | undefined };
  free: Record<never, never>;
}

export type Call = {
  [Name in keyof Calls]: { tidegate: typeof PROTOCOL; id: number; gate: number; call: Name; with: Calls[Name] };
}[keyof Calls];

/** What one push, or one answer of a scorer, led to; as `Step`, from afar. */
export type GateStep = Pick<Step, "text" | "releases" | "events" | "halted">;

/** What a Worker says: an answer to a call, or a step of a gate. */
export type Said =
  | { tidegate: typeof PROTOCOL; id: number; ok: unknown }
  | { tidegate: typeof PROTOCOL; id: number; error: Failure }
  | { tidegate: typeof PROTOCOL; gate: number; step: GateStep };

/** An error, as it crosses. */
export interface Failure {
  code: string;
  message: string;
  help?: string | undefined;
  policy?: { line?: number | undefined; column?: number | undefined } | undefined;
}

/** Whether a message is one of these; a Worker of another kind says other things. */
export function isSaid(data: unknown): data is Said {
  if (!isMarked(data)) return false;
  const said = data as Partial<Record<"id" | "gate" | "step" | "error", unknown>>;
  if (typeof said.id === "number") return "ok" in said || isFailure(said.error);
  return typeof said.gate === "number" && typeof said.step === "object" && said.step !== null;
}

/** Whether a message is a call; a Worker may be sent other things too. */
export function isCall(data: unknown): data is Call {
  if (!isMarked(data)) return false;
  const call = data as Partial<Record<"id" | "gate" | "call", unknown>>;
  return typeof call.id === "number" && typeof call.gate === "number" && typeof call.call === "string";
}

function isMarked(data: unknown): data is { tidegate: number } {
  return typeof data === "object" && data !== null && "tidegate" in data && data.tidegate === PROTOCOL;
}

function isFailure(error: unknown): error is Failure {
  return typeof error === "object" && error !== null && "code" in error && "message" in error;
}

/** A step without what cannot be cloned: its events are read. */
export function plainStep(step: GateStep): GateStep {
  return {
    text: step.text,
    releases: step.releases.map((release) => ({ ...release })),
    events: step.events.map((event) => ({ ...event })),
    halted: step.halted,
  };
}

export function failure(error: unknown): Failure {
  if (error instanceof PolicyError) {
    const { code, message, help, line, column } = error;
    return { code, message, help, policy: { line, column } };
  }
  if (error instanceof TidegateError) return { code: error.code, message: error.message, help: error.help };
  return { code: "worker_failed", message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}
