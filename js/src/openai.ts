//! For the official `openai` client.

import type OpenAI from "openai";
import type { ChatOptions } from "./chat.js";
import { TidegateError } from "./errors.js";
import type { Policy, PolicyDocument } from "./policy.js";
import { gatedFetch } from "./sse.js";

export { gateChatStream, type ChatNote, type ChatOptions } from "./chat.js";

/**
 * A client like `client`, whose chat completions are gated, streams and whole ones: `chat.completions.create`,
 * `.stream`, `.parse` and `.runTools` alike, as the gate sits in the client's `fetch`. `client` stays as it is.
 *
 * A halt ends a stream with `finish_reason: "content_filter"`; the choice's field `tidegate` says why. Errors of the
 * API come as the client's own errors. The connection is left at a halt.
 *
 * Other calls (Responses, embeddings, files) are not made: they fail with the client's `BadRequestError`,
 * `code: "unknown_answer"`. Use `client` for them.
 *
 * Throws `bad_argument` for a client that does not use the `fetch` it is given (X.509 credentials).
 */
export function gateOpenAI<C extends OpenAI>(client: C, policy: Policy | string | PolicyDocument, options: ChatOptions = {}): C {
  // `fetch` is private in the types; it is what the client was made with
  const under = (client as unknown as { fetch?: typeof fetch }).fetch ?? globalThis.fetch;
  const inner = gatedFetch(policy, { ...options, fetch: (input, init) => under(input, init) });
  const gate: typeof fetch = async (input, init) => {
    try {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      if (!/\/chat\/completions(\/[^/]+)?\/?$/.test(pathname)) {
        throw new TidegateError("unknown_answer", `\`${pathname}\` gives no chat completion: use the client that is not gated`);
      }
      return await inner(input, init);
    } catch (error) {
      // the client takes an error of its `fetch` for one of the network, and would ask, and pay, again
      if (!(error instanceof TidegateError)) throw error;
      const body = { error: { message: error.message, type: "tidegate", code: error.code, param: null } };
      return Response.json(body, { status: 400, headers: { "x-should-retry": "false" } });
    }
  };
  const gated = client.withOptions({ fetch: gate });
  if ((gated as unknown as { fetch?: typeof fetch }).fetch !== gate) {
    throw new TidegateError("bad_argument", "this client does not use the `fetch` it is given, so that it cannot be gated");
  }
  return gated as C;
}
