/**
 * A sentence model in WebAssembly: texts to vectors, and claims held against facts by them.
 *
 *     import { loadModel } from "tidegate/model";
 *
 *     const at = "https://example.org/minilm/";
 *     const model = await loadModel({
 *       config: `${at}config.json`, tokenizer: `${at}tokenizer.json`, weights: `${at}model.safetensors`,
 *     });
 *     const session = new GateSession(policy, { scorers: { embed: model.scorer(facts) } });
 *
 * A policy with an `embed` check names a model (`[models.embed]`, `path`); here that is a name only.
 *
 * Nothing is fetched before {@link loadModel} is called. Its module, `tidegate-model.wasm`, is another
 * than the gate's, with a memory of its own.
 *
 * @module tidegate/model
 */

import { Abi, type AbiExports } from "./engine.js";
import { TidegateError, expected } from "./errors.js";
import type { FactsFormat } from "./facts.js";
import type { Evidence, Finding, ScoreRequest } from "./gate.js";
import { type ModuleInput, compile } from "./load.js";

interface Exports extends AbiExports {
  tg_model_abi_version(): number;
  tg_model_simd(): number;
  tg_model_load(
    config: number, configLen: number,
    tokenizer: number, tokenizerLen: number,
    weights: number, weightsLen: number,
  ): number;
  tg_model_embed(model: number, text: number, len: number, out: number): number;
  tg_model_scorer(model: number, facts: number, len: number, format: number): number;
  tg_model_score(scorer: number, claim: number, len: number, out: number): number;
  tg_model_drop(handle: number): number;
}

const ABI_VERSION = 1;

/** An address and how many bytes stand there. */
type Place = readonly [number, number];

const FORMATS = { text: 0, markdown: 1, csv: 2, jsonl: 3, saved: 4 } as const;

/** From where a file of a model comes: its URL, the answer to a request, or its bytes. */
export type ModelFile = string | URL | Response | Promise<Response> | ArrayBuffer | Uint8Array;

/** How far the load of a model has come. */
export interface ModelProgress {
  readonly file: "config" | "tokenizer" | "weights";
  /** Bytes that are there. */
  readonly loaded: number;
  /** Bytes that there will be, if the server says so and does not compress them. */
  readonly total?: number;
}

export interface ModelOptions {
  /** Default: `tidegate-model.wasm` from beside this file. */
  wasm?: ModuleInput;
  /** `config.json`: the model's shape. */
  config: ModelFile;
  /** `tokenizer.json`: how text is cut into pieces. */
  tokenizer: ModelFile;
  /** `model.safetensors`: the weights. */
  weights: ModelFile;
  /** Called when more of a file is there. */
  onProgress?: (progress: ModelProgress) => void;
  /** Aborted: what is being fetched is given up, and the load fails with the signal's reason. */
  signal?: AbortSignal;
}

/** What a claim came to. */
export interface Scored {
  /**
   * From 0 to 1: an estimate of the probability that the nearest fact bears the claim out. 1: all
   * that the claim says is said there; 0: it is not spoken of.
   */
  readonly score: number;
  /** `supported` from 0.5 on, else `unsupported`; never `contradicted`. */
  readonly finding: Finding;
  readonly evidence: Evidence;
}

/** Facts, or anything that can be saved as they are. */
export interface SavedFacts {
  /** The facts as bytes. */
  toBytes(): Uint8Array;
}

/**
 * Holds claims against facts; goes into `scorers.embed` of a session.
 *
 * The contract: a score from 0 to 1 as {@link Scored} says, which does not depend on what was asked
 * before. On one machine the same claim gets the same score, to the last bit; on another machine or
 * natively it differs by up to 1e-5. The trace keeps the score, so what was decided can be decided
 * again anywhere. What it fails with is the claim's `scorer_error`, never a pass.
 */
export interface ModelScorer {
  /**
   * As a session calls it: the claim is scored in a task of its own, so that others get their turn
   * before it; not at all if its signal is aborted by then.
   */
  (claim: Pick<ScoreRequest, "text">, signal?: AbortSignal): Promise<Scored>;
  /**
   * The same at once.
   *
   * @throws TidegateError `bad_text`, `bad_handle` if it was freed, `bad_model` if the model's answer
   *   is not finite, `broken`
   */
  score(claim: string): Scored;
  /** Gives the memory of its facts and their vectors back. */
  free(): void;
  [Symbol.dispose](): void;
}

/** A model that turns texts into vectors. Calls compute on the thread that makes them. */
export class Model {
  readonly #abi: Abi<Exports>;
  readonly #handle: number;

  /** @internal */
  constructor(module: WebAssembly.Module, files: readonly [Uint8Array, Uint8Array, Uint8Array]) {
    const it = (this.#abi = new Abi<Exports>(module, "tg_model_abi_version", ABI_VERSION));
    // a place for each: what calls else write to would stay as large as the weights
    const places: number[] = [];
    try {
      const [config, tokenizer, weights] = files.map((file) => {
        const at = it.run(() => it.calls.tg_alloc(Math.max(1, file.length)));
        if (at === 0) throw it.failure();
        places.push(at);
        it.bytes().set(file, at);
        return [at, file.length] as const;
      }) as [Place, Place, Place];
      this.#handle = it.handle(() => it.calls.tg_model_load(...config, ...tokenizer, ...weights));
    } finally {
      for (const at of places) it.calls.tg_dealloc(at);
    }
  }

  /**
   * The vector of a text, of length 1. Of a text that is longer than the model reads, the beginning
   * counts.
   *
   * @throws TidegateError `bad_text`, `bad_handle` if it was freed, `bad_model` if the vector is not
   *   finite, `broken`
   */
  embed(text: string): Float32Array<ArrayBuffer> {
    const it = this.#abi;
    const len = it.write(text);
    it.status(() => it.calls.tg_model_embed(this.#handle, it.input, len, it.out));
    return new Float32Array(it.given(it.out).slice().buffer);
  }

  /**
   * A scorer for the `embed` checks of a session.
   *
   * @param facts `Facts`, bytes that facts were saved as, or a text
   * @param format how a text is written. Default `text`
   * @throws TidegateError `bad_facts`; `bad_handle` if the model was freed
   */
  scorer(facts: SavedFacts | Uint8Array | string, format: FactsFormat = "text"): ModelScorer {
    const it = this.#abi;
    if (!Object.hasOwn(FORMATS, format)) throw expected("format", "`text`, `markdown`, `csv` or `jsonl`", format);
    let len: number;
    if (typeof facts === "string") {
      len = it.write(facts, "facts");
    } else {
      const bytes = facts instanceof Uint8Array ? facts : (facts as SavedFacts | null | undefined)?.toBytes?.();
      if (!(bytes instanceof Uint8Array)) throw expected("facts", "Facts, a Uint8Array or a string", facts);
      len = it.writeBytes(bytes);
    }
    const number = FORMATS[typeof facts === "string" ? format : "saved"];
    const handle = it.handle(() => it.calls.tg_model_scorer(this.#handle, it.input, len, number));
    it.shrink();

    const score = (claim: string): Scored => {
      const bytes = it.write(claim, "claim");
      return JSON.parse(it.ask((out) => it.calls.tg_model_score(handle, it.input, bytes, out))) as Scored;
    };
    const free = (): void => {
      it.status(() => it.calls.tg_model_drop(handle));
    };
    const inTurn = async (claim: Pick<ScoreRequest, "text">, signal?: AbortSignal): Promise<Scored> => {
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
      return score(claim.text);
    };
    return Object.assign(inTurn, { score, free, [Symbol.dispose]: free });
  }

  /** The module's memory, in bytes. It grows when the model is loaded, and never shrinks. */
  get bytes(): number {
    return this.#abi.calls.memory.buffer.byteLength;
  }

  /** Whether the module computes with SIMD. */
  get simd(): boolean {
    return this.#abi.run(() => this.#abi.calls.tg_model_simd()) === 1;
  }

  /**
   * Lets the model go. Scorers that it made go on; when they are gone too, so is the module's memory.
   *
   * @throws TidegateError `bad_handle` if it was freed before
   */
  free(): void {
    this.#abi.status(() => this.#abi.calls.tg_model_drop(this.#handle));
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

/**
 * Fetches a model's files and its module, side by side, and makes the model ready. Loading it computes
 * one short text, so that files which do not go together are found now.
 *
 * @throws TidegateError `bad_model` with the file and what is wrong with it, `bad_module`, `no_memory`,
 *   `bad_argument`; the signal's reason if it is aborted
 */
export async function loadModel(options: ModelOptions): Promise<Model> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  // the first that fails ends the others
  const ending = new AbortController();
  const abort = (): void => ending.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    const file = (name: ModelProgress["file"]) => read(name, options[name], ending.signal, onProgress);
    const [module, ...files] = await Promise.all([
      compile(options.wasm ?? new URL("./tidegate-model.wasm", import.meta.url)),
      file("config"),
      file("tokenizer"),
      file("weights"),
    ]);
    signal?.throwIfAborted();
    return new Model(module, files);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
    ending.abort();
  }
}

/** A file's bytes. */
async function read(
  file: ModelProgress["file"],
  from: ModelFile,
  signal: AbortSignal,
  onProgress: ModelOptions["onProgress"],
): Promise<Uint8Array> {
  const tell = (loaded: number, total?: number): void =>
    onProgress?.({ file, loaded, ...(total === undefined ? {} : { total }) });
  const whole = (bytes: Uint8Array): Uint8Array => {
    tell(bytes.length, bytes.length);
    return bytes;
  };
  try {
    let source = await from;
    if (source instanceof Uint8Array) return whole(source);
    if (source instanceof ArrayBuffer) return whole(new Uint8Array(source));
    if (typeof source === "string" || source instanceof URL) {
      // a relative one is the page's, and `fetch` knows it
      const url = String(source);
      if (url.startsWith("file:")) return whole(await fromFile(new URL(url), signal));
      source = await fetch(url, { signal });
    }
    if (!(source instanceof Response)) throw expected(file, "a URL, a Response or bytes", source);
    return await fromResponse(file, source, signal, tell);
  } catch (cause) {
    if (cause instanceof TidegateError || signal.aborted) throw cause;
    throw new TidegateError("bad_model", `\`${file}\` could not be loaded: ${String(cause)}`, { cause });
  }
}

async function fromFile(url: URL, signal: AbortSignal): Promise<Uint8Array> {
  // the name is hidden from bundlers for browsers, which have no files
  const files = (await import(/* @vite-ignore */ /* webpackIgnore: true */ `node:fs/${"promises"}`)) as {
    readFile(url: URL, options: { signal: AbortSignal }): Promise<Uint8Array>;
  };
  return files.readFile(url, { signal });
}

async function fromResponse(
  file: string,
  response: Response,
  signal: AbortSignal,
  tell: (loaded: number, total?: number) => void,
): Promise<Uint8Array> {
  if (!response.ok || response.body === null) {
    throw new TidegateError("bad_model", `\`${file}\` could not be loaded: ${response.status} of ${response.url}`);
  }
  // of a compressed body the length is another
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const total = length === null ? undefined : Number(length);
  const parts: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body.getReader();
  // a response that was handed in does not know the signal
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      parts.push(value);
      loaded += value.length;
      tell(loaded, total);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
