import { type Engine, engine } from "./engine.js";
import { TidegateError, expected } from "./errors.js";
import { Facts } from "./facts.js";
import { Policy, type PolicyDocument } from "./policy.js";

/** The answer itself, what the model says to itself, its refusal, the arguments of a tool. */
export type Channel = "content" | "reasoning" | "refusal" | `tool:${number}`;
/** Who gives a score. */
export type Source = "host" | "facts" | "logprob" | "embed" | "nli" | "blend";
/** What the facts say to a claim. */
export type Finding = "supported" | "unsupported" | "contradicted";

/** Text that may leave. */
export interface Release {
  readonly choice: number;
  readonly channel: Channel;
  /** Never empty. */
  readonly text: string;
  /** The part of the channel's text, in bytes of UTF-8, that this is or stands for. */
  readonly start: number;
  readonly end: number;
  /** This stands for text that a rule masked. */
  readonly masked: boolean;
}

/** Why and where a choice was halted. */
export interface Halted {
  /** The check's name in the policy, or `stream` for what is wrong with the stream itself. */
  readonly check: string;
  /** What halted, as a word: `hard_limit`, `contradicted`, `missing_score`, `match`, … */
  readonly code: string;
  readonly rule?: string;
  readonly choice: number;
  readonly channel?: Channel;
  /** The number of the token or claim, from 0. */
  readonly index?: number;
  /** Where it stands in the channel's text, in bytes of UTF-8. */
  readonly start?: number;
  readonly end?: number;
  readonly finding?: Finding;
  readonly value?: number;
  readonly limit?: number;
  /** The reason as text: `hard_limit (0.3000 < 0.5)`. */
  readonly reason: string;
}

/** What a score rests on. */
export interface Evidence {
  readonly finding: Finding;
  /** In what the claim differs from the passage: `number`, `date`, `negation`, … */
  readonly mismatch?: string;
  /** The passage's number, from 0. */
  readonly passage?: number;
  /** The passage. */
  readonly text: string;
  /** Words of the claim that the passage does not bear out. */
  readonly unmatched: readonly string[];
}

interface OfClaim {
  readonly choice: number;
  readonly channel: Channel;
  readonly check: string;
  /** The number of the token or claim, from 0. */
  readonly index: number;
  /** Where it ends in the channel's text, in bytes of UTF-8. */
  readonly end: number;
}

/** Something that was decided. */
export type GateEvent =
  | (OfClaim & {
      /** A scorer of the module, or the host, said what it thinks of a claim. */
      readonly event: "scored";
      readonly start: number;
      /** Null if the scorer gave no number. */
      readonly score?: number | null;
      readonly error?: string;
      readonly evidence?: Evidence;
    })
  | (OfClaim & {
      /** A token or claim was judged and passed. */
      readonly event: "passed";
      readonly score: number;
      readonly finding?: Finding;
      /** Below the soft limit. */
      readonly warn: boolean;
    })
  | {
      /** A text rule matched. */
      readonly event: "match";
      readonly choice: number;
      readonly channel: Channel;
      readonly check: string;
      readonly rule?: string;
      readonly action: "halt" | "mask" | "flag";
      readonly mode: "enforce" | "shadow";
      readonly start: number;
      readonly end: number;
    }
  | ({
      /** A check in shadow mode would have halted; something went wrong that the policy allows; a halt. */
      readonly event: "shadow" | "allowed" | "halted";
    } & Halted);

/** A claim that wants a score. */
export interface ScoreRequest {
  /** What to name in {@link Gate.resolve}. */
  readonly id: number;
  readonly choice: number;
  readonly channel: Channel;
  readonly check: string;
  readonly source: Source;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** How long the claim may wait for its score. */
  readonly deadline_ms: number;
}

/** What a scorer says of a claim: a score from 0 to 1, or why there is none. */
export type Answer =
  | { readonly score: number; readonly finding?: Finding }
  | { readonly error: "missing" | "late" | "failed"; readonly reason?: string };

export type Verdict =
  | { readonly open: true; readonly halted: null }
  | { readonly open: false; readonly halted: Halted };

/** A token as the provider cut it. */
export interface Token {
  readonly text: string;
  /** The natural logarithm of its probability. */
  readonly logprob: number;
}

export interface GateOptions {
  /** What claims are held against, for checks that score by `facts`. */
  facts?: Facts | string;
  /**
   * Keep records for {@link Gate.trace}. Default false. Whoever asks for them takes them now and then:
   * with 64 MiB of them untaken, pushes fail with `trace_full`.
   */
  record?: boolean;
}

export interface PushOptions {
  /** Default 0. */
  choice?: number;
  /** Default `content`. */
  channel?: Channel;
  /** The host's score of this text as one token, for checks that score tokens by `host`. */
  score?: number;
  /** The text's tokens, in order and as long as it together. */
  tokens?: readonly Token[];
}

const CHANNELS = ["content", "reasoning", "refusal"] as const;
const SOURCES = ["host", "facts", "logprob", "embed", "nli", "blend"] as const;
const FINDINGS = ["supported", "unsupported", "contradicted"] as const;
const ERRORS = { missing: 0, failed: 1, late: 2 } as const;

const HALTED = 1 << 8;
const RELEASED = 1 << 9;
const DECIDED = 1 << 10;
const WANTS_SCORES = 1 << 11;
const ALL_CHOICES = 0xffffffff;
const RECORD = 1;

/** Bytes of a `tg_release` and a `tg_token`. */
const RELEASE_BYTES = 40;
const TOKEN_BYTES = 24;

const NOTHING: readonly never[] = Object.freeze([]);

/** What one call led to. */
export class Step {
  /** What of choice 0's `content` may leave now. */
  readonly text: string;
  /** All that may leave now, in order. */
  readonly releases: readonly Release[];
  /** Whether the choice that was named (0 where none is) is halted by now. */
  readonly halted: boolean;
  /** Whether claims want scores: see {@link Gate.requests}. */
  readonly wantsScores: boolean;
  #events: string | readonly GateEvent[];

  /** @internal */
  constructor(outcome: number, text: string, releases: readonly Release[], events: string) {
    this.text = text;
    this.releases = releases;
    this.halted = (outcome & HALTED) !== 0;
    this.wantsScores = (outcome & WANTS_SCORES) !== 0;
    this.#events = events === "" ? NOTHING : events;
  }

  /** What was decided, in order. Read when it is asked for. */
  get events(): readonly GateEvent[] {
    if (typeof this.#events === "string") this.#events = JSON.parse(this.#events) as GateEvent[];
    return this.#events;
  }
}

/**
 * Decides what of one response may leave. It does no I/O and waits for nothing: text goes in, each
 * call answers with what may leave now, and claims that want scores are asked for. A halt is for
 * good: a new response needs a new gate.
 */
export class Gate {
  readonly #engine: Engine;
  readonly #handle: number;
  /** Where the module writes what a call led to. */
  readonly #step: number;

  /** @throws PolicyError; TidegateError `not_ready`, `lacks`, `bad_facts` */
  constructor(policy: Policy | string | PolicyDocument, options: GateOptions = {}) {
    const it = (this.#engine = engine());
    const own = policy instanceof Policy ? undefined : new Policy(policy);
    let facts: Facts | undefined;
    try {
      if (typeof options.facts === "string") facts = new Facts(options.facts);
      else if (options.facts !== undefined && !(options.facts instanceof Facts)) {
        throw expected("facts", "Facts or a string", options.facts);
      }
      const policyHandle = (own ?? (policy as Policy)).handle;
      const factsHandle = (facts ?? (options.facts as Facts | undefined))?.handle ?? 0;
      const flags = (options.record ?? false) ? RECORD : 0;
      this.#handle = it.handle(() => it.calls.tg_gate_new(policyHandle, factsHandle, flags));
    } finally {
      own?.free();
      facts?.free();
    }
    this.#step = it.run(() => it.calls.tg_gate_step(this.#handle));
  }

  /**
   * Takes the next piece of a channel's text.
   *
   * @throws TidegateError `bad_text` for half a surrogate pair, `trace_full`
   */
  push(text: string, options?: PushOptions): Step {
    const it = this.#engine;
    if (options === undefined) {
      const len = it.write(text);
      const outcome = it.status(() => it.calls.tg_gate_push(this.#handle, 0, 0, it.input, len));
      return this.#did(outcome, text, len);
    }
    const choice = whole("choice", options.choice ?? 0);
    const channel = numberOf(options.channel ?? "content");
    const { tokens, score } = options;
    if (tokens !== undefined) return this.#pushTokens(choice, channel, text, tokens);
    const len = it.write(text);
    const pushed = it.status(() => it.calls.tg_gate_push(this.#handle, choice, channel, it.input, len));
    if (score === undefined || len === 0) return this.#did(pushed);
    number("score", score);
    const first = this.#did(pushed);
    const scored = it.status(() => it.calls.tg_gate_push_token(this.#handle, choice, channel, len, score));
    return first.releases.length === 0 && first.events.length === 0
      ? this.#did(scored)
      : this.#join(first, scored);
  }

  #pushTokens(choice: number, channel: number, text: string, tokens: readonly Token[]): Step {
    const it = this.#engine;
    const bytes = it.encode(text, "text");
    const list = new DataView(new ArrayBuffer(tokens.length * TOKEN_BYTES));
    tokens.forEach((token, at) => {
      const length = it.write(token.text, `tokens[${at}].text`);
      list.setBigUint64(at * TOKEN_BYTES, BigInt(length), true);
      list.setFloat64(at * TOKEN_BYTES + 8, number(`tokens[${at}].logprob`, token.logprob), true);
      list.setFloat64(at * TOKEN_BYTES + 16, NaN, true);
    });
    // the list first: it must be aligned
    it.writeBoth(new Uint8Array(list.buffer), bytes);
    const at = it.input + list.byteLength;
    return this.#did(
      it.status(() =>
        it.calls.tg_gate_push_tokens(this.#handle, choice, channel, at, bytes.length, it.input, tokens.length),
      ),
    );
  }

  /** The step of two calls. */
  #join(first: Step, outcome: number): Step {
    const second = this.#did(outcome);
    const events = JSON.stringify([...first.events, ...second.events]);
    const releases = [...first.releases, ...second.releases];
    return new Step(outcome, first.text + second.text, releases, events);
  }

  /**
   * The host's score of the next token, of so many bytes of text that was pushed: for hosts whose
   * tokens are not their deltas. `missing`, `late` or `failed` if there is none.
   */
  pushScore(
    bytes: number,
    score: number | "missing" | "late" | "failed",
    options: { choice?: number; channel?: Channel } = {},
  ): Step {
    const it = this.#engine;
    whole("bytes", bytes);
    const choice = whole("choice", options.choice ?? 0);
    const channel = numberOf(options.channel ?? "content");
    if (typeof score !== "string") {
      number("score", score);
      return this.#did(
        it.status(() => it.calls.tg_gate_push_token(this.#handle, choice, channel, bytes, score)),
      );
    }
    const error = errorOf(score);
    return this.#did(
      it.status(() => it.calls.tg_gate_push_token_error(this.#handle, choice, channel, bytes, error)),
    );
  }

  /**
   * Takes the next bytes of a provider's stream, cut anywhere: Server-Sent Events, JSON Lines or plain
   * text, in any format that the project knows.
   */
  pushBytes(bytes: Uint8Array): Step {
    if (!(bytes instanceof Uint8Array)) throw expected("bytes", "a Uint8Array", bytes);
    const it = this.#engine;
    const push = it.calls.tg_gate_push_bytes;
    if (push === undefined) throw new TidegateError("lacks", "this build reads no providers' streams");
    const len = it.writeBytes(bytes);
    return this.#did(it.status(() => push(this.#handle, it.input, len)));
  }

  /** Something is wrong with the stream itself: `code` names it in a word. The policy says what it does. */
  fault(code: string, detail: string): Step {
    const it = this.#engine;
    const [name, more] = [it.encode(code, "code"), it.encode(detail, "detail")];
    it.writeBoth(name, more);
    const [at, then] = [it.input, it.input + name.length];
    return this.#did(
      it.status(() => it.calls.tg_gate_fault(this.#handle, at, name.length, then, more.length)),
    );
  }

  /** Claims that want a score and were not handed out yet. */
  requests(): ScoreRequest[] {
    const it = this.#engine;
    const requests: ScoreRequest[] = [];
    while (it.status(() => it.calls.tg_gate_request(this.#handle, it.out)) === 0) {
      const view = it.view();
      const u32 = (offset: number) => view.getUint32(it.out + offset, true);
      const u64 = (offset: number) => it.u64(it.out + offset);
      requests.push({
        id: u32(40),
        choice: u32(44),
        channel: channelOf(u32(48)),
        check: it.decode(u32(8), u32(12)),
        source: SOURCES[u32(52)] ?? "host",
        index: u64(32),
        start: u64(16),
        end: u64(24),
        text: it.decode(u32(0), u32(4)),
        deadline_ms: u32(56),
      });
    }
    return requests;
  }

  /**
   * Answers a claim. Answers may come in any order; the first one stands.
   *
   * @throws TidegateError `unknown_request`
   */
  resolve(id: number, answer: number | Answer): Step {
    const it = this.#engine;
    whole("id", id);
    if (typeof answer === "number") return this.#resolveScore(id, answer, 0);
    if (typeof answer !== "object" || answer === null) throw expected("answer", "a number or an object", answer);
    if ("error" in answer) {
      const error = errorOf(answer.error);
      const len = it.write(answer.reason ?? "", "reason");
      return this.#did(
        it.status(() => it.calls.tg_gate_resolve_error(this.#handle, id, error, it.input, len)),
      );
    }
    const finding = answer.finding === undefined ? 0 : FINDINGS.indexOf(answer.finding) + 1;
    if (answer.finding !== undefined && finding === 0) {
      throw expected("finding", "`supported`, `unsupported` or `contradicted`", answer.finding);
    }
    return this.#resolveScore(id, number("score", answer.score), finding);
  }

  #resolveScore(id: number, score: number, finding: number): Step {
    const it = this.#engine;
    return this.#did(it.status(() => it.calls.tg_gate_resolve_found(this.#handle, id, score, finding)));
  }

  /**
   * The text has ended, of one choice or, without one, of all. What waits for scores still waits:
   * once they are there, it leaves.
   */
  finish(choice?: number): Step {
    const it = this.#engine;
    const of = choice === undefined ? ALL_CHOICES : whole("choice", choice);
    return this.#did(it.status(() => it.calls.tg_gate_finish(this.#handle, of)));
  }

  /** What is decided of a choice so far. */
  verdict(choice = 0): Verdict {
    const it = this.#engine;
    whole("choice", choice);
    const halted = JSON.parse(
      it.ask((out) => it.calls.tg_gate_verdict(this.#handle, choice, out)),
    ) as Halted | null;
    return halted === null ? { open: true, halted } : { open: false, halted };
  }

  /** How many bytes of a channel are held back now. */
  held(choice = 0, channel: Channel = "content"): number {
    const it = this.#engine;
    whole("choice", choice);
    return it.run(() => it.calls.tg_gate_held(this.#handle, choice, numberOf(channel)));
  }

  /** The records since the last call, one JSON object a line; {@link replay} decides them again. */
  trace(): string {
    const it = this.#engine;
    return it.ask((out) => it.calls.tg_gate_trace(this.#handle, out));
  }

  /** Gives its memory back. */
  free(): void {
    const it = this.#engine;
    it.status(() => it.calls.tg_drop(this.#handle));
  }

  [Symbol.dispose](): void {
    this.free();
  }

  /** Reads what a call led to. What came, of so many bytes, is often what leaves. */
  #did(outcome: number, came = "", len = 0): Step {
    const it = this.#engine;
    let text = "";
    let releases: readonly Release[] = NOTHING;
    if ((outcome & RELEASED) !== 0) {
      const view = it.view();
      const first = view.getUint32(this.#step, true);
      const last = first + view.getUint32(this.#step + 4, true) * RELEASE_BYTES;
      const list: Release[] = [];
      for (let at = first; at < last; at += RELEASE_BYTES) {
        const release = {
          choice: view.getUint32(at + 24, true),
          channel: channelOf(view.getUint32(at + 28, true)),
          text: it.decode(view.getUint32(at, true), view.getUint32(at + 4, true), came, len),
          start: it.u64(at + 8),
          end: it.u64(at + 16),
          masked: view.getUint32(at + 32, true) === 1,
        };
        if (release.choice === 0 && release.channel === "content") text += release.text;
        list.push(release);
      }
      releases = list;
    }
    const events =
      (outcome & DECIDED) === 0 ? "" : it.ask((out) => it.calls.tg_gate_events(this.#handle, out));
    return new Step(outcome, text, releases, events);
  }
}

/**
 * Decides a trace again: its halts.
 *
 * @throws TidegateError `replay_differs` if something else is decided, `bad_trace`; `line` says where
 */
export function replay(trace: string): Halted[] {
  const it = engine();
  const len = it.write(trace, "trace");
  const halts = it.ask((out) => it.calls.tg_replay(it.input, len, out));
  it.shrink();
  return JSON.parse(halts) as Halted[];
}

function channelOf(number: number): Channel {
  return CHANNELS[number] ?? `tool:${number - 3}`;
}

function numberOf(channel: Channel): number {
  const at = CHANNELS.indexOf(channel as (typeof CHANNELS)[number]);
  if (at >= 0) return at;
  const tool = /^tool:(0|[1-9]\d{0,8})$/.exec(channel);
  if (tool === null) throw expected("channel", "`content`, `reasoning`, `refusal` or `tool:` and a number", channel);
  return Number(tool[1]) + 3;
}

function errorOf(name: string): number {
  const error = ERRORS[name as keyof typeof ERRORS];
  if (error === undefined) throw expected("error", "`missing`, `late` or `failed`", name);
  return error;
}

function whole(what: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value < ALL_CHOICES) return value;
  throw expected(what, "a whole number from 0 to 4294967294", value);
}

/** A number of any value: one that is no score is the policy's business. */
function number(what: string, value: number): number {
  if (typeof value === "number") return value;
  throw expected(what, "a number", value);
}
