/**
 * The halt rule alone, in a module of 11 KB, with the interface that hosts of streaming kernels know.
 *
 * @module tidegate/kernel
 */

import { TidegateError, expected } from "./errors.js";
import { type ModuleInput, compile } from "./load.js";

export { TidegateError } from "./errors.js";
export type { ModuleInput } from "./load.js";

interface Exports {
  readonly memory: WebAssembly.Memory;
  tg_kernel_new(
    hardLimit: number,
    softLimit: number,
    windowSize: number,
    windowThreshold: number,
    trendWindow: number,
    trendThreshold: number,
    trend: number,
  ): number;
  tg_kernel_push(rule: number, score: number): number;
  tg_kernel_halt_index(rule: number): number;
  tg_kernel_value(rule: number): number;
  tg_kernel_reason(rule: number): number;
  tg_kernel_text(): number;
  tg_kernel_text_len(): number;
  tg_kernel_free(rule: number): number;
}

/** What the rule compares with. Limits are scores from 0 to 1. */
export interface KernelConfig {
  /** A score below it halts. Default 0.5. */
  hard_limit?: number;
  /** A score below it warns and never halts. Default 0.6. */
  soft_limit?: number;
  /** How many of the last scores the mean is taken over: 1 to 4096. Default 10. */
  window_size?: number;
  /** A mean below it halts. Default 0.55. */
  window_threshold?: number;
  /** How many of the last scores the drop is taken over: 2 to 4096. Default 5. */
  trend_window?: number;
  /** A drop above it halts: above 0. Default 0.15. */
  trend_threshold?: number;
  /** The first score of the window minus the last, or the least-squares slope. Default `endpoint`. */
  trend?: "endpoint" | "slope";
}

/** One token that was processed. */
export interface TokenEvent {
  readonly token: string;
  /** From 0. */
  readonly index: number;
  /** The score that it came with. */
  readonly coherence: number;
  readonly halted: boolean;
  /** The score is below the soft limit. */
  readonly warning: boolean;
}

/** What is known of a stream. It is live: it says what is so when it is read. */
export interface KernelSession {
  readonly halted: boolean;
  /** The index of the token that halted, which may not be shown; undefined while there is none. */
  readonly halt_index: number | undefined;
  /** Why it halted: `hard_limit (0.3000 < 0.5)`; empty while it has not. */
  readonly halt_reason: string;
  /** The tokens, up to and with the one that halted. */
  readonly tokens: readonly string[];
  /** Their scores. */
  readonly coherence_history: readonly number[];
  readonly events: readonly TokenEvent[];
  /** How many scores were below the soft limit. */
  readonly warning_count: number;
}

const DEFAULTS = {
  hard_limit: 0.5,
  soft_limit: 0.6,
  window_size: 10,
  window_threshold: 0.55,
  trend_window: 5,
  trend_threshold: 0.15,
} as const;
const TRENDS = { endpoint: 0, slope: 1 } as const;

/** Fields of scorers that older configurations carry: they change nothing here. */
const OLDER = new Set([
  "coherence_threshold",
  "w_logic",
  "w_fact",
  "history_window",
  "deadline_ms",
  "logit_entropy_limit",
]);

const WARN = 1;
const HALT = 2;
const LATCHED = 3;
const INVALID_SCORE = 1;

let module: Exports | undefined;
let loading: Promise<void> | undefined;
let death: unknown;

/**
 * Loads the module, once. Without an input, `tidegate-kernel.wasm` from beside this file.
 *
 * @throws TidegateError `bad_module`
 */
export default function init(input?: ModuleInput): Promise<void> {
  if (module !== undefined) return Promise.resolve();
  loading ??= compile(input ?? new URL("./tidegate-kernel.wasm", import.meta.url)).then(
    initSync,
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/** {@link init} at once, from a compiled module or its bytes. */
export function initSync(from: WebAssembly.Module | ArrayBuffer | ArrayBufferView<ArrayBuffer>): void {
  if (module !== undefined) return;
  try {
    const compiled = from instanceof WebAssembly.Module ? from : new WebAssembly.Module(from);
    const exports = new WebAssembly.Instance(compiled, {}).exports;
    if (typeof exports["tg_kernel_push"] !== "function") throw new Error("it has no `tg_kernel_push`");
    module = exports as unknown as Exports;
  } catch (cause) {
    throw new TidegateError("bad_module", `this is no kernel of tidegate: ${String(cause)}`, { cause });
  }
}

/** A call of the module. One that traps leaves it broken, and so do all later ones say. */
function call<R>(of: (kernel: Exports) => R): R {
  if (module === undefined) {
    throw new TidegateError("not_ready", "the module is not loaded: `await init()` first");
  }
  if (death === undefined) {
    try {
      return of(module);
    } catch (cause) {
      if (!(cause instanceof WebAssembly.RuntimeError || cause instanceof RangeError)) throw cause;
      death = cause;
    }
  }
  throw new TidegateError("broken", `the module died: ${String(death)}`, { cause: death });
}

function text(kernel: Exports): string {
  const bytes = new Uint8Array(kernel.memory.buffer, kernel.tg_kernel_text(), kernel.tg_kernel_text_len());
  return new TextDecoder().decode(bytes);
}

class Session implements KernelSession {
  halt_index: number | undefined = undefined;
  halt_reason = "";
  readonly tokens: string[] = [];
  readonly coherence_history: number[] = [];
  /** The indices of tokens whose score is below the soft limit, in order. */
  readonly warnings: number[] = [];

  get halted(): boolean {
    return this.halt_index !== undefined;
  }

  get warning_count(): number {
    return this.warnings.length;
  }

  get events(): TokenEvent[] {
    let next = 0;
    return this.tokens.map((token, index) => {
      const warning = this.warnings[next] === index;
      if (warning) next += 1;
      const coherence = this.coherence_history[index] as number;
      return { token, index, coherence, halted: index === this.halt_index, warning };
    });
  }
}

/** The halt rule over one stream of tokens and their scores. A new stream needs a new one. */
export class WasmStreamingKernel {
  /** 0 once it was freed. */
  #rule: number;
  readonly #session = new Session();

  /**
   * @param config JSON, or an object: {@link KernelConfig}; empty for the defaults.
   * @throws TidegateError `bad_config`, which names the field, the value and the range
   */
  constructor(config: string | KernelConfig = {}) {
    const fields = read(config);
    const trend = TRENDS[fields.trend];
    this.#rule = call((kernel) => {
      const rule = kernel.tg_kernel_new(
        fields.hard_limit,
        fields.soft_limit,
        fields.window_size,
        fields.window_threshold,
        fields.trend_window,
        fields.trend_threshold,
        trend,
      );
      if (rule === 0) throw refused(text(kernel), fields);
      return rule >>> 0;
    });
  }

  /**
   * Takes the next token and its score from 0 to 1; anything else halts. Once the stream is halted,
   * nothing changes any more.
   */
  process_token(token: string, score: number): KernelSession {
    if (typeof token !== "string") throw expected("token", "a string", token);
    if (typeof score !== "number") throw expected("score", "a number", score);
    const session = this.#session;
    const decision = this.push(score);
    if ((decision & 0xff) === LATCHED) return session;
    if (decision === WARN) session.warnings.push(session.tokens.length);
    session.tokens.push(token);
    session.coherence_history.push(score);
    if ((decision & 0xff) === HALT) this.#halt(decision >> 8);
    return session;
  }

  /**
   * The score alone, where the host keeps its tokens: bits 0 to 7 are 0 pass, 1 warn, 2 halt, 3 halted
   * before; bits 8 to 15 what halted, 1 `invalid_score`, 2 `hard_limit`, 3 `window_avg`, 4
   * `downward_trend`.
   */
  push(score: number): number {
    // no closure: this is called for every token
    if (module === undefined || death !== undefined) return call((kernel) => kernel.tg_kernel_push(0, 0));
    let decision: number;
    try {
      decision = module.tg_kernel_push(this.#rule, score);
    } catch (cause) {
      death = cause;
      return call((kernel) => kernel.tg_kernel_push(0, 0));
    }
    if ((decision & 0xff) > LATCHED) throw new TidegateError("bad_handle", "this kernel was freed");
    return decision;
  }

  #halt(code: number): void {
    const session = this.#session;
    call((kernel) => {
      session.halt_index = session.tokens.length - 1;
      kernel.tg_kernel_reason(this.#rule);
      session.halt_reason = text(kernel);
      if (code === INVALID_SCORE) {
        session.halt_reason += ` (${written(kernel.tg_kernel_value(this.#rule))})`;
      }
    });
  }

  /** Whether the next token may still leave. */
  is_active(): boolean {
    if (this.#rule === 0) throw new TidegateError("bad_handle", "this kernel was freed");
    return !this.#session.halted;
  }

  get_session(): KernelSession {
    return this.#session;
  }

  /** Gives its memory back. */
  free(): void {
    const rule = this.#rule;
    this.#rule = 0;
    if (call((kernel) => kernel.tg_kernel_free(rule)) === 0) {
      throw new TidegateError("bad_handle", "this kernel was freed");
    }
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

type Fields = Record<keyof typeof DEFAULTS, number> & { trend: keyof typeof TRENDS };

function read(config: string | KernelConfig): Fields {
  let given: unknown = config;
  if (typeof config === "string") {
    try {
      given = config.trim() === "" ? {} : JSON.parse(config);
    } catch (cause) {
      throw new TidegateError("bad_config", `the configuration is no JSON: ${String(cause)}`, { cause });
    }
  }
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw expected("config", "JSON or an object", given);
  }
  const fields: Fields = { ...DEFAULTS, trend: "endpoint" };
  for (const [name, value] of Object.entries(given)) {
    if (OLDER.has(name) || value === undefined) continue;
    if (name === "trend") {
      if (typeof value !== "string" || !Object.hasOwn(TRENDS, value)) {
        throw bad(`\`trend\` is \`${String(value)}\`: expected \`endpoint\` or \`slope\``);
      }
      fields.trend = value as Fields["trend"];
    } else if (Object.hasOwn(DEFAULTS, name)) {
      if (typeof value !== "number") throw bad(`\`${name}\` must be a number, found ${found(value)}`);
      const isCount = name === "window_size" || name === "trend_window";
      if (isCount && !(Number.isInteger(value) && value >= 0 && value < 2 ** 32)) {
        throw bad(`\`${name}\` is \`${value}\`: expected a whole number up to 4096`);
      }
      fields[name as keyof typeof DEFAULTS] = value;
    } else {
      throw bad(`unknown field \`${name}\``, nearest(name));
    }
  }
  return fields;
}

/** What is there in place of a number, as policies say it. */
function found(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return `the string \`${JSON.stringify(value)}\``;
  if (typeof value === "boolean") return `\`${value}\``;
  return Array.isArray(value) ? "an array" : "a table";
}

function bad(message: string, near?: string): TidegateError {
  const help = near === undefined ? undefined : `did you mean \`${near}\`?`;
  return new TidegateError("bad_config", message, { help });
}

/** The module's word, and the value that it has no code to print. */
function refused(why: string, fields: Fields): TidegateError {
  const [, name, range] = /^`(\w+)` is out of range: (.*)$/.exec(why) ?? [];
  if (name === undefined) return new TidegateError("no_room", why);
  const a = name.endsWith("_window") || name.endsWith("_size") ? "a whole number" : "a number";
  return bad(`\`${name}\` is \`${fields[name as keyof Fields]}\`: ${range?.replace("expected", `expected ${a}`)}`);
}

/** A number that is no score, as all builds write it: without an exponent from 1e-9 to 1e9. */
function written(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size >= 1e-9 && size < 1e9) {
    const [digits, exponent] = value.toExponential().split("e") as [string, string];
    return Number(exponent) < -6
      ? value.toFixed(digits.replace(/^-?\d\.?/, "").length - Number(exponent))
      : String(value);
  }
  return value.toExponential().replace("e+", "e");
}

/** The known name that is nearest, if one is near. */
function nearest(name: string): string | undefined {
  const known = [...Object.keys(DEFAULTS), "trend"];
  const near = known.map((other) => [distance(name, other), other] as const).sort(([a], [b]) => a - b)[0];
  return near !== undefined && near[0] <= Math.max(2, name.length / 3) ? near[1] : undefined;
}

/** How many letters must be changed, put in or taken out. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
