import { bytesOf, type Engine, engine } from "./engine.js";
import { TidegateError, expected } from "./errors.js";

const FORMATS = { toml: 0, yaml: 1, json: 2 } as const;

/** The language a policy is written in. */
export type PolicyFormat = keyof typeof FORMATS;

/** A policy as an object; the JSON Schema in `schemas/` says what is in it. */
export interface PolicyDocument {
  version: 1;
  halt?: readonly Record<string, unknown>[];
  text?: readonly Record<string, unknown>[];
  models?: Record<string, unknown>;
  stream?: Record<string, unknown>;
  limits?: Record<string, number>;
}

/** The handle of a policy that is ready: what {@link Policy.fromBytes} gives the constructor, and nobody else. */
class Ready {
  constructor(readonly handle: number) {}
}

/**
 * A policy made ready: one for any number of gates.
 *
 * A string is TOML, YAML or JSON as `format` says; without, JSON if it begins with `{`, else TOML.
 * An object is read as JSON.
 */
export class Policy {
  readonly #engine: Engine;
  readonly #handle: number;
  /** What a reader of the policy should know though it is no error. */
  readonly notices: readonly string[];

  /** @throws PolicyError with line, column and help; TidegateError `lacks` */
  constructor(policy: string | PolicyDocument, format?: PolicyFormat) {
    const it = (this.#engine = engine());
    const given: unknown = policy;
    this.#handle = given instanceof Ready ? given.handle : compile(it, policy, format);
    this.notices = JSON.parse(it.ask((out) => it.calls.tg_policy_notices(this.#handle, out))) as string[];
  }

  /**
   * A policy as {@link toBytes} or the program's `tidegate compile` wrote it: compiled, so that it is ready at
   * once, and in builds too that read no policies. It has no notices.
   *
   * Who gives the bytes says what is decided, as who writes a policy does.
   *
   * @throws PolicyError if they are none, damaged, or of another version
   */
  static fromBytes(bytes: Uint8Array | ArrayBuffer): Policy {
    const it = engine();
    const len = it.writeBytes(bytesOf(bytes));
    const handle = it.handle(() => it.calls.tg_policy_load(it.input, len));
    it.shrink();
    return new Policy(new Ready(handle) as never);
  }

  /** The policy compiled, as bytes, to be kept. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const it = this.#engine;
    it.status(() => it.calls.tg_policy_save(this.#handle, it.out));
    return new Uint8Array(it.given(it.out));
  }

  /** The policy with its defaults filled in. */
  toJSON(): PolicyDocument {
    const it = this.#engine;
    return JSON.parse(it.ask((out) => it.calls.tg_policy_json(this.#handle, out))) as PolicyDocument;
  }

  /** Gives its memory back. Gates that were made from it go on. */
  free(): void {
    const it = this.#engine;
    it.status(() => it.calls.tg_drop(this.#handle));
  }

  [Symbol.dispose](): void {
    this.free();
  }

  /** @internal */
  get handle(): number {
    return this.#handle;
  }
}

/** Makes a policy ready that is as people write them: its handle. */
function compile(it: Engine, policy: string | PolicyDocument, format: PolicyFormat | undefined): number {
  const text = typeof policy === "string" ? policy : json(policy);
  const spoken = format ?? (text.trimStart().startsWith("{") ? "json" : "toml");
  const number = FORMATS[typeof policy === "string" ? spoken : "json"];
  if (number === undefined) throw expected("format", "`toml`, `yaml` or `json`", format);
  const len = it.write(text, "policy");
  const handle = it.handle(() => it.calls.tg_policy_new(it.input, len, number));
  it.shrink();
  return handle;
}

function json(policy: unknown): string {
  if (typeof policy !== "object" || policy === null) throw expected("policy", "a string or an object", policy);
  try {
    return JSON.stringify(policy);
  } catch (cause) {
    throw new TidegateError("bad_argument", `the policy is no JSON: ${String(cause)}`, { cause });
  }
}
