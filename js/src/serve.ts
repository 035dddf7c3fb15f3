// The Worker's side of `connectGate`: gates and their scorers, off the thread that shows the page.
import { TidegateError } from "./errors.js";
import { Facts, GateSession, init, Policy } from "./index.js";
import type { ModuleInput, SessionOptions } from "./index.js";
import { failure, isCall, plainStep, PROTOCOL } from "./messages.js";
import type { Call, Calls, GateStep, Said } from "./messages.js";

/** Where calls come from: a Worker's own scope, or a port. */
export interface ServePort {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  start?(): void;
}

export interface ServeOptions {
  /** Who answers for claims that the module has no scorer for; runs in the Worker. */
  scorers?: NonNullable<SessionOptions["scorers"]>;
  /** The WebAssembly module, for hosts in which `init()` does not find it. */
  wasm?: ModuleInput;
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
      await init(call.with.wasm ?? options.wasm);
      const onStep = (step: GateStep): void => {
        if (step.releases.length === 0 && step.events.length === 0) return;
        say({ tidegate: PROTOCOL, gate: call.gate, step: plainStep(step) });
      };
      gates.set(call.gate, open(call.with, options.scorers, onStep));
      return undefined;
    }
    const session = gates.get(call.gate);
    if (!session) throw new TidegateError("bad_handle", "the gate was freed, or never opened here");
    switch (call.call) {
      case "push":
        session.push(call.with.text, call.with.options);
        // acknowledged when there is room, so that a slow scorer slows who pushes
        return session.ready();
      case "pushBytes":
        session.pushBytes(call.with.bytes);
        return session.ready();
      case "fault":
        session.fault(call.with.code, call.with.detail);
        return undefined;
      case "finishChoice":
        session.finishChoice(call.with.choice);
        return undefined;
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
      default:
        throw new TidegateError("bad_argument", `the Worker knows no call \`${(call as Call).call}\``);
    }
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
  { policy, facts, record = false }: Calls["open"],
  scorers: SessionOptions["scorers"] = {},
  onStep: (step: GateStep) => void,
): GateSession {
  const ready = typeof policy === "object" ? Policy.fromBytes(policy) : policy;
  let loaded: Facts | string | undefined;
  try {
    loaded = facts instanceof Uint8Array ? Facts.fromBytes(facts) : facts;
    return new GateSession(ready, { record, scorers, onStep, ...(loaded === undefined ? {} : { facts: loaded }) });
  } finally {
    // the gate has what it needs of them
    if (ready instanceof Policy) ready.free();
    if (loaded instanceof Facts) loaded.free();
  }
}

function ownPort(): ServePort {
  const scope = globalThis as unknown as Partial<ServePort> & { document?: unknown };
  if (scope.postMessage && scope.addEventListener && !scope.document) return scope as ServePort;
  // not `import("node:worker_threads")`: bundlers for browsers stumble over it
  const port = globalThis.process?.getBuiltinModule?.("node:worker_threads")?.parentPort;
  if (port) return port as unknown as ServePort;
  throw new TidegateError("bad_argument", "this is no Worker: give `serveGates` a port");
}
