/** What a run is made of: all that the reader of this page can edit. */

export type FactsFormat = "markdown" | "text" | "csv" | "jsonl";
export type PolicyFormat = "toml" | "yaml" | "json";

/** How the answer is cut into deltas. Lengths are in UTF-16 units, as strings have them. */
export type Cut =
  | { readonly by: "characters"; readonly size: number }
  | { readonly by: "words" }
  /** As a recorded stream was cut. Holds for that text only. */
  | { readonly by: "recorded"; readonly lengths: readonly number[] };

/** Whether the text that is held is shown. `auto` veils what the policy's text rules have not cleared. */
export type Held = "auto" | "shown" | "veiled";

export interface Inputs {
  readonly answer: string;
  readonly facts: string;
  readonly factsFormat: FactsFormat;
  readonly policy: string;
  readonly policyFormat: PolicyFormat;
  /** One score a line: of each delta, or of each claim, as the policy's host checks want them. */
  readonly scores: string;
  readonly cut: Cut;
  readonly held: Held;
}

/** Where an input has something wrong, in words for the person who wrote it. */
export class InputError extends Error {
  constructor(readonly where: "answer" | "facts" | "policy" | "scores" | "trace" | "stream", message: string,
    readonly line?: number, readonly column?: number, readonly help?: string) {
    super(message);
  }
}

/** The deltas of an answer; joined they are the answer. */
export function deltas(answer: string, cut: Cut): string[] {
  switch (cut.by) {
    case "words": return answer.match(/\s*[\p{L}\p{N}]+|\s*[^\p{L}\p{N}\s]|\s+$/gu) ?? [];
    case "characters": {
      const characters = [...answer]; // by code point: a delta never splits one
      const size = Math.max(1, Math.floor(cut.size));
      const out: string[] = [];
      for (let i = 0; i < characters.length; i += size) out.push(characters.slice(i, i + size).join(""));
      return out;
    }
    case "recorded": {
      if (!isCutOf(answer, cut.lengths)) return deltas(answer, { by: "words" });
      const out: string[] = [];
      let at = 0;
      for (const length of cut.lengths) out.push(answer.slice(at, at += length));
      return out;
    }
  }
}

/** Whether these lengths can be the recorded cut of this text. */
export function isCutOf(answer: string, lengths: readonly number[]): boolean {
  return lengths.reduce((sum, length) => sum + length, 0) === answer.length;
}

/** Scores as the program reads them: one a line, `#` begins a comment. `nan` is a score that is no number. */
export function readScores(text: string): number[] {
  const out: number[] = [];
  text.split("\n").forEach((raw, index) => {
    const line = raw.replace(/#.*/, "").trim();
    if (line === "") return;
    const score = Number(line);
    if (Number.isNaN(score) && line.toLowerCase() !== "nan") {
      throw new InputError("scores", `\`${line}\` is no number`, index + 1, 1, "one score from 0 to 1 a line, or `nan`");
    }
    out.push(score);
  });
  return out;
}
