// A gate with scorers that take their time: order, deadlines and back-pressure.

import { TidegateError } from "./errors.js";
import {
  type Answer,
  Gate,
  type GateOptions,
  type Halted,
  type PushOptions,
  type ScoreRequest,
  type Step,
} from "./gate.js";
import { Policy, type PolicyDocument } from "./policy.js";

/** Scores a claim, from 0 to 1. The signal is aborted when nobody waits for the score any more. */
export type Scorer = (
  claim: ScoreRequest,
  signal: AbortSignal,
) => number | Answer | Promise<number | Answer>;

export interface SessionOptions extends GateOptions {
  /** Who answers for a source. Of one without, every score is missing. */
  scorers?: { readonly [source in "host" | "embed" | "nli"]?: Scorer };
  /** Called with every step, those of scores that came later included. */
  onStep?: (step: Step, gate: Gate) => void;
  /** Called once for each choice that is halted. */
  onHalt?: (halted: Halted) => void;
  /** Aborted: no scorer is asked any more, and what waits is missing its score. */
  signal?: AbortSignal;
}

/** While so many claims wait for their scores, {@link GateSession.ready} waits. */
export const IN_FLIGHT_MAX = 8;

/** The longest wait of a timer, in milliseconds. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/**
 * A {@link Gate} with its scorers. Text goes in at once; what scores let leave later comes to
 * `onStep`, in order. A score that has not come by its claim's deadline is late.
 */
export class GateSession {
  readonly gate: Gate;
  readonly #scorers: NonNullable<SessionOptions["scorers"]>;
  readonly #onStep: SessionOptions["onStep"];
  readonly #onHalt: SessionOptions["onHalt"];
  readonly #signal: AbortSignal | undefined;
  /** What ends the wait for each claim that is with a scorer. */
  readonly #inFlight = new Map<number, AbortController>();
  #waiting: (() => void)[] = [];
  #failed: { error: unknown } | undefined;
  #freed = false;

  /** @throws what {@link Gate} throws */
  constructor(policy: Policy | string | PolicyDocument, options: SessionOptions = {}) {
    this.gate = new Gate(policy, options);
    this.#scorers = options.scorers ?? {};
    this.#onStep = options.onStep;
    this.#onHalt = options.onHalt;
    this.#signal = options.signal;
  }

  /** Takes the next piece of a channel's text: what may leave at once. */
  push(text: string, options?: PushOptions): Step {
    return this.#then(this.gate.push(text, options));
  }

  /** Takes the next bytes of a provider's stream: what may leave at once. */
  pushBytes(bytes: Uint8Array): Step {
    return this.#then(this.gate.pushBytes(bytes));
  }

  /** Something is wrong with the stream itself. */
  fault(code: string, detail: string): Step {
    return this.#then(this.gate.fault(code, detail));
  }

  /** One choice has ended; the others go on. */
  finishChoice(choice: number): Step {
    return this.#then(this.gate.finish(choice));
  }

  /** Done when fewer than {@link IN_FLIGHT_MAX} claims wait for their scores. */
  ready(): Promise<void> {
    return this.#until(() => this.#inFlight.size < IN_FLIGHT_MAX);
  }

  /** Done when no claim waits for its score. */
  settled(): Promise<void> {
    return this.#until(() => this.#inFlight.size === 0);
  }

  /** The text has ended. Done when all that may ever leave has left. */
  async finish(): Promise<void> {
    this.#then(this.gate.finish());
    await this.settled();
  }

  /** Gives the gate's memory back. Claims that wait for scores are given up. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    for (const claim of this.#inFlight.values()) claim.abort();
    this.#inFlight.clear();
    this.#wake();
    this.gate.free();
  }

  [Symbol.dispose](): void {
    this.free();
  }

  /** Tells what a call led to, and asks scorers what it asks. */
  #then(step: Step): Step {
    this.#onStep?.(step, this.gate);
    if (this.#onHalt !== undefined) {
      for (const event of step.events) if (event.event === "halted") this.#onHalt(event);
    }
    if (step.wantsScores) for (const claim of this.gate.requests()) this.#ask(claim);
    return step;
  }

  #ask(claim: ScoreRequest): void {
    const scorer = this.#scorers[claim.source as "host" | "embed" | "nli"];
    if (scorer === undefined || this.#signal?.aborted === true) {
      this.#answer(claim.id, { error: "missing" });
      return;
    }
    const waiting = new AbortController();
    this.#inFlight.set(claim.id, waiting);
    const late = setTimeout(
      () => this.#answer(claim.id, { error: "late" }),
      Math.min(claim.deadline_ms, TIMEOUT_MAX_MS),
    );
    const abort = () => this.#answer(claim.id, { error: "missing" });
    this.#signal?.addEventListener("abort", abort, { once: true });
    waiting.signal.addEventListener("abort", () => {
      clearTimeout(late);
      this.#signal?.removeEventListener("abort", abort);
    });
    // a scorer that throws at once is one that fails
    new Promise<number | Answer>((resolve) => resolve(scorer(claim, waiting.signal))).then(
      (answer) => this.#answer(claim.id, answer),
      (error: unknown) => this.#answer(claim.id, { error: "failed", reason: String(error) }),
    );
  }

  #answer(id: number, answer: number | Answer): void {
    const waiting = this.#inFlight.get(id);
    if (this.#freed || (waiting?.signal.aborted ?? false)) return;
    this.#inFlight.delete(id);
    waiting?.abort();
    try {
      let step: Step;
      try {
        step = this.gate.resolve(id, answer);
      } catch (error) {
        if (!(error instanceof TidegateError) || error.code !== "bad_argument") throw error;
        step = this.gate.resolve(id, { error: "failed", reason: error.message });
      }
      this.#then(step);
    } catch (error) {
      // there is no caller here: whoever waits is told
      this.#failed ??= { error };
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async #until(done: () => boolean): Promise<void> {
    while (this.#failed === undefined && !done()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#failed !== undefined) throw this.#failed.error;
  }
}
