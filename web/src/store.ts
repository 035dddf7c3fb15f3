/** What is kept from visit to visit: in this browser, and nowhere else. */
import type { Inputs } from "./inputs.js";

export type Theme = "auto" | "light" | "dark";
export interface Kept {
  readonly inputs: Inputs;
  readonly example: string;
  readonly theme: Theme;
  /** Deltas a second. */
  readonly speed: number;
}

const KEY = "tidegate-playground-1";

/** Undefined if nothing was kept, or nothing that can be read. */
export function load(): Kept | undefined {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "null") as Partial<Kept> | null;
    return typeof kept?.inputs?.answer === "string" && typeof kept.inputs.policy === "string" && kept.inputs.cut ? kept as Kept : undefined;
  } catch {
    return undefined; // no storage, or not ours: begin with the first example
  }
}

/** False if the browser keeps nothing (private windows, a full store). */
export function save(kept: Kept): boolean {
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
    return true;
  } catch {
    return false;
  }
}

/** Forgets everything. */
export function forget(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // nothing was kept
  }
}
