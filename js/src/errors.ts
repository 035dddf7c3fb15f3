/** Why a call failed. `code` is for programs; the message says what and where. */
export class TidegateError extends Error {
  override name = "TidegateError";
  /**
   * `bad_argument`, `bad_text`, `bad_policy`, `bad_facts`, `bad_trace`, `bad_handle` (it was
   * freed), `bad_length`, `bad_pointer`, `replay_differs`, `lacks` (this build cannot do that),
   * `not_ready` (`init` was not awaited, or a check has nobody to score for it),
   * `unknown_request`, `trace_full`, `no_room`, `no_memory`, `broken` (the module died),
   * `bad_module`, and those of the entries that stand on this one.
   */
  readonly code: string;
  /** What to do about it, where that can be said. */
  declare readonly help?: string;
  /** The line of a trace that the error is about, from 1. */
  declare readonly line?: number;

  constructor(
    code: string,
    message: string,
    more: { help?: string | undefined; line?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    if (more.help !== undefined) this.help = more.help;
    if (more.line !== undefined) this.line = more.line;
  }
}

/** A policy cannot be used. */
export class PolicyError extends TidegateError {
  override name = "PolicyError";
  /** Where in a line of the policy's text, in characters, from 1. */
  declare readonly column?: number;

  constructor(
    message: string,
    more: { help?: string | undefined; line?: number | undefined; column?: number | undefined } = {},
  ) {
    super("bad_policy", message, more);
    if (more.column !== undefined) this.column = more.column;
  }
}

/** What a value is, for the message of an error. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return `the number ${value}`;
  const kind = typeof value;
  return kind === "object" ? "an object" : kind === "undefined" ? "undefined" : `a ${kind}`;
}

export function expected(what: string, wanted: string, value: unknown): TidegateError {
  return new TidegateError("bad_argument", `\`${what}\` is ${kindOf(value)}: expected ${wanted}`);
}
