// The page's side of gates in a Worker.
import { PolicyError, TidegateError } from "./errors.js";
import type { Channel, Facts, Halted, Policy, PolicyDocument, PushOptions, Verdict } from "./index.js";
import { isSaid, PROTOCOL } from "./messages.js";
import type { Calls, Failure, GateStep } from "./messages.js";

/** A Worker (of a browser, of Node's `worker_threads`) or a port to one; what is used of it. */
export interface GateWorker {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
}

export interface ConnectOptions {
  /** Facts: their text, the bytes of saved ones, or ready ones (copied). */
  facts?: string | Uint8Array | Facts;
  /** Keep records for `trace()`, and take them now and then: with 64 MiB of them untaken, pushes fail with
   *  `trace_full`. Default false. */
  record?: boolean;
  /** How many pushes may be unacknowledged before `push` waits. Default 32, from 1 to 65536. A push is
   *  acknowledged when it is decided and fewer than 8 claims wait for scores. */
  window?: number;
  /** How long the Worker may say nothing at all, in milliseconds, before it counts as dead. Default 30 000,
   *  at least 100. It answers between any two scores, so what counts is the longest that its code runs on end.
   *  Of several gates of one Worker the last to connect says. */
  silence_ms_max?: number;
  /** The WebAssembly module, if the Worker would not find it: an address, bytes, or compiled. */
  wasm?: URL | string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | WebAssembly.Module;
  /** What each push, and each answer of a scorer, led to; in order. What may leave is in the steps. */
  onStep?: (step: GateStep) => void;
  /** A choice was halted; after its step. */
  onHalt?: (halted: Halted) => void;
}

const WINDOW = 32;
const WINDOW_MAX = 65_536;
const SILENCE_MS = 30_000;
/** So many pings in a silence. By their number, not by the clock: a laptop that sleeps is no dead Worker. */
const PINGS = 4;

/**
 * Opens a gate in a Worker that serves them (`tidegate/worker-entry`, or a file that calls `serveGates`).
 * Several gates can share a Worker. The Worker stays its maker's to terminate.
 *
 * A policy that is ready goes there compiled, and bytes are a compiled one (`Policy.toBytes`): it is made ready
 * once, and not in the Worker.
 *
 * @throws PolicyError, and TidegateError `bad_argument`, `worker_failed`, `worker_silent`, `bad_answer`
 */
export async function connectGate(
  worker: GateWorker,
  policy: Policy | Uint8Array | ArrayBuffer | string | PolicyDocument,
  options: ConnectOptions = {},
): Promise<WorkerGate> {
  if ("scorers" in options) {
    throw new TidegateError("bad_argument", "`scorers` cannot be sent to a Worker", {
      help: "start the Worker with a file that calls `serveGates(undefined, { scorers })`",
    });
  }
  const window = within("window", options.window ?? WINDOW, 1, WINDOW_MAX);
  const silence = within("silence_ms_max", options.silence_ms_max ?? SILENCE_MS, 100, Infinity);
  const { facts, record, wasm } = options;
  const link = Link.to(worker);
  link.silence_ms_max = silence;
  const gate = new WorkerGate(link, window, options);
  try {
    await link.call(gate.id, "open", {
      policy: crossing(policy),
      facts: typeof facts === "object" && "toBytes" in facts ? facts.toBytes() : facts,
      record,
      wasm: wasm instanceof URL ? wasm.href : wasm,
    });
  } catch (error) {
    link.remove(gate.id);
    throw error;
  }
  return gate;
}

/** A policy as it crosses. */
function crossing(policy: Policy | Uint8Array | ArrayBuffer | string | PolicyDocument): Calls["open"]["policy"] {
  if (typeof policy === "string" || policy instanceof Uint8Array || policy instanceof ArrayBuffer) return policy;
  if (typeof policy === "object" && policy !== null && "toBytes" in policy) return policy.toBytes();
  return JSON.stringify(policy);
}

function within(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new TidegateError("bad_argument", `\`${name}\` is \`${value}\`: expected a number ${range}`);
}

/** A gate in a Worker: `GateSession`'s methods, asynchronous. Calls are made in order. */
export class WorkerGate {
  readonly id: number;
  readonly #link: Link;
  readonly #window: number;
  readonly #options: ConnectOptions;
  #unacknowledged = 0;
  /** Who waits for room. */
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  /** Why nothing more can be asked of it. */
  #broken: TidegateError | undefined;
  #freed = false;

  /** @internal Gates are made by `connectGate`. */
  constructor(link: Link, window: number, options: ConnectOptions) {
    this.#link = link;
    this.#window = window;
    this.#options = options;
    this.id = link.add({ step: (step) => this.#step(step), fail: (error) => this.#fail(error) });
  }

  /**
   * Pushes text; resolves when there is room for more. What it led to goes to `onStep`. If it fails when
   * this has resolved already, the next call rejects, and all after it: nothing is lost quietly.
   */
  push(text: string, options?: PushOptions): Promise<void> {
    return this.#push("push", { text, options });
  }

  /**
   * Pushes bytes of a provider's stream; resolves when there is room for more.
   *
   * @param options.transfer hand the buffer over instead of copying it; the caller's is empty then
   */
  pushBytes(bytes: Uint8Array, options: { transfer?: boolean } = {}): Promise<void> {
    const all = bytes.byteLength === bytes.buffer.byteLength;
    const transfer = options.transfer && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
    // a view is cloned with all of the buffer that it is in
    return this.#push("pushBytes", { bytes: all || transfer.length > 0 ? bytes : bytes.slice() }, transfer);
  }

  /** Something is wrong with the stream itself. */
  fault(code: string, detail: string): Promise<void> {
    return this.#call("fault", { code, detail }) as Promise<void>;
  }

  /** One choice has ended; the others go on. */
  finishChoice(choice: number): Promise<void> {
    return this.#call("finishChoice", { choice }) as Promise<void>;
  }

  /** Resolves when fewer pushes than the window are unacknowledged. */
  ready(): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken);
    if (this.#unacknowledged < this.#window) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** The text has ended; resolves when nothing waits for a score any more and all steps were told. */
  finish(): Promise<void> {
    return this.#call("finish", {}) as Promise<void>;
  }

  verdict(choice?: number): Promise<Verdict> {
    return this.#call("verdict", { choice }) as Promise<Verdict>;
  }

  /** The records since the last call, one JSON object a line. */
  trace(): Promise<string> {
    return this.#call("trace", {}) as Promise<string>;
  }

  /** How many bytes of the channel are held back. */
  held(choice?: number, channel?: Channel): Promise<number> {
    return this.#call("held", { choice, channel }) as Promise<number>;
  }

  /** Lets the gate go, here and in the Worker. Calls that wait reject with `bad_handle`, and so do later ones. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    // whatever broke it here, it may still be there in the Worker
    this.#link.free(this.id);
    this.#fail(new TidegateError("bad_handle", "the gate is freed"));
  }

  [Symbol.dispose](): void {
    this.free();
  }

  #call<Name extends keyof Calls>(call: Name, args: Calls[Name], transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#broken) return Promise.reject(this.#broken);
    return this.#link.call(this.id, call, args, transfer).then((answer) => {
      // a push before it may have failed in the meantime
      if (this.#broken) throw this.#broken;
      return answer;
    });
  }

  #push<Name extends "push" | "pushBytes">(call: Name, args: Calls[Name], transfer: ArrayBuffer[] = []): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken);
    this.#unacknowledged += 1;
    this.#link.call(this.id, call, args, transfer).then(
      () => {
        this.#unacknowledged -= 1;
        if (this.#unacknowledged < this.#window) for (const { resolve } of this.#waiting.splice(0)) resolve();
      },
      (error: TidegateError) => this.#fail(error),
    );
    return this.ready();
  }

  #step(step: GateStep): void {
    try {
      this.#options.onStep?.(step);
      for (const event of step.events) {
        if (event.event === "halted") this.#options.onHalt?.(event);
      }
    } catch (error) {
      // what was released did not arrive: to go on would be to lose it
      this.#fail(error instanceof TidegateError ? error : new TidegateError("step_failed", `\`onStep\` threw: ${String(error)}`));
    }
  }

  #fail(error: TidegateError): void {
    this.#broken ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#broken);
  }
}

interface Listener {
  step(step: GateStep): void;
  fail(error: TidegateError): void;
}

interface Pending {
  gate: number;
  resolve: (answer: unknown) => void;
  reject: (error: TidegateError) => void;
}

/** All that is said to one Worker, and by it. */
class Link {
  static readonly #links = new WeakMap<GateWorker, Link>();

  static to(worker: GateWorker): Link {
    let link = this.#links.get(worker);
    if (!link) {
      link = new Link(worker);
      this.#links.set(worker, link);
    }
    return link;
  }

  silence_ms_max = SILENCE_MS;
  readonly #worker: GateWorker;
  readonly #gates = new Map<number, Listener>();
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #dead: TidegateError | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  /** Pings since the Worker last said something. */
  #unheard = 0;

  private constructor(worker: GateWorker) {
    this.#worker = worker;
    listen(worker, (data) => this.#said(data), (why) => this.#die(new TidegateError("worker_failed", why)));
  }

  add(gate: Listener): number {
    const id = this.#next++;
    this.#gates.set(id, gate);
    return id;
  }

  remove(gate: number): void {
    this.#gates.delete(gate);
    for (const [id, pending] of this.#pending) {
      if (pending.gate !== gate) continue;
      this.#pending.delete(id);
      pending.reject(new TidegateError("bad_handle", "the gate is freed"));
    }
    this.#rest();
  }

  free(gate: number): void {
    this.remove(gate);
    if (!this.#dead) this.#send(this.#next++, gate, "free", {}, []);
  }

  call<Name extends keyof Calls>(gate: number, call: Name, args: Calls[Name], transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      try {
        this.#send(id, gate, call, args, transfer);
      } catch (error) {
        // what cannot be cloned or transferred
        return reject(new TidegateError("bad_argument", `\`${call}\`: ${error instanceof Error ? error.message : String(error)}`));
      }
      this.#pending.set(id, { gate, resolve, reject });
      this.#watch ??= this.#startWatch();
    });
  }

  #send<Name extends keyof Calls>(id: number, gate: number, call: Name, args: Calls[Name], transfer: ArrayBuffer[]): void {
    this.#worker.postMessage({ tidegate: PROTOCOL, id, gate, call, with: args }, transfer);
  }

  #said(data: unknown): void {
    if (this.#dead) return;
    if (!isSaid(data)) {
      return this.#die(new TidegateError("bad_answer", "the Worker said something that is no answer", {
        help: "start it with `tidegate/worker-entry`, of the same version, or give `connectGate` a port of its own",
      }));
    }
    this.#unheard = 0;
    if ("step" in data) return this.#gates.get(data.gate)?.step(data.step);
    const pending = this.#pending.get(data.id);
    // of a ping, or of a gate that was freed
    if (!pending) return;
    this.#pending.delete(data.id);
    this.#rest();
    if ("error" in data) pending.reject(revive(data.error)); else pending.resolve(data.ok);
  }

  #die(error: TidegateError): void {
    if (this.#dead) return;
    this.#dead = error;
    Link.#links.delete(this.#worker);
    for (const gate of this.#gates.keys()) {
      try {
        // it may be alive after all
        this.#send(this.#next++, gate, "free", {}, []);
      } catch {
        // it is not
      }
    }
    for (const gate of this.#gates.values()) gate.fail(error);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#gates.clear();
    this.#pending.clear();
    this.#rest();
  }

  /** Nothing tells that a Worker was terminated, hangs or never began: it is asked as long as a call waits. */
  #startWatch(): ReturnType<typeof setInterval> {
    this.#unheard = 0;
    return setInterval(() => {
      if (this.#unheard >= PINGS) {
        return this.#die(new TidegateError("worker_silent", `the Worker said nothing for ${this.silence_ms_max} ms`, {
          help: "it was terminated, hangs, or does not serve gates; `silence_ms_max` says how long to wait",
        }));
      }
      this.#unheard += 1;
      this.#send(this.#next++, 0, "ping", {}, []);
    }, this.silence_ms_max / PINGS);
  }

  #rest(): void {
    if (this.#pending.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }
}

function revive({ code, message, help, policy }: Failure): TidegateError {
  return policy ? new PolicyError(message, { help, ...policy }) : new TidegateError(code, message, { help });
}

/** Hears a Worker of a browser (an EventTarget) or of Node (an EventEmitter). */
function listen(worker: GateWorker, message: (data: unknown) => void, dead: (why: string) => void): void {
  const target = worker as unknown as Partial<EventTarget> & {
    on?: (type: string, listener: (value: unknown) => void) => void;
    start?: () => void;
  };
  if (target.addEventListener) {
    const add = target.addEventListener.bind(target) as (type: string, listener: (event: MessageEvent & ErrorEvent) => void) => void;
    add("message", ({ data }) => message(data));
    add("messageerror", () => dead("a message of the Worker could not be read"));
    add("error", (event) => dead(`the Worker failed: ${event.message ?? "its file could not be loaded"}`));
    add("close", () => dead("the Worker's port was closed"));
    target.start?.();
  } else if (target.on) {
    target.on("message", message);
    target.on("messageerror", () => dead("a message of the Worker could not be read"));
    target.on("error", (error) => dead(`the Worker failed: ${String(error)}`));
    target.on("exit", (code) => dead(`the Worker ended with exit code ${String(code)}`));
  } else {
    throw new TidegateError("bad_argument", "`worker` is no Worker and no port");
  }
}
