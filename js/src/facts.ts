import { bytesOf, type Engine, engine } from "./engine.js";
import { expected } from "./errors.js";

const FORMATS = { text: 0, markdown: 1, csv: 2, jsonl: 3 } as const;

/** How facts are written. */
export type FactsFormat = keyof typeof FORMATS;

/** What is told of facts that are added. */
export interface FactsOptions {
  /** How they are written. Default `text`. */
  format?: FactsFormat;
  /** By which name they go. Default `facts`. */
  source?: string;
}

/** Facts that claims are held against. Gates keep the facts that there are when they are made. */
export class Facts {
  readonly #engine: Engine;
  #handle: number;

  /** @throws TidegateError `bad_facts` */
  constructor(facts?: string | Uint8Array, options?: FactsOptions) {
    const it = (this.#engine = engine());
    this.#handle = it.handle(() => it.calls.tg_facts_new());
    if (facts === undefined) return;
    try {
      this.add(facts, options);
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Facts as {@link toBytes} or the program's `tidegate facts` wrote them. */
  static fromBytes(bytes: Uint8Array | ArrayBuffer): Facts {
    const it = engine();
    const len = it.writeBytes(bytesOf(bytes));
    const handle = it.handle(() => it.calls.tg_facts_load(it.input, len));
    it.shrink();
    const facts = new Facts();
    it.status(() => it.calls.tg_drop(facts.#handle));
    facts.#handle = handle;
    return facts;
  }

  /** @throws TidegateError `bad_facts` */
  add(facts: string | Uint8Array, options: FactsOptions = {}): void {
    const format = FORMATS[options.format ?? "text"];
    if (format === undefined) throw expected("format", "`text`, `markdown`, `csv` or `jsonl`", options.format);
    const it = this.#engine;
    const bytes = typeof facts === "string" ? it.encode(facts, "facts") : facts;
    if (!(bytes instanceof Uint8Array)) throw expected("facts", "a string or a Uint8Array", facts);
    const source = it.encode(options.source ?? "facts", "source");
    it.writeBoth(source, bytes);
    const [name, at] = [it.input, it.input + source.length];
    it.status(() => it.calls.tg_facts_add(this.#handle, name, source.length, at, bytes.length, format));
    it.shrink();
  }

  /** How many passages there are. */
  get size(): number {
    const it = this.#engine;
    return it.run(() => it.calls.tg_facts_len(this.#handle));
  }

  /** The facts as bytes, to be kept. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const it = this.#engine;
    it.status(() => it.calls.tg_facts_save(this.#handle, it.out));
    return new Uint8Array(it.given(it.out));
  }

  /** Gives its memory back. Gates that were made with it go on. */
  free(): void {
    const it = this.#engine;
    it.status(() => it.calls.tg_drop(this.#handle));
  }

  [Symbol.dispose](): void {
    this.free();
  }

  /** @internal */
  get handle(): number {
    return this.#handle;
  }
}
