/**
 * A scorer elsewhere, asked over HTTP.
 *
 *     import { remoteScorer } from "tidegate/remote";
 *
 *     const session = new GateSession(policy, {
 *       scorers: { host: remoteScorer("https://example.org/score", { deadline_ms: 300 }) },
 *     });
 *
 * For each claim the URL gets a POST with JSON:
 *
 *     {"claim": "It opens at nine.", "check": "facts", "source": "host", "choice": 0, "channel": "content", "index": 0}
 *
 * and answers with status 2xx and JSON: `score` from 0 (does not hold) to 1 (holds), and, if it can say,
 * `finding`: `supported`, `unsupported` or `contradicted`.
 *
 *     {"score": 0.93, "finding": "supported"}
 *
 * @module tidegate/remote
 */

import { expected } from "./errors.js";
import type { Answer, Finding, ScoreRequest } from "./gate.js";

const FINDINGS: readonly unknown[] = ["supported", "unsupported", "contradicted"] satisfies Finding[];

/** The longest wait of a timer, in milliseconds. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

export interface RemoteOptions {
  /** What sends requests. Default: the host's `fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Sent with each request, such as who asks. */
  headers?: HeadersInit;
  /** How long an answer may take, in milliseconds. Default: as long as its check allows. */
  deadline_ms?: number;
}

/** Asks for the score of a claim. It never rejects: why there is no score is its answer. */
export type RemoteScorer = (claim: ScoreRequest, signal?: AbortSignal) => Promise<Answer>;

/**
 * A scorer that asks a URL.
 *
 * The contract: whatever is not a score from 0 to 1 in time is an error with a name, for the policy to
 * decide on, and never a pass. `late`: the answer was not whole by the deadline; the request is given up.
 * `failed`, with a reason: no connection, a status other than 2xx (redirects are not followed: claims
 * go where they were sent and nowhere else), no JSON, no `score` from 0 to 1, an unknown `finding`.
 * `missing`: the signal was aborted; so is the request. Nothing is asked twice.
 *
 * @throws TidegateError `bad_argument`
 */
export function remoteScorer(url: string | URL, options: RemoteOptions = {}): RemoteScorer {
  const { deadline_ms } = options;
  const to = whole(url);
  if (deadline_ms !== undefined && !(typeof deadline_ms === "number" && deadline_ms >= 0)) {
    throw expected("deadline_ms", "milliseconds", deadline_ms);
  }
  // not the host's own now: it may be replaced, and wants to be called on its global
  const send = options.fetch ?? ((to: string, init: RequestInit) => fetch(to, init));
  const headers = new Headers(options.headers);
  headers.set("content-type", "application/json");
  headers.set("accept", "application/json");

  return async (claim, signal) => {
    const { text, check, source, choice, channel, index } = claim;
    const ending = new AbortController();
    const ended = new Promise<Answer>((resolve) => {
      ending.signal.addEventListener("abort", () => resolve(ending.signal.reason as Answer));
    });
    const end = (answer: Answer) => ending.abort(answer);
    const unasked: Answer = { error: "missing", reason: "nobody waits for it any more" };
    if (signal?.aborted === true) return unasked;
    const abort = () => end(unasked);
    signal?.addEventListener("abort", abort);
    const wait = Math.min(deadline_ms ?? claim.deadline_ms, TIMEOUT_MAX_MS);
    const late = setTimeout(() => end({ error: "late", reason: `no answer in ${wait} ms` }), wait);
    const ask = async (): Promise<Answer> => {
      const body = JSON.stringify({ claim: text, check, source, choice, channel, index });
      const response = await send(to, { method: "POST", headers, body, redirect: "manual", signal: ending.signal });
      if (!response.ok) {
        void response.body?.cancel().catch(() => {});
        return failed(`it answers with status ${response.status}`);
      }
      return answerOf(await response.text());
    };
    try {
      // the deadline holds even for a `fetch` that does not heed its signal
      return await Promise.race([ask().catch((error: unknown) => failed(why(error))), ended]);
    } finally {
      clearTimeout(late);
      signal?.removeEventListener("abort", abort);
    }
  };
}

/** An absolute URL of HTTP. */
function whole(url: string | URL): string {
  try {
    const { href, protocol } = new URL(url);
    if (protocol === "http:" || protocol === "https:") return href;
  } catch {
    // said below
  }
  throw expected("url", "a URL of http or https", url);
}

function failed(reason: string): Answer {
  return { error: "failed", reason };
}

/** An error with what caused it, which is where Node says what is wrong with a connection. */
function why(error: unknown): string {
  const cause = (error as { cause?: unknown } | null | undefined)?.cause;
  return cause === undefined ? String(error) : `${String(error)}: ${String(cause)}`;
}

/** What an answer's text says. */
function answerOf(text: string): Answer {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return failed(`it answers with what is no JSON: ${excerpt(text)}`);
  }
  const { score, finding } = (typeof said === "object" && said !== null ? said : {}) as Record<string, unknown>;
  if (typeof score !== "number" || !(score >= 0 && score <= 1)) {
    return failed(`it answers without a \`score\` from 0 to 1: ${excerpt(text)}`);
  }
  if (finding === undefined || finding === null) return { score };
  if (!FINDINGS.includes(finding)) return failed(`it answers with an unknown \`finding\`: ${excerpt(text)}`);
  return { score, finding: finding as Finding };
}

/** The beginning of a text, for an error's message; half a surrogate pair is escaped. */
function excerpt(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
