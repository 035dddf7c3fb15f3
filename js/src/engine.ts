// The module `tidegate.wasm`.

import { Abi, type AbiExports } from "./abi.js";
import { TidegateError } from "./errors.js";
import { compile, type ModuleInput } from "./load.js";

/** The functions of the C ABI; `tidegate.h` describes them. */
interface Exports extends AbiExports {
  tg_abi_version(): number;
  tg_version(): number;
  tg_capabilities(): number;
  tg_policy_new(text: number, len: number, format: number): number;
  tg_policy_notices(policy: number, out: number): number;
  tg_policy_json(policy: number, out: number): number;
  tg_facts_new(): number;
  tg_facts_load(data: number, len: number): number;
  tg_facts_add(facts: number, source: number, sourceLen: number, data: number, len: number, format: number): number;
  tg_facts_len(facts: number): number;
  tg_facts_save(facts: number, out: number): number;
  tg_gate_new(policy: number, facts: number, flags: number): number;
  tg_gate_push(gate: number, choice: number, channel: number, text: number, len: number): number;
  tg_gate_push_tokens(gate: number, choice: number, channel: number, text: number, len: number, tokens: number, tokensLen: number): number;
  tg_gate_push_token(gate: number, choice: number, channel: number, bytes: number, score: number): number;
  tg_gate_push_token_error(gate: number, choice: number, channel: number, bytes: number, error: number): number;
  tg_gate_push_bytes?(gate: number, data: number, len: number): number;
  tg_gate_fault(gate: number, code: number, codeLen: number, detail: number, detailLen: number): number;
  tg_gate_finish(gate: number, choice: number): number;
  tg_gate_request(gate: number, out: number): number;
  tg_gate_resolve_found(gate: number, id: number, score: number, finding: number): number;
  tg_gate_resolve_error(gate: number, id: number, error: number, why: number, whyLen: number): number;
  tg_gate_step(gate: number): number;
  tg_gate_events(gate: number, out: number): number;
  tg_gate_verdict(gate: number, choice: number, out: number): number;
  tg_gate_held(gate: number, choice: number, channel: number): number;
  tg_gate_trace(gate: number, out: number): number;
  tg_replay(trace: number, len: number, out: number): number;
  tg_drop(handle: number): number;
}

const ABI_VERSION = 1;

/** What the module can do. */
export interface Capabilities {
  /** The module's version. */
  readonly version: string;
  /** Built with SIMD. */
  readonly simd: boolean;
  /** Reads policies in TOML, YAML and JSON. */
  readonly policies: boolean;
  /** Reads providers' streams: `pushBytes`. */
  readonly wire: boolean;
  /** Runs text rules. */
  readonly text: boolean;
  /** Scores claims by facts. */
  readonly facts: boolean;
}

/** An instance of the module. */
export class Engine extends Abi<Exports> {
  constructor(module: WebAssembly.Module) {
    super(module, "tg_abi_version", ABI_VERSION);
  }

  get capabilities(): Capabilities {
    const bits = this.run(() => this.calls.tg_capabilities());
    return {
      version: this.textUntilZero(this.calls.tg_version()),
      simd: (bits & 1) !== 0,
      policies: (bits & 2) !== 0,
      wire: (bits & 4) !== 0,
      text: (bits & 8) !== 0,
      facts: (bits & 16) !== 0,
    };
  }
}

let loading: Promise<void> | undefined;
let loaded: Engine | undefined;

/**
 * Loads the module, once: later calls give the same promise, whatever their input, unless loading
 * failed. Without an input, `tidegate.wasm` from beside this file.
 *
 * @throws TidegateError `bad_module`
 */
export function init(input?: ModuleInput): Promise<void> {
  if (loaded !== undefined) return Promise.resolve();
  loading ??= compile(input ?? new URL("./tidegate.wasm", import.meta.url)).then(
    (module) => {
      loaded ??= new Engine(module);
    },
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/**
 * {@link init} at once, for hosts that have the module or its bytes at hand. Once a module is
 * loaded, it stays.
 *
 * @throws TidegateError `bad_module`
 */
export function initSync(module: WebAssembly.Module | ArrayBuffer | ArrayBufferView<ArrayBuffer>): void {
  if (loaded !== undefined) return;
  try {
    loaded = new Engine(module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module));
  } catch (cause) {
    if (cause instanceof TidegateError) throw cause;
    throw new TidegateError("bad_module", `the module could not be compiled: ${String(cause)}`, { cause });
  }
}

/** The module. */
export function engine(): Engine {
  if (loaded === undefined) {
    throw new TidegateError("not_ready", "the module is not loaded: `await init()` first");
  }
  return loaded;
}

/** What the loaded module can do. */
export function capabilities(): Capabilities {
  return engine().capabilities;
}
