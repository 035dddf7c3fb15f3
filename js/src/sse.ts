//! Chat completions as bytes: SSE in, SSE out, and a `fetch` that does it to what it fetches.

import { isObject } from "./chat-message.js";
import { ChatGate, gateChat, prepared, type ChatChunk, type ChatOptions } from "./chat.js";
import { TidegateError } from "./errors.js";
import { Policy, type PolicyDocument } from "./policy.js";

/** Bytes of one event unless the policy says otherwise: `limits.event_bytes_max`. */
const EVENT_BYTES_MAX = 8 << 20;

/** One event, as its lines were. */
interface SseEvent {
  /** Lines other than data. */
  fields: string[];
  /** The value of `event:`, empty without one. */
  name: string;
  data: string[];
}

/**
 * Server-sent events of an OpenAI-compatible chat completion in, cut anywhere, the same events out, their text
 * replaced by what may leave. Comments, events without data, `ping`s, errors of the provider and `[DONE]` are kept.
 * A halt of all choices
 * ends the stream with `finish_reason: "content_filter"`, `tidegate: { halted }` and `[DONE]`, and cancels what is
 * piped into it.
 *
 * Events that cannot be read, or are of another kind and so might hold text that no check sees, are faults: they
 * halt with check `stream` and code `invalid_json` or `unknown_event` unless the policy's `stream.on_fault` is
 * `allow`; then they are left out. `keep` names events that leave as they are.
 *
 * When the source errs, so does the readable side, with the same error, and what was held never leaves.
 */
export function gateSSE(policy: Policy | string | PolicyDocument, options: ChatOptions = {}): TransformStream<Uint8Array, Uint8Array> {
  const ready = policy instanceof Policy ? policy : new Policy(policy);
  const keep = new Set(options.keep);
  const limit = eventBytesMax(ready);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  let out!: TransformStreamDefaultController<Uint8Array>;
  let gate!: ChatGate;
  /** The event whose chunk is in the gate right now, and its data as it came. */
  let now: { chunk: unknown; data: string; fields: string[] } | null = null;
  let rest = "";
  let event: SseEvent = { fields: [], name: "", data: [] };
  let bytes = 0;
  let afterReturn = false;
  /** In an event that is too long: what is left of it is not read. */
  let skipping = false;
  let over = false;

  const write = (text: string): void => out.enqueue(encoder.encode(text));
  const writeData = (data: string, fields: readonly string[] = []): void =>
    write([...fields, ...data.split("\n").map((line) => `data: ${line}`), "", ""].join("\n"));

  const emit = (chunk: ChatChunk): void => {
    // what was not changed leaves as it came, digit by digit
    if (now && chunk === now.chunk) writeData(now.data, now.fields);
    else writeData(JSON.stringify(chunk));
  };

  /** The end: what is held, the ends that were kept, and `[DONE]`. */
  const end = async (done: boolean): Promise<void> => {
    if (over) return;
    over = true;
    await gate.finish();
    if (done) writeData("[DONE]");
    gate.free();
  };

  const take = async ({ fields, name, data: lines }: SseEvent): Promise<void> => {
    const data = lines.join("\n");
    if (lines.length === 0) {
      if (fields.length > 0) write([...fields, "", ""].join("\n"));
      return;
    }
    if (data.trim() === "[DONE]") return end(true);
    if (keep.has(name)) return writeData(data, fields);
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      return gate.fault("invalid_json", `an event of ${data.length} characters`);
    }
    if (isObject(value) && value["error"] != null && !Array.isArray(value["choices"])) {
      // what the provider says of its own error; the answer ends with it, and what is held never leaves
      writeData(data, fields);
      over = true;
      gate.free();
      out.terminate();
      return;
    }
    if (isObject(value) && Array.isArray(value["choices"])) {
      now = { chunk: value, data, fields };
      gate.push(value as unknown as ChatChunk);
      now = null;
      return;
    }
    if (name === "ping" || (isObject(value) && value["type"] === "ping")) return writeData(data, fields);
    gate.fault("unknown_event", name === "" ? "without a name" : `\`${name}\``);
  };

  const line = async (text: string): Promise<void> => {
    bytes += text.length;
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(text) ?? [];
    if (text === "") {
      const whole = event;
      event = { fields: [], name: "", data: [] };
      bytes = 0;
      await take(whole);
    } else if (field === "") {
      // a comment keeps a connection alive: it does not wait for the event it stands in
      write(`${text}\n\n`);
    } else if (field === "data") {
      event.data.push(value ?? "");
    } else if (field === "event" || field === "id" || field === "retry") {
      event.fields.push(text);
      if (field === "event") event.name = value ?? "";
    } else {
      // no field of an event, and nobody would read it as one; but it may be text
      gate.fault("unknown_event", `a line of ${text.length} characters is no field of an event`);
    }
  };

  const read = async (text: string): Promise<void> => {
    if (afterReturn && text !== "") {
      // of a line's end that was cut between its two characters
      if (text.startsWith("\n")) text = text.slice(1);
      afterReturn = false;
    }
    // only new text is looked through, however long the line is by now
    if (/[\r\n]/.test(text)) {
      afterReturn = text.endsWith("\r");
      const lines = text.split(/\r\n|\r|\n/);
      lines[0] = rest + (lines[0] as string);
      rest = lines.pop() ?? "";
      for (const one of lines) {
        if (over || gate.shut) return;
        if (!skipping) await line(one);
        else if (one === "") skipping = false;
        if (bytes > limit) tooLong();
      }
    } else {
      rest += text;
    }
    if (rest.length + bytes > limit) {
      tooLong();
      // not empty, for then the line would end the event
      rest = "…";
    }
  };

  const tooLong = (): void => {
    if (!skipping) gate.fault("event_too_long", `more than ${limit} bytes`);
    skipping = true;
    event = { fields: [], name: "", data: [] };
    bytes = 0;
  };

  /** Every choice is halted: says so, and cancels what is piped in. */
  const shut = async (): Promise<void> => {
    if (over) return;
    await end(true);
    out.terminate();
  };

  const transformer: Transformer<Uint8Array, Uint8Array> & { cancel?: () => void } = {
    start(controller) {
      out = controller;
      gate = new ChatGate(ready, emit, options);
      void gate.closed.then(shut).catch((error: unknown) => out.error(error));
    },
    async transform(chunk) {
      if (over) return;
      await read(decoder.decode(chunk, { stream: true }));
      if (gate.shut) await shut();
      // no more is taken while many claims wait for their scores
      else if (!over) await gate.ready();
    },
    async flush() {
      if (over) return;
      await read(decoder.decode());
      // the last event may come without the empty line behind it
      if (rest !== "" && !skipping) await line(rest);
      if (event.data.length > 0) await take(event);
      await end(gate.shut);
    },
    cancel() {
      over = true;
      gate.free();
    },
  };
  try {
    // the gate is made right here
    return new TransformStream(transformer);
  } finally {
    if (ready !== policy) ready.free();
  }
}

/**
 * A `fetch` whose answers are gated: streams of chat completions (`text/event-stream`) and whole ones (JSON with
 * `object: "chat.completion"`). Give it to any client that takes a `fetch`.
 *
 * Answers that are errors (status 400 and above, or JSON with `error`), redirects and empty answers pass untouched.
 * For anything else it throws a `TidegateError` `unknown_answer`: what it cannot gate does not leave.
 */
export function gatedFetch(policy: Policy | string | PolicyDocument, options: ChatOptions & { fetch?: typeof fetch } = {}): typeof fetch {
  const { fetch: under = globalThis.fetch, ...given } = options;
  const [ready, gating] = prepared(policy, given);
  return async (input, init) => {
    const n = options.n ?? answersAsked(init?.body);
    const how: ChatOptions = n === undefined ? gating : { ...gating, n };
    const response = await under(input, init);
    if (!response.ok || !response.body || response.status === 204) return response;
    const type = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
    if (type === "text/event-stream") return again(response, response.body.pipeThrough(gateSSE(ready, how)));
    if (type === "application/json" || type.endsWith("+json")) {
      const text = await response.text();
      if (text === "") return again(response, text);
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        throw new TidegateError("unknown_answer", "the answer says it is JSON and is not");
      }
      if (isObject(value) && value["object"] === "chat.completion" && Array.isArray(value["choices"])) {
        const gated = await gateChat(value as unknown as ChatChunk, ready, how);
        return again(response, JSON.stringify(gated));
      }
      if (isObject(value) && value["error"] != null && value["choices"] === undefined) return again(response, text);
      const object = isObject(value) && typeof value["object"] === "string" ? `\`${value["object"]}\`` : "without `object`";
      throw new TidegateError("unknown_answer", `JSON ${object} is no chat completion: use an ungated client for it`);
    }
    await response.body.cancel();
    throw new TidegateError("unknown_answer", `an answer of type \`${type}\` is no chat completion: use an ungated client for it`);
  };
}

/** The response with another body, of another length. */
function again(response: Response, body: BodyInit): Response {
  const headers = new Headers(response.headers);
  // `fetch` has already undone the encoding
  for (const name of ["content-length", "content-encoding", "content-digest", "etag"]) headers.delete(name);
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}

/** `n` of the request, when its body can be read without taking it away. */
function answersAsked(body: BodyInit | null | undefined): number | undefined {
  if (typeof body !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? (typeof value["n"] === "number" ? value["n"] : 1) : undefined;
  } catch {
    return undefined;
  }
}

function eventBytesMax(policy: Policy): number {
  const limits = policy.toJSON()["limits"];
  const max = isObject(limits) ? limits["event_bytes_max"] : undefined;
  return typeof max === "number" ? max : EVENT_BYTES_MAX;
}
