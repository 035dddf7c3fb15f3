//! Chat completions as OpenAI streams them, gated chunk by chunk.
//
// A chunk goes in, its texts go to the gate, and it leaves with what may leave of them. Text that was
// held leaves in a chunk of its own, or in the place of later text. The end of an answer is kept until
// the source has ended: until then a late score may still halt it.

import { type Call, type Json, type Message, type Slot, deltaOf, isEmpty, isObject, readMessage, showsNoMore, tokensOf } from "./chat-message.js";
import { TidegateError } from "./errors.js";
import { Facts } from "./facts.js";
import type { Channel, Halted, PushOptions, Release, Step, Token } from "./gate.js";
import { Characters, Pieces, decoder, encoder, wellFormed } from "./pieces.js";
import { Policy, type PolicyDocument } from "./policy.js";
import { GateSession, type SessionOptions } from "./session.js";

/** What is read of a `chat.completion.chunk`. Everything else passes as it is. */
export interface ChatChunk {
  choices: readonly object[];
}

/** What is read of a `chat.completion`. */
export interface ChatCompletion {
  choices: readonly object[];
}

/** What Tidegate adds to a choice of a chunk or of a whole answer, as its field `tidegate`. */
export interface ChatNote {
  /** Why the choice was halted; its `finish_reason` is `content_filter` then. */
  readonly halted?: Halted;
  /** Members of the delta (or message) that hold text no check sees, and were left out for that. */
  readonly dropped?: readonly string[];
}

/** How a chat completion is gated. */
export interface ChatOptions extends SessionOptions {
  /** How many answers were asked for (`n` of the request). Once as many are halted the source is left.
   *  Default: as many as were seen. `gatedFetch` and `gateOpenAI` take it from the request. */
  n?: number;
  /** Names of members of a delta or message, and of SSE events, that may leave although they hold text that no
   *  check sees, such as `annotations`. Default: none; they are left out, and `tidegate.dropped` names them. */
  keep?: readonly string[];
}

interface Choice {
  readonly index: number;
  readonly calls: Map<number | null, Call>;
  readonly texts: Map<Channel, Characters>;
  halted: Halted | null;
}

/** Members of a chunk that every chunk of an answer repeats: a chunk with nothing else says nothing. */
const REPEATED = ["id", "object", "created", "model", "system_fingerprint", "service_tier", "provider"];

/**
 * Gates the chunks of one chat completion, of all its choices. `emit` is given each chunk that may leave, in order,
 * at once or when a score has come. Chunks that nothing was changed in are the very objects that came in.
 *
 * A choice that halts gets a last chunk with `finish_reason: "content_filter"` and `tidegate: { halted }`; whatever
 * comes for it later is dropped. `logprobs` leave only with text that left whole in the same chunk.
 */
export class ChatGate<C extends ChatChunk = ChatChunk> {
  readonly session: GateSession;
  readonly #emit: (chunk: C) => void;
  readonly #options: ChatOptions;
  readonly #keep: ReadonlySet<string>;
  readonly #choices = new Map<number, Choice>();
  /** What the next chunk of our own repeats of the last one. */
  #head: Json = { object: "chat.completion.chunk" };
  /** The place of the text that is being pushed: what leaves of its channel goes there. */
  #slot: { choice: number; channel: Channel; left: string } | null = null;
  /** Halts whose chunk has yet to leave, behind the text before them. */
  #halts: Halted[] = [];
  /** Chunks with the end of a choice, and all behind them. */
  #tail: Json[] = [];
  #shut = false;
  #ended = false;
  #close!: () => void;
  /** Resolves when every choice is halted. */
  readonly closed = new Promise<undefined>((resolve) => {
    this.#close = () => resolve(undefined);
  });

  constructor(policy: Policy | string | PolicyDocument, emit: (chunk: C) => void, options: ChatOptions = {}) {
    this.#emit = emit;
    this.#options = options;
    this.#keep = new Set(options.keep);
    this.session = new GateSession(policy, {
      ...options,
      onStep: (step, gate) => {
        options.onStep?.(step, gate);
        this.#took(step);
      },
    });
  }

  /** Whether every choice is halted: nothing can leave any more, and the source can be left. */
  get shut(): boolean {
    return this.#shut;
  }

  /** Takes a chunk. Throws `finished` after the end, and `bad_argument` when it is no chunk. */
  push(chunk: C): void {
    if (this.#ended) throw new TidegateError("finished", "a chunk came after the answer's end");
    const whole = chunk as unknown as Json;
    if (!isObject(whole) || !Array.isArray(whole["choices"])) {
      throw new TidegateError("bad_argument", "a chunk has a list `choices`");
    }
    if (this.#shut) return;
    this.#head = Object.fromEntries(REPEATED.filter((key) => key in whole).map((key) => [key, whole[key]]));

    const choices: Json[] = [];
    const ends: Json[] = [];
    let changed = false;
    let held = false;
    for (const [place, choice] of (whole["choices"] as unknown[]).entries()) {
      if (!isObject(choice)) {
        changed = true;
        continue;
      }
      const index = typeof choice["index"] === "number" ? choice["index"] : place;
      const state = this.#choice(index);
      if (state.halted) {
        changed = true;
        continue;
      }
      const gated = this.#gateDelta(state, choice);
      changed ||= gated.changed;
      held ||= gated.held;
      if (choice["finish_reason"] == null) {
        if (!gated.empty) choices.push(gated.choice);
        continue;
      }
      changed = true;
      const says = !isEmpty(gated.choice["delta"]);
      ends.push(says ? { ...gated.choice, delta: {}, logprobs: null } : gated.choice);
      if (says) choices.push({ ...gated.choice, finish_reason: null });
    }

    if (!changed && this.#tail.length === 0) {
      this.#out(whole);
    } else {
      const { choices: _, ...rest } = whole;
      const says = Object.keys(rest).some((key) => !REPEATED.includes(key) && key !== "obfuscation" && rest[key] != null);
      if (ends.length > 0 || this.#tail.length > 0) {
        // what is behind an end stays behind it, but for the text of other choices
        if (choices.length > 0) this.#out({ ...this.#head, choices });
        if (ends.length > 0 || says) this.#tail.push({ ...rest, choices: ends });
      } else if (choices.length > 0 || says || !(held || changed)) {
        this.#out({ ...rest, choices });
      }
    }
    this.#giveHalts();
  }

  /** Resolves when more can be taken: fewer than 8 claims wait for scores. */
  ready(): Promise<void> {
    return this.session.ready();
  }

  /**
   * The source has ended well: gives out what is still held, once it was decided, and then the ends that were kept.
   * Do not call it when the source broke off: what is held then never leaves.
   */
  async finish(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#shut) {
      for (const choice of this.#choices.values()) {
        for (const channel of choice.texts.keys()) this.#put(choice, { channel, text: "" }, true);
      }
      this.#giveHalts();
      await this.session.finish();
      // a choice that was never let in, for there are too many, has no event of its own
      this.#lookForHalts();
    }
    this.#giveTail();
  }

  /**
   * Something is wrong with the source itself: `code` names it in one word, `detail` says more. Halts all choices,
   * unless the policy's `stream.on_fault` is `allow`.
   */
  fault(code: string, detail: string): void {
    if (this.#shut || this.#ended) return;
    if (this.#choices.size === 0) this.#choice(0);
    this.session.fault(code, detail);
    this.#lookForHalts();
    // no choice that comes later would be let out
    if ([...this.#choices.values()].every((choice) => choice.halted)) this.#shutAll();
  }

  /** Gives back the memory of the gate. What is held never leaves. */
  free(): void {
    this.#ended = true;
    this.session.free();
  }

  #choice(index: number): Choice {
    let choice = this.#choices.get(index);
    if (!choice) {
      choice = { index, calls: new Map(), texts: new Map(), halted: null };
      this.#choices.set(index, choice);
    }
    return choice;
  }

  /** The choice with what may leave of its delta. */
  #gateDelta(state: Choice, choice: Json): { choice: Json; changed: boolean; held: boolean; empty: boolean } {
    const read = readMessage(choice["delta"], state.calls, this.#keep);
    let changed = read.dropped.length > 0;
    let held = false;
    let left = false;
    const changedOn = new Set<Channel>();
    for (const slot of read.slots) {
      const text = this.#put(state, slot, false, choice["logprobs"]);
      slot.put(text);
      left ||= text !== "";
      if (text === slot.text) continue;
      changed = held = true;
      changedOn.add(slot.channel);
    }
    const out: Json = { ...choice, delta: read.message };
    // some repeat in each chunk all that was said before; `text` is of another kind of completion
    for (const key of ["message", "text"]) {
      if (choice[key] == null) continue;
      delete out[key];
      read.dropped.push(key);
      changed = true;
    }
    if (choice["logprobs"] != null) {
      const fits = (channel: Channel): boolean =>
        !changedOn.has(channel) &&
        // what left can look like what came, and be what was held before
        this.session.gate.held(state.index, channel) === 0 &&
        showsNoMore(choice["logprobs"], channel, read.texts(channel));
      if (!fits("content") || !fits("refusal")) {
        out["logprobs"] = null;
        changed = true;
      }
    }
    if (read.dropped.length > 0) out["tidegate"] = { dropped: read.dropped } satisfies ChatNote;
    const empty = held && !left && !read.structure && read.dropped.length === 0;
    return { choice: changed ? out : choice, changed, held, empty };
  }

  /** Pushes text (`last`: what is left of it); gives back what may leave now in its place. */
  #put(choice: Choice, { channel, text: delta }: Pick<Slot, "channel" | "text">, last: boolean, logprobs?: unknown): string {
    let characters = choice.texts.get(channel);
    if (!characters) choice.texts.set(channel, (characters = new Characters()));
    const text = last ? characters.finish() : characters.take(delta);
    if (text === "") return "";
    const slot = { choice: choice.index, channel, left: "" };
    if (!last) this.#slot = slot;
    const options: PushOptions = { choice: choice.index, channel };
    const tokens = tokensOf(logprobs, channel, text);
    if (tokens.length > 0) options.tokens = tokens;
    try {
      this.session.push(text, options);
    } finally {
      this.#slot = null;
    }
    return slot.left;
  }

  /** What a push, a score or the end has led to. */
  #took(step: Step): void {
    const slot = this.#slot;
    for (const release of step.releases) {
      if (slot && release.choice === slot.choice && release.channel === slot.channel) slot.left += release.text;
      else this.#give(release);
    }
    for (const event of step.events) if (event.event === "halted") this.#halts.push(event);
    // while text is pushed its chunk has yet to leave, and before the halt
    if (!slot) this.#giveHalts();
  }

  /** Gives out text in a chunk of our own. */
  #give({ choice, channel, text }: Release): void {
    const delta = deltaOf(channel, text, this.#choice(choice).calls);
    this.#out({ ...this.#head, choices: [{ index: choice, delta, logprobs: null, finish_reason: null }] });
  }

  #lookForHalts(): void {
    for (const { index, halted } of this.#choices.values()) {
      const verdict = halted ? null : this.session.gate.verdict(index);
      if (verdict?.halted) this.#halts.push({ ...verdict.halted, choice: index });
    }
    this.#giveHalts();
  }

  #giveHalts(): void {
    for (const halted of this.#halts.splice(0)) {
      const choice = this.#choice(halted.choice);
      if (!choice.halted) this.#halt(choice, halted);
    }
    const states = [...this.#choices.values()];
    const all = states.length > 0 && states.every((choice) => choice.halted);
    if (all && states.length >= (this.#options.n ?? 1)) this.#shutAll();
  }

  #shutAll(): void {
    this.#shut = true;
    this.#close();
  }

  #halt(choice: Choice, halted: Halted): void {
    choice.halted = halted;
    const note: ChatNote = { halted };
    const last = { index: choice.index, delta: {}, logprobs: null, finish_reason: "content_filter", tidegate: note };
    this.#out({ ...this.#head, choices: [last] });
  }

  #giveTail(): void {
    for (const chunk of this.#tail) {
      const before = chunk["choices"] as Json[];
      const choices = before.filter((choice) => !this.#choices.get(choice["index"] as number)?.halted);
      const says = Object.keys(chunk).some((key) => key !== "choices" && !REPEATED.includes(key) && chunk[key] != null);
      if (choices.length > 0 || says) this.#out({ ...chunk, choices });
    }
    this.#tail = [];
  }

  #out(chunk: Json): void {
    this.#emit(chunk as unknown as C);
  }
}

/**
 * Gates the chunks of a chat completion that comes as an async iterable: the stream of the `openai` client, of
 * WebLLM's `chat.completions.create({ stream: true })`, or any generator of such chunks. Once all choices are halted
 * the source is left: its `controller` is aborted if it has one, and its iterator is closed.
 * Errors of the source are thrown as they are; what was held then never leaves.
 */
export async function* gateChatStream<C extends ChatChunk>(
  source: AsyncIterable<C>,
  policy: Policy | string | PolicyDocument,
  options: ChatOptions = {},
): AsyncGenerator<C, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let given = 0;
  let out!: ReadableStreamDefaultController<C>;
  const gate = new ChatGate<C>(
    policy,
    (chunk) => {
      given += 1;
      out.enqueue(chunk);
    },
    options,
  );
  let left = false;
  const leave = (): void => {
    if (left) return;
    left = true;
    (source as { controller?: AbortController }).controller?.abort();
    // not waited for: an iterator whose next chunk is still to come closes only behind it
    void Promise.resolve(iterator.return?.()).catch(() => {});
  };
  // The source is read one chunk ahead of whoever iterates, and beside the scores: text that a score lets go leaves
  // while the source is silent.
  const stream = new ReadableStream<C>(
    {
      start(controller) {
        out = controller;
      },
      async pull() {
        const before = given;
        while (given === before) {
          await gate.ready();
          const next = gate.shut ? undefined : await Promise.race([iterator.next(), gate.closed]);
          if (next && !next.done) {
            gate.push(next.value);
            continue;
          }
          if (next) left = true;
          else leave();
          await gate.finish();
          out.close();
          return;
        }
      },
    },
    { highWaterMark: 0 },
  );
  const reader = stream.getReader();
  try {
    while (true) {
      const next = await reader.read();
      if (next.done) return;
      yield next.value;
    }
  } finally {
    leave();
    gate.free();
    void reader.cancel().catch(() => {});
  }
}

/**
 * Gates a whole answer, a `chat.completion`: gives it back with what may leave of its messages. A choice that halts
 * keeps what left before, loses its tool calls, and has `finish_reason: "content_filter"` and `tidegate: { halted }`.
 */
export async function gateChat<A extends ChatCompletion>(
  answer: A,
  policy: Policy | string | PolicyDocument,
  options: ChatOptions = {},
): Promise<A> {
  const whole = answer as unknown as Json;
  if (!isObject(whole) || !Array.isArray(whole["choices"])) {
    throw new TidegateError("bad_argument", "a chat completion has a list `choices`");
  }
  const keep = new Set(options.keep);
  const pieces = new Pieces<Slot & { left: string }>();
  const session = new GateSession(policy, {
    ...options,
    onStep: (step, gate) => {
      options.onStep?.(step, gate);
      take(step);
    },
  });
  const take = (step: Step): void => {
    for (const release of step.releases) {
      for (const { owner, text } of pieces.place(release)) owner.left += text;
    }
  };
  try {
    const choices: { choice: Json; index: number; read: Message; slots: (Slot & { left: string })[] }[] = [];
    for (const [place, choice] of (whole["choices"] as unknown[]).entries()) {
      if (!isObject(choice)) continue;
      const index = typeof choice["index"] === "number" ? choice["index"] : place;
      const read = readMessage(choice["message"], new Map(), keep);
      for (const key of ["delta", "text"]) if (choice[key] != null) read.dropped.push(key);
      const slots = read.slots.map((slot) => ({ ...slot, left: "" }));
      choices.push({ choice, index, read, slots });
      for (const slot of slots) {
        const text = wellFormed(slot.text);
        pieces.add(slot, index, slot.channel, text);
        const tokens = tokensOf(choice["logprobs"], slot.channel, text);
        const options: PushOptions = { choice: index, channel: slot.channel };
        session.push(text, tokens.length > 0 ? { ...options, tokens } : options);
        await session.ready();
      }
    }
    await session.finish();
    const gated = choices.map(({ choice, index, read, slots }) => {
      const halted = session.gate.verdict(index).halted;
      const same = !halted && slots.every((slot) => slot.left === slot.text);
      const fits = (channel: Channel): boolean => showsNoMore(choice["logprobs"], channel, read.texts(channel));
      const shown = same && fits("content") && fits("refusal");
      for (const slot of slots) slot.put(slot.left);
      if (same && shown && read.dropped.length === 0) return choice;
      const message = { ...read.message };
      const { delta: _delta, text: _text, ...kept } = choice;
      const out: Json = { ...kept, message };
      if (!shown && choice["logprobs"] != null) out["logprobs"] = null;
      const note: { halted?: Halted; dropped?: readonly string[] } = {};
      if (read.dropped.length > 0) note.dropped = read.dropped;
      if (halted) {
        // half a tool call is none, and one of an answer that was halted is not to be made
        delete message["tool_calls"];
        delete message["function_call"];
        out["finish_reason"] = "content_filter";
        note.halted = halted;
      }
      if (halted || note.dropped) out["tidegate"] = note;
      return out;
    });
    return { ...whole, choices: gated } as unknown as A;
  } finally {
    session.free();
  }
}

/** A policy and its facts made ready, once for all answers. */
export function prepared<O extends SessionOptions>(policy: Policy | string | PolicyDocument, options: O): [Policy, O] {
  const ready = policy instanceof Policy ? policy : new Policy(policy);
  return [ready, typeof options.facts === "string" ? { ...options, facts: new Facts(options.facts) } : options];
}
