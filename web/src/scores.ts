/** Scores as they are drawn: one graph for each check that scores tokens or claims. */
import type { Evidence, Finding } from "tidegate";

/** What became of a token or claim. `allowed`: the limits did not see it. `shadow`: it would have halted. */
export type Outcome = "passed" | "warned" | "allowed" | "shadow" | "halted";

/** A score in the graph. */
export interface Point {
  readonly index: number;
  /** Absent when there was none. */
  readonly value?: number;
  readonly kind: Outcome;
  readonly finding?: Finding;
  /** The mean of the check's window up to here, once the window is full. */
  readonly mean?: number;
}

export interface Graph {
  readonly check: string;
  readonly mode: "enforce" | "shadow";
  readonly unit: "token" | "claim";
  readonly hardLimit: number;
  readonly softLimit: number;
  readonly windowSize: number;
  readonly windowThreshold: number;
  readonly points: readonly Point[];
}

/** The fields of a halt check that the page reads. */
export interface HaltDocument {
  readonly name: string; readonly mode: "off" | "shadow" | "enforce";
  readonly score?: { readonly from?: string; readonly at?: "token" | "claim" | null };
  readonly hard_limit: number; readonly soft_limit: number; readonly window_size: number; readonly window_threshold: number;
}

/** What is known of a token or claim so far. */
export interface Scored {
  readonly check: string; readonly index: number;
  start?: number; end?: number; value?: number; kind?: Outcome; finding?: Finding; evidence?: Evidence; reason?: string;
  /** Whether the limits saw it. */
  counted?: boolean;
}

/** What a check scores, where the policy leaves it to the source. */
export function unit(check: HaltDocument): "token" | "claim" {
  return check.score?.at ?? (["host", "logprob", undefined].includes(check.score?.from) ? "token" : "claim");
}

/** The graph of a check, from what is known of its tokens or claims in their order. */
export function graph(check: HaltDocument, scored: readonly Scored[]): Graph {
  const window: number[] = [];
  const points = scored.filter((point) => point.kind !== undefined).map((point): Point => {
    let mean: number | undefined;
    if (point.counted && point.value !== undefined) {
      window.push(point.value);
      if (window.length > check.window_size) window.shift();
      if (window.length === check.window_size) mean = window.reduce((sum, value) => sum + value, 0) / window.length;
    }
    return {
      index: point.index, kind: point.kind as Outcome,
      ...(point.value === undefined ? {} : { value: point.value }),
      ...(point.finding === undefined ? {} : { finding: point.finding }),
      ...(mean === undefined ? {} : { mean }),
    };
  });
  return {
    check: check.name, mode: check.mode === "shadow" ? "shadow" : "enforce", unit: unit(check), points,
    hardLimit: check.hard_limit, softLimit: check.soft_limit, windowSize: check.window_size, windowThreshold: check.window_threshold,
  };
}
