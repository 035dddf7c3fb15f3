//! Texts on their way into a gate and out of it, for the integrations.

import type { Channel, Release } from "./gate.js";

export const encoder = new TextEncoder();
export const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A part of a release: its text, and where it stood, in bytes of the channel's text. */
export interface Placed<T> {
  readonly owner: T;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Knows whose text a release is, when several texts follow each other on one channel. */
export class Pieces<T> {
  readonly #pieces = new Map<string, { owner: T; start: number; end: number }[]>();

  /** The next text of the channel. Gives back where the channel ends now, in bytes. */
  add(owner: T, choice: number, channel: Channel, text: string): number {
    const key = `${choice} ${channel}`;
    const list = this.#pieces.get(key) ?? [];
    this.#pieces.set(key, list);
    const last = list.at(-1);
    const end = (last?.end ?? 0) + encoder.encode(text).length;
    if (last && last.owner === owner) last.end = end;
    else list.push({ owner, start: last?.end ?? 0, end });
    return end;
  }

  /** The parts of a release, in order. What stands for masked text goes to whose text the masked text began in. */
  place({ choice, channel, text, start, end, masked }: Release): Placed<T>[] {
    const list = this.#pieces.get(`${choice} ${channel}`) ?? [];
    const of = list.filter((piece) => piece.end > start && piece.start < end);
    const first = of[0] ?? list.at(-1);
    if (!first) return [];
    if (masked || of.length < 2) return [{ owner: first.owner, text, start, end }];
    const bytes = encoder.encode(text);
    return of.map((piece) => {
      const from = Math.max(piece.start, start);
      const to = Math.min(piece.end, end);
      const part = decoder.decode(bytes.subarray(from - start, to - start));
      return { owner: piece.owner, text: part, start: from, end: to };
    });
  }
}

/** A text in deltas, in whole characters: escapes in JSON can cut one in two, and the gate takes whole ones only. */
export class Characters {
  #half = "";

  /** The text that is whole by now. */
  take(delta: string): string {
    const text = this.#half + delta;
    this.#half = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : "";
    return wellFormed(text.slice(0, text.length - this.#half.length));
  }

  /** What is left of it at the end: U+FFFD for half a character. */
  finish(): string {
    const text = wellFormed(this.#half);
    this.#half = "";
    return text;
  }
}

/** Half characters become U+FFFD, as in every encoding to UTF-8. */
export function wellFormed(text: string): string {
  return /[\ud800-\udfff]/.test(text) ? decoder.decode(encoder.encode(text)) : text;
}
