/** Traces: decided again by Tidegate, and their scores drawn from the records. */
import { replay, TidegateError, type Finding, type Halted } from "tidegate";
import { InputError } from "./inputs.js";
import { graph, type Graph, type HaltDocument, type Scored } from "./scores.js";

export interface Replayed {
  readonly halted: readonly Halted[];
  readonly records: number;
  /** Of the first choice's content. */
  readonly graphs: readonly Graph[];
}

/** The fields of records that the page reads. */
interface Record {
  readonly record: string;
  readonly choice?: number; readonly channel?: string; readonly check?: string; readonly index?: number; readonly claim?: number;
  /** In 1e-9. */
  readonly score?: number | { readonly score?: number; readonly finding?: Finding | null };
  readonly policy?: { readonly halt?: readonly HaltDocument[] };
}

/** Decides a trace again. Throws `InputError` with the line where it is no trace or decides something else. */
export function replayTrace(trace: string): Replayed {
  let halted: Halted[];
  try {
    halted = replay(trace);
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    throw new InputError("trace", error.message, error.line, undefined, error.help);
  }
  // it was replayed, so each line is a record
  const records = trace.split("\n").filter((line) => line.trim() !== "").map((line) => JSON.parse(line) as Record);
  const checks = (records[0]?.policy?.halt ?? []).filter((check) => check.mode !== "off");
  return { halted, records: records.length, graphs: checks.map((check) => graph(check, scoresOf(check.name, records))) };
}

function scoresOf(check: string, records: readonly Record[]): Scored[] {
  const scored: Scored[] = [];
  const of = (index: number): Scored => scored[index] ??= { check, index };
  let tokens = 0;
  for (const record of records) {
    if (record.check !== check || (record.choice ?? 0) !== 0 || record.channel !== "content") continue;
    if (record.record === "token" || record.record === "score") {
      const point = of(record.record === "token" ? tokens++ : record.claim ?? 0);
      const nanos = typeof record.score === "object" ? record.score.score : record.score;
      if (nanos !== undefined) point.value = nanos / 1e9;
      point.kind = "passed";
      point.counted = true;
    } else if (record.index !== undefined && ["warn", "allowed", "shadow", "halt"].includes(record.record)) {
      const point = of(record.index);
      point.kind = record.record === "warn" ? "warned" : record.record === "halt" ? "halted" : record.record as "allowed" | "shadow";
      point.counted = record.record !== "allowed";
    }
  }
  // claims that were scored ahead of a halt were never judged
  const end = scored.findIndex((point) => point?.kind === "halted");
  return (end < 0 ? scored : scored.slice(0, end + 1)).filter((point) => point !== undefined);
}
