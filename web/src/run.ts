/**
 * A run of the gate over an answer, and what the page shows of it. Runs in a Worker (`worker.ts`), so that
 * neither a policy that is dear to compile nor a long answer stops the page.
 *
 * Text that is held may be a secret. What leaves here for the page has it veiled, where it is to be:
 * the page never has the characters.
 */
import { Facts, Gate, Policy, PolicyError, TidegateError } from "tidegate";
import type { Finding, GateEvent, Halted, PolicyDocument, Step } from "tidegate";
import { deltas, InputError, readScores, type Inputs } from "./inputs.js";
import { graph, unit, type Graph, type HaltDocument, type Outcome, type Scored } from "./scores.js";

/** A piece of the answer as the page shows it. */
export interface Piece {
  readonly text: string;
  readonly kind: "released" | "held" | "withheld";
  /** It stands for text that a rule masked. */
  readonly masked?: boolean;
  readonly veiled?: boolean;
  /** The claim it is part of, by its number. */
  readonly claim?: number;
}

export interface Claim {
  readonly check: string;
  readonly index: number;
  readonly pieces: readonly Piece[];
  readonly score?: number;
  readonly outcome: Outcome | "waiting";
  readonly reason?: string;
  readonly evidence?: { readonly finding: Finding; readonly mismatch?: string; readonly passage: string; readonly unmatched: readonly string[] };
}

/** Something that was recorded beside the scores. Positions are in bytes of the answer. */
export interface Note {
  readonly kind: "mask" | "flag" | "halt" | "shadow" | "allowed";
  readonly check: string;
  readonly rule?: string;
  readonly start?: number;
  readonly end?: number;
  readonly reason?: string;
}

export interface Snapshot {
  /** Deltas pushed so far; one more than there are when the text has ended. */
  readonly at: number;
  readonly deltas: number;
  readonly passages: number;
  readonly notices: readonly string[];
  readonly pieces: readonly Piece[];
  /** In characters. */
  readonly released: number;
  readonly held: number;
  readonly veiled: boolean;
  readonly halted: Halted | null;
  readonly ended: boolean;
  readonly graphs: readonly Graph[];
  readonly claims: readonly Claim[];
  readonly notes: readonly Note[];
}

/** The fields of a text check that the page reads. */
interface TextDocument { readonly mode?: string; readonly action?: string }

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What is put in the place of characters that are not to be seen. White space stays, so that lines do not jump. */
const veil = (text: string): string => text.replace(/\S/gu, "•");

interface Compiled {
  readonly text: string;
  readonly format: string;
  readonly policy: Policy;
  readonly document: PolicyDocument;
  /** The policy's text rules alone; made when they are wanted. */
  rules?: Policy;
}

/** The last policy: to compile one can take a while, and most runs are over the policy of the run before. */
let last: Compiled | undefined;

function compile(text: string, format: Inputs["policyFormat"]): Compiled {
  if (last?.text !== text || last.format !== format) {
    const policy = named("policy", () => new Policy(text, format));
    last?.policy.free();
    last?.rules?.free();
    last = { text, format, policy, document: policy.toJSON() };
  }
  return last;
}

function rulesOf(compiled: Compiled): Policy {
  const { text, limits } = compiled.document;
  return compiled.rules ??= new Policy({ version: 1, ...(text ? { text } : {}), ...(limits ? { limits } : {}) });
}

/** A gate, and what of the content it let leave. */
class Gated {
  readonly releases: { text: string; start: number; end: number; masked: boolean }[] = [];
  #masked = 0;

  constructor(readonly gate: Gate) {}

  take(step: Step): void {
    for (const release of step.releases) {
      if (release.channel !== "content" || release.choice !== 0) continue;
      const before = this.releases.at(-1);
      if (before && !before.masked && !release.masked && before.end === release.start) {
        // one run of text is one release here, or a long answer would be slow to show
        before.text += release.text;
        before.end = release.end;
      } else this.releases.push({ ...release });
    }
    for (const event of step.events) {
      if (event.event === "match" && event.action === "mask" && event.mode === "enforce") this.#masked = Math.max(this.#masked, event.end);
    }
  }

  /** Where what has not left begins, in bytes, when so many have come. */
  tail(received: number): number {
    return this.gate.verdict().open ? received - this.gate.held() : Math.max(this.#masked, this.releases.at(-1)?.end ?? 0);
  }

  /** What it let leave of these bytes; a mask stands where it begins. */
  within(start: number, end: number, slice: (start: number, end: number) => string): { text: string; masked: boolean }[] {
    return this.releases.flatMap((release): { text: string; masked: boolean }[] => {
      if (release.masked) return release.start >= start && release.start < end ? [{ text: release.text, masked: true }] : [];
      return release.start < end && release.end > start
        ? [{ text: slice(Math.max(start, release.start), Math.min(end, release.end)), masked: false }] : [];
    });
  }
}

export class Run {
  readonly #notices: readonly string[];
  readonly #gate: Gate;
  readonly #main: Gated;
  /** The text rules alone. What they let leave is no secret, and is shown though a claim is still held. */
  readonly #rules: Gated | undefined;
  readonly #facts: Facts | undefined;
  readonly #pieces: readonly string[];
  readonly #bytes: Uint8Array;
  readonly #scores: readonly number[];
  readonly #veils: boolean;
  readonly #checks: readonly HaltDocument[];
  readonly #scored = new Map<string, Scored>();
  readonly #notes: Note[] = [];
  #trace = "";
  #at = 0;
  #received = 0;
  #ended = false;

  constructor(inputs: Inputs) {
    this.#scores = readScores(inputs.scores);
    const answer = decoder.decode(encoder.encode(inputs.answer)); // no half characters
    this.#pieces = deltas(answer, inputs.cut);
    this.#bytes = encoder.encode(answer);
    const compiled = compile(inputs.policy, inputs.policyFormat);
    const { policy, document } = compiled;
    this.#notices = policy.notices;
    this.#checks = ((document.halt ?? []) as unknown as HaltDocument[]).filter((check) => check.mode !== "off");
    this.#veils = inputs.held === "veiled" || (inputs.held === "auto" && ((document.text ?? []) as unknown as TextDocument[])
      .some((check) => (check.mode ?? "enforce") === "enforce" && (check.action ?? "halt") !== "flag"));
    try {
      this.#facts = inputs.facts.trim() === "" ? undefined
        : named("facts", () => new Facts(inputs.facts, { format: inputs.factsFormat, source: "facts" }));
      this.#gate = named("policy", () => new Gate(policy, { record: true, ...(this.#facts ? { facts: this.#facts } : {}) }));
      this.#main = new Gated(this.#gate);
      if (this.#veils && inputs.held === "auto" && this.#checks.length > 0) this.#rules = new Gated(new Gate(rulesOf(compiled)));
    } catch (error) {
      this.#facts?.free();
      throw error;
    }
  }

  /** Pushes deltas until `to` of them are in; one more is the end of the text. Stops where the gate shuts,
   *  as a host stops the model there. There is no way back: the gate has none. */
  advance(to: number): void {
    while (this.#at < to && this.#at <= this.#pieces.length && this.#gate.verdict().open) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined) {
        this.#take(this.#gate.finish());
        this.#rules?.take(this.#rules.gate.finish());
        this.#ended = true;
      } else {
        const score = this.#scores[this.#at];
        this.#received += encoder.encode(piece).length;
        this.#take(this.#gate.push(piece, score !== undefined && this.#scoresDeltas ? { score } : {}));
        this.#rules?.take(this.#rules.gate.push(piece));
      }
      this.#at += 1;
      this.#answer();
    }
  }

  get at(): number { return this.#at; }

  /** The trace so far: JSON Lines without a character of the text. */
  trace(): string {
    this.#trace += this.#gate.trace();
    return this.#trace;
  }

  free(): void {
    this.#gate.free();
    this.#rules?.gate.free();
    this.#facts?.free();
  }

  get #scoresDeltas(): boolean { return this.#checks.some((check) => unit(check) === "token"); }

  /** Scores for claims come from the list, by the claim's number. What no one here can score is missing. */
  #answer(): void {
    for (let waiting = this.#gate.requests(); waiting.length > 0; waiting = this.#gate.requests()) {
      for (const claim of waiting) {
        const scored = this.#of(claim.check, claim.index);
        scored.start = claim.start;
        scored.end = claim.end;
        const score = claim.source === "host" ? this.#scores[claim.index] : undefined;
        this.#take(this.#gate.resolve(claim.id, score ?? { error: "missing" }));
      }
    }
  }

  #of(check: string, index: number): Scored {
    const key = `${check} ${index}`;
    let scored = this.#scored.get(key);
    if (!scored) this.#scored.set(key, scored = { check, index });
    return scored;
  }

  #take(step: Step): void {
    this.#main.take(step);
    for (const event of step.events) this.#note(event);
  }

  #note(event: GateEvent): void {
    if (event.event === "match") {
      this.#notes.push({ kind: event.mode === "shadow" ? "shadow" : event.action, check: event.check, start: event.start, end: event.end,
        ...(event.rule === undefined ? {} : { rule: event.rule }) });
      return;
    }
    if (event.event !== "passed" && event.event !== "scored") {
      // what a text rule found is told by its match
      if (event.index === undefined && event.code !== "match") {
        this.#notes.push({ kind: event.event === "halted" ? "halt" : event.event, check: event.check, reason: event.reason });
      }
      if (event.index === undefined) return;
    }
    const scored = this.#of(event.check, event.index as number);
    if (event.event === "scored") {
      scored.start = event.start;
      scored.end = event.end;
      if (typeof event.score === "number") scored.value = event.score;
      if (event.evidence) scored.evidence = event.evidence;
      return;
    }
    if (event.finding) scored.finding = event.finding;
    if (event.event === "passed") {
      scored.end = event.end;
      scored.value = event.score;
      scored.kind ??= event.warn ? "warned" : "passed";
      scored.counted = true;
      return;
    }
    scored.kind = event.event;
    scored.reason = event.reason;
    if (event.start !== undefined) scored.start = event.start;
    if (event.end !== undefined) scored.end = event.end;
    // what a window or a trend halted at is no score: that comes with `passed` or `scored`
    if (event.value !== undefined && event.code === "hard_limit") scored.value = event.value;
    scored.counted = event.event !== "allowed";
  }

  snapshot(): Snapshot {
    const verdict = this.#gate.verdict();
    const claimCheck = this.#checks.find((check) => unit(check) === "claim");
    const claims = this.#sorted(claimCheck?.name).filter((scored) => scored.start !== undefined && scored.end !== undefined);
    return {
      at: this.#at,
      deltas: this.#pieces.length,
      passages: this.#facts?.size ?? 0,
      notices: this.#notices,
      pieces: this.#cut(claims),
      released: this.#main.releases.reduce((sum, release) => sum + [...release.text].length, 0),
      held: [...this.#slice(this.#main.tail(this.#received), this.#received)].length,
      veiled: this.#veils,
      halted: verdict.halted,
      ended: this.#ended,
      graphs: this.#checks.map((check) => graph(check, this.#sorted(check.name))),
      claims: this.#checks.filter((check) => unit(check) === "claim").flatMap((check) => this.#sorted(check.name)
        .filter((scored) => scored.start !== undefined && scored.end !== undefined).map((scored) => this.#claim(scored))),
      notes: this.#notes,
    };
  }

  #sorted(check: string | undefined): Scored[] {
    return [...this.#scored.values()].filter((scored) => scored.check === check).sort((a, b) => a.index - b.index);
  }

  #slice(start: number, end: number): string {
    return decoder.decode(this.#bytes.subarray(start, end));
  }

  /** The answer in pieces, each part of one claim at most. */
  #cut(claims: readonly Scored[]): Piece[] {
    const pieces: Piece[] = [];
    let at = 0;
    for (const claim of claims) {
      const start = Math.max(at, claim.start as number);
      pieces.push(...this.#shown(at, start));
      pieces.push(...this.#shown(start, claim.end as number).map((piece) => ({ ...piece, claim: claim.index })));
      at = Math.max(at, claim.end as number);
    }
    pieces.push(...this.#shown(at, this.#bytes.length));
    return pieces;
  }

  /** What of these bytes the page may show, as it may show it. */
  #shown(start: number, end: number): Piece[] {
    const slice = (from: number, to: number): string => this.#slice(from, to);
    const pieces: Piece[] = this.#main.within(start, end, slice).map((piece) => ({ ...piece, kind: "released" }));
    const kind = this.#gate.verdict().open ? "held" : "withheld";
    const from = Math.max(start, this.#main.tail(this.#received));
    const to = Math.min(end, this.#received);
    if (from >= to) return pieces;
    if (!this.#veils) return [...pieces, { text: slice(from, to), kind }];
    const veiled = Math.max(from, this.#rules?.tail(this.#received) ?? from);
    for (const piece of this.#rules?.within(from, Math.min(to, veiled), slice) ?? []) pieces.push({ ...piece, kind });
    if (veiled < to) pieces.push({ text: veil(slice(veiled, to)), kind, veiled: true });
    return pieces;
  }

  #claim(scored: Scored): Claim {
    const pieces = trimmed(this.#shown(scored.start as number, scored.end as number));
    const { evidence } = scored;
    // a word of the claim is shown here only if it is shown there
    const visible = pieces.filter((piece) => !piece.veiled).map((piece) => piece.text).join("").toLowerCase();
    return {
      check: scored.check, index: scored.index, pieces,
      outcome: scored.kind ?? "waiting",
      ...(scored.value === undefined ? {} : { score: scored.value }),
      ...(scored.reason === undefined ? {} : { reason: scored.reason }),
      ...(evidence ? {
        evidence: {
          finding: evidence.finding, passage: evidence.text,
          unmatched: this.#veils ? evidence.unmatched.filter((word) => visible.includes(word.toLowerCase())) : evidence.unmatched,
          ...(evidence.mismatch === undefined ? {} : { mismatch: evidence.mismatch }),
        },
      } : {}),
    };
  }
}

function trimmed(pieces: readonly Piece[]): Piece[] {
  return pieces.map((piece, index) => index === 0 ? { ...piece, text: piece.text.trimStart() } : piece);
}

/** Says of which input an error is. */
function named<T>(where: "policy" | "facts", make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof PolicyError) throw new InputError("policy", error.message, error.line, error.column, error.help);
    if (error instanceof TidegateError) throw new InputError(where, error.message, undefined, undefined, error.help);
    throw error;
  }
}
