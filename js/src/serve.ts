// The Worker's side of `connectGate`: gates and their scorers, off the thread that shows the page.
import { TidegateError } from "./errors.js";
import { Facts, GateSession, Policy, init } from "./index.js";
import type { Step, StreamOptions } from "./index.js";
import { failure, isCall, plainStep, PROTOCOL } from "./messages.js";
import type { Call, Said } from "./messages.js";

/** Where calls come from: a Worker's own scope, or a port. */
export interface ServePort {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  start?(): void;
}

export interface ServeOptions {
  /** Who answers for claims that the module has no scorer for; runs in the Worker. */
  scorers?: StreamOptions["scorers"];
  /** The WebAssembly module, for hosts in which `init()` does not find it. */
  wasm?: Parameters<typeof init>[0];
}

/**
 * Serves gates to `connectGate`. Without a port, to whoever made this Worker (also one of Node's
 * `worker_threads`). What is no call of `connectGate` is left to others.
 *
 * @throws TidegateError `bad_argument` if there is no port and this is no Worker
 */
export function serveGates(port: ServePort = ownPort(), options: ServeOptions = {}): void {
  const gates = new Map<number, GateSession>();
  const say = (said: Said): void => port.postMessage(said);

  const answer = async (call: Call): Promise<unknown> => {
    if (call.call === "ping") return undefined;
    if (call.call === "open") {
      const { policy, facts, record, wasm } = call.with;
      await init(wasm ?? options.wasm);
      const onStep = (step: Step): void => tell(call.gate, step);
      gates.set(call.gate, open(policy, facts, { record, scorers: options.scorers, onStep }));
      return undefined;
    }
    const session = gates.get(call.gate);
    if (!session) throw new TidegateError("bad_handle", "the gate is freed, or never opened here");
    switch (call.call) {
      case "push": {
        const { text, choice, channel, score } = call.with;
        tell(call.gate, session.push(text, defined({ choice, channel, score })));
        // acknowledged when there is room, so that a slow scorer slows who pushes
        return session.ready();
      }
      case "pushBytes":
        tell(call.gate, session.pushBytes(call.with.bytes));
        return session.ready();
      case "finish":
        return session.finish();
      case "verdict":
        return session.gate.verdict(call.with.choice);
      case "trace":
        return session.gate.trace();
      case "held":
        return session.gate.held(call.with.choice, call.with.channel);
      case "free":
        gates.delete(call.gate);
        return session.free();
    }
  };

  const tell = (gate: number, step: Step): void => {
    if (step.releases.length > 0 || step.events.length > 0) say({ tidegate: PROTOCOL, gate, step: plainStep(step) });
  };

  port.addEventListener("message", ({ data }) => {
    if (!isCall(data)) return;
    answer(data).then(
      (ok) => say({ tidegate: PROTOCOL, id: data.id, ok }),
      (error: unknown) => say({ tidegate: PROTOCOL, id: data.id, error: failure(error) }),
    );
  });
  port.start?.();
}

function open(
  policy: string,
  facts: string | Uint8Array | undefined,
  options: { record: boolean | undefined; scorers: StreamOptions["scorers"] | undefined; onStep: (step: Step) => void },
): GateSession {
  // the session keeps what it needs of both
  const ready = new Policy(policy);
  const loaded = facts === undefined ? undefined : typeof facts === "string" ? new Facts(facts) : Facts.fromBytes(facts);
  try {
    return new GateSession(ready, defined({ ...options, facts: loaded }));
  } finally {
    ready.free();
    loaded?.free();
  }
}

/** Without fields that are undefined: to give one is not to leave it out. */
function defined<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

function ownPort(): ServePort {
  const scope = globalThis as unknown as Partial<ServePort> & { document?: unknown };
  if (scope.postMessage && scope.addEventListener && !scope.document) return scope as ServePort;
  // not `import("node:worker_threads")`: bundlers for browsers stumble over it
  const port = globalThis.process?.getBuiltinModule?.("node:worker_threads")?.parentPort;
  if (port) return port as unknown as ServePort;
  throw new TidegateError("bad_argument", "this is no Worker: give `serveGates` a port");
}
