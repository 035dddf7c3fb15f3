/**
 * Traces and facts that stay: in IndexedDB, for pages, Workers and Service Workers.
 *
 *     import { openStore } from "tidegate/store";
 *
 *     const store = await openStore();
 *     await store.saveTrace(id, gate.trace());
 */
import { TidegateError, expected } from "./errors.js";
import { Facts } from "./index.js";

export interface StoreOptions {
  /** How many bytes of traces (UTF-8) are kept; of more, the oldest go. Default 64 MiB. */
  trace_bytes_max?: number;
  /** How long opening may take, in milliseconds: another tab can hold it up. Default 10 000. */
  open_ms_max?: number;
}

/** What is known of a saved trace. */
export interface SavedTrace {
  readonly id: string;
  readonly bytes: number;
  /** Counts up with each save: what is greater is newer. */
  readonly order: number;
}

const TRACE_BYTES_MAX = 64 * 1024 * 1024;
const OPEN_MS_MAX = 10_000;
const VERSION = 1;
/** `text` by id; what is known of it, so that to count bytes is not to read them all; `bytes` by name. */
const [TRACES, INDEX, FACTS] = ["traces", "trace-index", "facts"];

/**
 * Opens the store of this name of this origin; makes it if it is not there.
 *
 * @throws TidegateError `lacks` (a host without IndexedDB), `blocked` (another tab holds it: an older version
 *   open, or its deletion up), `newer` (a newer version of this package made it), `store_failed`, `bad_argument`
 */
export async function openStore(name = "tidegate", options: StoreOptions = {}): Promise<Store> {
  const { trace_bytes_max = TRACE_BYTES_MAX, open_ms_max = OPEN_MS_MAX } = options;
  if (typeof name !== "string") throw expected("name", "a string", name);
  if (!(trace_bytes_max >= 0)) throw expected("trace_bytes_max", "a number of at least 0", trace_bytes_max);
  if (!(open_ms_max > 0)) throw expected("open_ms_max", "a number above 0", open_ms_max);
  if (!globalThis.indexedDB) throw new TidegateError("lacks", "this host has no IndexedDB");
  return new Promise<Store>((resolve, reject) => {
    let request: IDBOpenDBRequest;
    try {
      request = indexedDB.open(name, VERSION);
    } catch (error) {
      return reject(named(error)); // a sandboxed frame has none, though it seems so
    }
    const timer = setTimeout(() => block(`was not open after ${open_ms_max} ms`), open_ms_max);
    let blocked = false;
    const block = (how: string): void => {
      blocked = true;
      reject(new TidegateError("blocked", `the store \`${name}\` ${how}`, { help: "close the other tabs of this site" }));
    };
    request.onupgradeneeded = () => {
      request.result.createObjectStore(TRACES);
      request.result.createObjectStore(INDEX, { keyPath: "id" }).createIndex("order", "order");
      request.result.createObjectStore(FACTS);
    };
    request.onblocked = () => block("is held open in an older version");
    request.onerror = () => {
      clearTimeout(timer);
      reject(named(request.error));
    };
    request.onsuccess = () => {
      clearTimeout(timer);
      // it is open after all, but nobody waits for it any more
      if (blocked) request.result.close(); else resolve(new Store(request.result, trace_bytes_max));
    };
  });
}

/**
 * Traces and facts. All methods throw TidegateError: `quota` (the host has no room), `aborted` (the transaction was),
 * `closed`, `store_failed`. What a method was to write is there in whole or not at all.
 */
export class Store {
  readonly #database: IDBDatabase;
  readonly #trace_bytes_max: number;
  #closed: string | undefined;

  /** @internal Stores are opened by `openStore`. */
  constructor(database: IDBDatabase, trace_bytes_max: number) {
    this.#database = database;
    this.#trace_bytes_max = trace_bytes_max;
    // so that a newer version in another tab is not blocked by this one
    database.onversionchange = () => this.#close("a newer version of the page opened it, or it is deleted");
    database.onclose = () => this.#close("the host closed it");
  }

  /**
   * Saves a trace, in place of one with the same id. Older ones go until all are within `trace_bytes_max`.
   *
   * @returns the ids of those that went
   * @throws TidegateError `too_large` if the trace alone is more than that
   */
  async saveTrace(id: string, trace: string): Promise<string[]> {
    if (typeof id !== "string") throw expected("id", "a string", id);
    if (typeof trace !== "string") throw expected("trace", "a string", trace);
    const bytes = new TextEncoder().encode(trace);
    if (bytes.byteLength > this.#trace_bytes_max) {
      throw new TidegateError("too_large", `the trace has ${bytes.byteLength} bytes, and \`trace_bytes_max\` is ${this.#trace_bytes_max}`);
    }
    return this.#run("readwrite", [TRACES, INDEX], async (traces, index) => {
      const saved = await done(index.index("order").getAll() as IDBRequest<SavedTrace[]>);
      const others = saved.filter((other) => other.id !== id);
      let kept = others.reduce((sum, other) => sum + other.bytes, bytes.byteLength);
      const gone: string[] = [];
      for (const other of others) {
        if (kept <= this.#trace_bytes_max) break;
        kept -= other.bytes;
        gone.push(other.id);
        traces.delete(other.id);
        index.delete(other.id);
      }
      const order = (saved.at(-1)?.order ?? 0) + 1;
      traces.put(bytes, id);
      index.put({ id, bytes: bytes.byteLength, order } satisfies SavedTrace);
      return gone;
    });
  }

  /** The trace of this id, for `replay`; undefined if there is none. */
  async loadTrace(id: string): Promise<string | undefined> {
    const bytes = await this.#run("readonly", [TRACES], (traces) => done(traces.get(id) as IDBRequest<Uint8Array | undefined>));
    return bytes && new TextDecoder().decode(bytes);
  }

  /** All traces, the oldest first. */
  traces(): Promise<SavedTrace[]> {
    return this.#run("readonly", [INDEX], (index) => done(index.index("order").getAll() as IDBRequest<SavedTrace[]>));
  }

  /** Deletes a trace; whether there was one. */
  deleteTrace(id: string): Promise<boolean> {
    return this.#run("readwrite", [TRACES, INDEX], async (traces, index) => {
      const there = (await done(index.count(id))) > 0;
      traces.delete(id);
      index.delete(id);
      return there;
    });
  }

  /** Saves facts, in place of those with the same name. */
  async saveFacts(name: string, facts: Facts): Promise<void> {
    if (typeof name !== "string") throw expected("name", "a string", name);
    const bytes = facts.toBytes();
    await this.#run("readwrite", [FACTS], (store) => done(store.put(bytes, name)));
  }

  /** The facts of this name, which are the caller's to free; undefined if there are none. Needs `init()`. */
  async loadFacts(name: string): Promise<Facts | undefined> {
    const bytes = await this.#run("readonly", [FACTS], (store) => done(store.get(name) as IDBRequest<Uint8Array | undefined>));
    return bytes && Facts.fromBytes(bytes);
  }

  /** The names of all facts, in order. */
  async facts(): Promise<string[]> {
    return (await this.#run("readonly", [FACTS], (store) => done(store.getAllKeys()))) as string[];
  }

  /** Deletes facts; whether there were any. */
  deleteFacts(name: string): Promise<boolean> {
    return this.#run("readwrite", [FACTS], async (store) => {
      const there = (await done(store.count(name))) > 0;
      store.delete(name);
      return there;
    });
  }

  /** Closes the store; what was begun is finished. */
  close(): void {
    this.#close("`close()` was called");
  }

  #close(why: string): void {
    this.#closed ??= why;
    this.#database.close();
  }

  /** Runs `work` in one transaction and waits until what it wrote is written. */
  async #run<T>(mode: IDBTransactionMode, names: string[], work: (...stores: IDBObjectStore[]) => Promise<T>): Promise<T> {
    if (this.#closed) throw new TidegateError("closed", `the store is closed: ${this.#closed}`);
    let transaction: IDBTransaction;
    try {
      transaction = this.#database.transaction(names, mode);
    } catch (error) {
      throw named(error);
    }
    const end = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      // no room for what was put is told here, and only here
      transaction.onabort = () => reject(transaction.error ? named(transaction.error) : new TidegateError("aborted", "the transaction was aborted"));
    });
    const result = work(...names.map((name) => transaction.objectStore(name))).catch((error: unknown) => {
      try {
        transaction.abort();
      } catch {
        // it is already
      }
      throw named(error);
    });
    // why the transaction ended says more than which request failed of it
    const [ended, worked] = await Promise.allSettled([end, result]);
    if (ended.status === "rejected") throw worked.status === "rejected" && ended.reason.code === "aborted" ? worked.reason : ended.reason;
    if (worked.status === "rejected") throw worked.reason;
    return worked.value;
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** An error of IndexedDB as one of the package. */
function named(error: unknown): TidegateError {
  if (error instanceof TidegateError) return error;
  const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
  switch (name) {
    case "QuotaExceededError": return new TidegateError("quota", "the host has no room for it", {
      help: "delete traces, or set a smaller `trace_bytes_max`",
    });
    case "VersionError": return new TidegateError("newer", `the store was made by a newer version of this package: ${message}`);
    case "AbortError": return new TidegateError("aborted", `the transaction was aborted: ${message}`);
    case "InvalidStateError": return new TidegateError("closed", `the store is closed: ${message}`);
    default: return new TidegateError("store_failed", `${name || "error"}: ${message}`);
  }
}
