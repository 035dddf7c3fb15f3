// The npm package `tidegate` (ES modules). Contract for everything built on its core.
// import { init, Policy, Facts, Gate, gateText, gateStream, ... } from "tidegate"

/** Loads the WebAssembly module once; without input, `tidegate.wasm` beside this file
 *  (fetch in browsers/Workers, node:fs for file: URLs). Later calls return the same promise. */
export function init(input?: URL | string | Response | Promise<Response> | BufferSource | WebAssembly.Module): Promise<void>;
/** The same, at once, from a compiled module or bytes (Service Workers, workerd). */
export function initSync(module: BufferSource | WebAssembly.Module): void;
export interface Capabilities { version: string; simd: boolean; text: boolean; facts: boolean; wire: boolean; policies: readonly ("toml"|"yaml"|"json")[]; }
export function capabilities(): Capabilities;

export type Channel = "content" | "reasoning" | "refusal" | `tool:${number}`;
export type Source = "host" | "facts" | "logprob" | "embed" | "nli" | "blend";
export type Finding = "supported" | "unsupported" | "contradicted";

/** All errors are of this class or below. `code` is for programs: "bad_policy", "bad_handle", "bad_text",
 *  "bad_argument", "lacks", "no_memory", "broken", "finished", "unknown_request", "not_ready", ... */
export class TidegateError extends Error { readonly code: string; readonly help?: string; }
export class PolicyError extends TidegateError { readonly line?: number; readonly column?: number; }

/** A policy, made ready. A string is TOML, YAML or JSON (`format` says which; default: JSON if it begins
 *  with `{`, else TOML); an object is taken as JSON. */
export class Policy {
  constructor(policy: string | object, format?: "toml" | "yaml" | "json");
  readonly notices: readonly string[];
  /** The policy as JSON with all defaults. */
  toJSON(): PolicyDocument;
  free(): void; [Symbol.dispose](): void;
}
export interface PolicyDocument { version: 1; halt?: object[]; text?: object[]; [field: string]: unknown }

export class Facts {
  constructor(text?: string | Uint8Array, options?: { format?: "text" | "markdown" | "csv" | "jsonl"; source?: string });
  add(text: string, options?: { format?: "text" | "markdown" | "csv" | "jsonl"; source?: string }): void;
  readonly size: number; // passages
  toBytes(): Uint8Array; static fromBytes(bytes: Uint8Array): Facts;
  free(): void;
}

/** What a scorer says of a claim. A bare number is `{ score }`. */
export type Answer = { score: number; finding?: Finding } | { error: "missing" | "late" | "failed"; reason?: string };
export interface ScoreRequest {
  readonly id: number; readonly choice: number; readonly channel: Channel; readonly check: string;
  readonly source: Source; readonly index: number; readonly start: number; readonly end: number; // bytes in the channel's text
  readonly text: string; readonly deadline_ms: number;
}
export interface Release { readonly choice: number; readonly channel: Channel; readonly text: string; readonly start: number; readonly end: number; readonly masked: boolean }
export interface Halted { readonly check: string; readonly code: string; readonly rule?: string; readonly choice: number; readonly channel?: Channel; readonly index?: number; readonly start?: number; readonly end?: number; readonly finding?: Finding; readonly value?: number; readonly limit?: number; readonly reason: string }
export interface Evidence { readonly finding: Finding; readonly mismatch?: string; readonly passage?: number; readonly text: string; readonly unmatched: readonly string[] }
export type GateEvent =
  | { readonly event: "passed"; readonly choice: number; readonly channel: Channel; readonly check: string; readonly index: number; readonly end: number; readonly score: number; readonly finding?: Finding; readonly warn: boolean }
  | { readonly event: "match"; readonly choice: number; readonly channel: Channel; readonly check: string; readonly rule?: string; readonly action: "halt" | "mask" | "flag"; readonly mode: "enforce" | "shadow"; readonly start: number; readonly end: number }
  | ({ readonly event: "scored"; /* what a scorer of the module said of a claim */ readonly choice: number; readonly channel: Channel; readonly check: string; readonly index: number; readonly start: number; readonly end: number; readonly score?: number; readonly error?: string; readonly evidence?: Evidence })
  | ({ readonly event: "shadow" | "allowed" | "halted" } & Halted);

/** What one call led to. */
export interface Step {
  /** What of choice 0's `content` may leave now: the releases' text, joined. */
  readonly text: string;
  readonly releases: readonly Release[];
  readonly events: readonly GateEvent[]; // read lazily
  /** Whether choice 0 is halted by now. */
  readonly halted: boolean;
}
export interface GateOptions {
  facts?: Facts | string;
  /** Keep records for `trace()`. Default true. */
  record?: boolean;
  /** Sources whose claims are handed out by `requests()`; default: all that the policy's checks take scores
   *  from and the module has no scorer for ("host", "embed", "nli"). */
}
export type Verdict = { readonly open: true; readonly halted: null } | { readonly open: false; readonly halted: Halted };
/** Decides what of one response may leave. Sans I/O, synchronous. */
export class Gate {
  constructor(policy: Policy | string | object, options?: GateOptions);
  push(text: string, options?: { choice?: number; channel?: Channel; /** the host's score of this piece as one token */ score?: number; tokens?: readonly { text: string; logprob: number }[] }): Step;
  /** Bytes of a provider's stream, cut anywhere: SSE, JSON Lines, plain text; all dialects the program knows. */
  pushBytes(bytes: Uint8Array): Step;
  /** Claims that want a score and were not handed out yet. */
  requests(): ScoreRequest[];
  resolve(id: number, answer: number | Answer): Step;
  /** The text has ended. What waits for scores still waits: resolve, then it leaves. */
  finish(): Step;
  verdict(choice?: number): Verdict;
  /** The records since the last call, one JSON object a line. */
  trace(): string;
  /** How many bytes of the channel are held back. */
  held(choice?: number, channel?: Channel): number;
  free(): void; [Symbol.dispose](): void;
}
/** Decides a trace again. Throws TidegateError `replay_differs` or `bad_trace` with `line`. */
export function replay(trace: string): Halted[];

// ---- streams (asynchronous) -------------------------------------------------
export type Scorer = (claim: ScoreRequest, signal: AbortSignal) => number | Answer | Promise<number | Answer>;
export interface StreamOptions extends GateOptions {
  /** Who answers for a source. A source without one: every score is missing. */
  scorers?: Partial<Record<"host" | "embed" | "nli", Scorer>>;
  onStep?: (step: Step, gate: Gate) => void;
  onHalt?: (halted: Halted) => void;
  /** Aborts what feeds the stream once choice 0 is halted. */
  signal?: AbortSignal;
}
/** text in, released text out; ends early at a halt (the readable closes; the writable errors no one, it discards). */
export function gateStream(policy: Policy | string | object, options?: StreamOptions): TransformStream<string, string>;
/** SSE bytes of an OpenAI-compatible chat completion in, SSE bytes out, each event's text replaced by what may leave;
 *  a halt becomes finish_reason "content_filter" and `[DONE]`. */
export function gateSSE(policy: Policy | string | object, options?: StreamOptions): TransformStream<Uint8Array, Uint8Array>;
/** any async iterable of text (transformers.js streamers, WebLLM-style generators) */
export function gateText(source: AsyncIterable<string>, policy: Policy | string | object, options?: StreamOptions): AsyncIterable<string>;
/** `fetch` whose answers are gated when they are OpenAI-compatible (streams and whole answers). */
export function gatedFetch(policy: Policy | string | object, options?: StreamOptions & { fetch?: typeof fetch }): typeof fetch;
/** Async front: pushes with scorers, deadlines and order kept. All of the above stand on it. */
export class GateSession {
  constructor(policy: Policy | string | object, options?: StreamOptions);
  readonly gate: Gate;
  push(text: string, options?: { choice?: number; channel?: Channel; score?: number }): Step; // at once; later steps go to onStep
  pushBytes(bytes: Uint8Array): Step;
  /** Resolves when fewer than 8 claims wait for scores: back-pressure. */
  ready(): Promise<void>;
  finish(): Promise<void>; // when nothing waits any more
  free(): void;
}
// other entries: "tidegate/kernel", "tidegate/worker" (connectGate), "tidegate/ai-sdk", "tidegate/openai", "tidegate/store"
