// The module `tidegate.wasm`, and what all modules with a C ABI share: the only file that knows addresses.

import { PolicyError, TidegateError, expected } from "./errors.js";
import { compile, type ModuleInput } from "./load.js";

/** The functions that all modules with a C ABI have. */
export interface AbiExports {
  readonly memory: WebAssembly.Memory;
  tg_alloc(len: number): number;
  tg_dealloc(data: number): number;
  tg_error(out: number): number;
}

/** The functions of the gate's C ABI; `tidegate.h` describes them. */
interface Exports extends AbiExports {
  tg_abi_version(): number;
  tg_version(): number;
  tg_capabilities(): number;
  tg_policy_new(text: number, len: number, format: number): number;
  tg_policy_load(data: number, len: number): number;
  tg_policy_save(policy: number, out: number): number;
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

/** Bytes at the start of the lent memory where calls write what they give. */
const OUT_BYTES = 128;

/** Text and bytes that one call takes at most, as the module has it. */
const BYTES_MAX = 2 ** 30;

/** Texts up to here are read and written by hand where they are ASCII. */
const SHORT_BYTES = 64;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What the module can do. */
export interface Capabilities {
  /** The module's version. */
  readonly version: string;
  /** Built with SIMD. */
  readonly simd: boolean;
  /** Reads policies in TOML, YAML and JSON, and replays traces; without, loads compiled policies only. */
  readonly policies: boolean;
  /** Reads providers' streams: `pushBytes`. */
  readonly wire: boolean;
  /** Runs text rules. */
  readonly text: boolean;
  /** Scores claims by facts. */
  readonly facts: boolean;
  /** Reads facts from Markdown, CSV and JSON Lines; without, from plain text and saved ones. */
  readonly formats: boolean;
}

/** An instance of a module with a C ABI. */
export class Abi<E extends AbiExports> {
  readonly calls: E;
  /** Lent memory: `OUT_BYTES` that calls write to, then bytes that calls take. */
  #lent = 0;
  #room = 0;
  #bytes = new Uint8Array();
  #view = new DataView(new ArrayBuffer(0));
  /** What the module died of. */
  #death: unknown;

  /** `version` names the function that says which ABI it is; it must be `wanted`. */
  constructor(module: WebAssembly.Module, version: keyof E & string, wanted: number) {
    let exports: WebAssembly.Exports;
    try {
      exports = new WebAssembly.Instance(module, {}).exports;
    } catch (cause) {
      throw new TidegateError("bad_module", `the module cannot be instantiated: ${String(cause)}`, { cause });
    }
    const says = exports[version];
    if (typeof says !== "function" || says() !== wanted) {
      throw new TidegateError("bad_module", `this is no module of tidegate with \`${version}\` ${wanted}`);
    }
    this.calls = exports as unknown as E;
    this.#lend(64 << 10);
  }

  /** The memory as bytes. */
  bytes(): Uint8Array {
    // when the memory grows its old buffer is taken away, and views of it have no length; to ask the
    // memory for its buffer each time would take longer
    if (this.#bytes.length === 0) {
      this.#bytes = new Uint8Array(this.calls.memory.buffer);
      this.#view = new DataView(this.calls.memory.buffer);
    }
    return this.#bytes;
  }

  view(): DataView {
    this.bytes();
    return this.#view;
  }

  /** A whole number of eight bytes; exact below 2^53, which no count of bytes reaches. */
  u64(at: number): number {
    const view = this.view();
    return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  }

  /** Makes a call; a trap is an error, and every later call fails with it. */
  run<R>(call: () => R): R {
    if (this.#death !== undefined) throw this.#dead();
    try {
      return call();
    } catch (cause) {
      if (!(cause instanceof WebAssembly.RuntimeError || cause instanceof RangeError)) throw cause;
      this.#death = cause;
      throw this.#dead();
    }
  }

  #dead(): TidegateError {
    let message = `the module died: ${String(this.#death)}`;
    try {
      this.calls.tg_error(this.#lent);
      message = (JSON.parse(this.text(this.#lent)) as { message: string }).message;
    } catch {
      // it is too dead to say why
    }
    return new TidegateError("broken", `${message}; load the module anew`, { cause: this.#death });
  }

  /** A call that gives a status; what else it says. */
  status(call: () => number): number {
    const result = this.run(call);
    if ((result & 0xff) > 1) throw this.failure();
    return result;
  }

  /** A call that gives a handle. */
  handle(call: () => number): number {
    const handle = this.run(call) >>> 0;
    if (handle === 0) throw this.failure();
    return handle;
  }

  /** Why the last call failed. */
  failure(): TidegateError {
    this.run(() => this.calls.tg_error(this.#lent));
    const { code, message, help, line, column } = JSON.parse(this.text(this.#lent)) as {
      code: string;
      message: string;
      help?: string;
      line?: number;
      column?: number;
    };
    if (code === "bad_policy") return new PolicyError(message, { help, line, column });
    return new TidegateError(code, message, { help, line });
  }

  /** Where calls may write what they give. */
  get out(): number {
    return this.#lent;
  }

  /** The text of a `tg_bytes`. */
  text(at: number): string {
    return decoder.decode(this.given(at));
  }

  /** The bytes of a `tg_bytes`, as a view. */
  given(at: number): Uint8Array {
    const view = this.view();
    const start = view.getUint32(at, true);
    return this.bytes().subarray(start, start + view.getUint32(at + 4, true));
  }

  /**
   * A text from the module's memory. If it is the one that was written last, of so many bytes, it need
   * not be made anew.
   */
  decode(start: number, len: number, written = "", writtenLen = 0): string {
    const bytes = this.bytes();
    if (len === writtenLen && len <= SHORT_BYTES) {
      let at = 0;
      while (at < len && bytes[start + at] === bytes[this.input + at]) at += 1;
      if (at === len) return written;
    }
    if (len <= SHORT_BYTES) {
      // a decoder takes longer to call than a short text to read
      let text = "";
      let at = 0;
      for (; at < len; at += 1) {
        const byte = bytes[start + at] as number;
        if (byte >= 0x80) break;
        text += String.fromCharCode(byte);
      }
      if (at === len) return text;
    }
    return decoder.decode(bytes.subarray(start, start + len));
  }

  /** Makes a call that writes a text. */
  ask(call: (out: number) => number): string {
    this.status(() => call(this.#lent));
    return this.text(this.#lent);
  }

  /** Where `write` writes. */
  get input(): number {
    return this.#lent + OUT_BYTES;
  }

  /** Writes a text for a call: how many bytes it is. A lone surrogate is an error: UTF-8 has none. */
  write(text: string, what = "text"): number {
    if (typeof text !== "string") throw expected(what, "a string", text);
    // a UTF-16 unit is at most three bytes
    if (text.length * 3 > this.#room) this.#reserve(text.length * 3);
    if (text.length <= SHORT_BYTES) {
      const bytes = this.bytes();
      const start = this.input;
      let at = 0;
      for (; at < text.length; at += 1) {
        const unit = text.charCodeAt(at);
        if (unit >= 0x80) break;
        bytes[start + at] = unit;
      }
      if (at === text.length) return at;
    }
    const { read, written } = encoder.encodeInto(text, this.bytes().subarray(this.input));
    if (read !== text.length) throw new TidegateError("no_memory", `there is no memory for \`${what}\``);
    if (!isWellFormed(text, written)) {
      throw new TidegateError("bad_text", `\`${what}\` has half of a surrogate pair, which is no character`);
    }
    return written;
  }

  /** Writes bytes for a call: how many they are. */
  writeBytes(bytes: Uint8Array): number {
    const len = bytes.length;
    if (len > this.#room) this.#reserve(len);
    this.bytes().set(bytes, this.input);
    return len;
  }

  /** Writes two runs of bytes for a call, one behind the other. */
  writeBoth(first: Uint8Array, second: Uint8Array): void {
    this.#reserve(first.length + second.length);
    this.bytes().set(first, this.input);
    this.bytes().set(second, this.input + first.length);
  }

  /** A text in UTF-8. */
  encode(text: string, what: string): Uint8Array {
    const len = this.write(text, what);
    return this.bytes().slice(this.input, this.input + len);
  }

  #reserve(len: number): void {
    if (len > BYTES_MAX) {
      throw new TidegateError("bad_length", `a call takes at most ${BYTES_MAX} bytes, not ${len}`);
    }
    if (len <= this.#room) return;
    this.#lend(len);
  }

  #lend(len: number): void {
    const lent = this.run(() => this.calls.tg_alloc(OUT_BYTES + len));
    if (lent === 0) {
      throw this.#lent === 0
        ? new TidegateError("no_memory", "there is no memory for the module")
        : this.failure();
    }
    const old = this.#lent;
    this.#lent = lent;
    this.#room = len;
    if (old !== 0) this.run(() => this.calls.tg_dealloc(old));
  }

  /** Gives back memory that one large text took. */
  shrink(): void {
    if (this.#room > 1 << 20) this.#lend(64 << 10);
  }
}

/** Whether a text has no half pairs, given how long it is in UTF-8. */
function isWellFormed(text: string, bytes: number): boolean {
  // ASCII has none, and that is most texts
  if (bytes === text.length) return true;
  const native = (text as { isWellFormed?: () => boolean }).isWellFormed;
  return native === undefined ? !/\p{Surrogate}/u.test(text) : native.call(text);
}

/** Bytes as a host has them: of a file, of a response. */
export function bytesOf(bytes: Uint8Array | ArrayBuffer): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  throw expected("bytes", "a Uint8Array or an ArrayBuffer", bytes);
}

/** An instance of the gate's module. */
export class Engine extends Abi<Exports> {
  constructor(module: WebAssembly.Module) {
    super(module, "tg_abi_version", ABI_VERSION);
  }

  get capabilities(): Capabilities {
    const bits = this.run(() => this.calls.tg_capabilities());
    const start = this.calls.tg_version();
    const end = this.bytes().indexOf(0, start);
    return {
      version: decoder.decode(this.bytes().subarray(start, end)),
      simd: (bits & 1) !== 0,
      policies: (bits & 2) !== 0,
      wire: (bits & 4) !== 0,
      text: (bits & 8) !== 0,
      facts: (bits & 16) !== 0,
      formats: (bits & 32) !== 0,
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
