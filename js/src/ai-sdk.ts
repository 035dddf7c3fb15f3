//! A middleware for the Vercel AI SDK (package `ai`).

import type {
  JSONObject,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4Middleware,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolCall,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";
import { prepared } from "./chat.js";
import type { Channel, Halted, Step } from "./gate.js";
import { Characters, Pieces, wellFormed } from "./pieces.js";
import type { Policy, PolicyDocument } from "./policy.js";
import { GateSession, type SessionOptions } from "./session.js";

type Part = LanguageModelV4StreamPart;
type Finish = Extract<Part, { type: "finish" }>;

/**
 * A middleware that gates what a language model says: `wrapLanguageModel({ model, middleware:
 * tidegateMiddleware(policy) })`.
 *
 * Text is gated on channel `content`, reasoning on `reasoning`, the input of the tools, in the order in which they
 * are called, on `tool:0`,
 * `tool:1` and so on. A tool call leaves when all of its input may, with the input as it was released.
 *
 * A halt ends a stream: open parts are closed, and `finish` has finish reason `content-filter` and
 * `providerMetadata.tidegate.halted`, the verdict. The model's stream is left, so that its usage is not known.
 * A whole answer that halts keeps the text that left before and loses its tool calls.
 *
 * What would show ungated text is left out: raw chunks (a warning says so), the `response.body` of whole answers,
 * and `logprobs` of text that did
 * not leave as it was. Results of tools that the provider runs, sources and files are not the model's words and pass.
 */
export function tidegateMiddleware(policy: Policy | string | PolicyDocument, options: SessionOptions = {}): LanguageModelV4Middleware {
  const [ready, gating] = prepared(policy, options);
  return {
    specificationVersion: "v4",
    async wrapGenerate({ doGenerate }) {
      return gateResult(await doGenerate(), ready, gating);
    },
    async wrapStream({ doStream, params }) {
      const { stream, ...rest } = await doStream();
      return { ...rest, stream: stream.pipeThrough(gateParts(ready, gating, params.includeRawChunks === true)) };
    },
  };
}

/** A block of text between its start and its end. */
interface Block {
  readonly id: string;
  readonly delta: "text-delta" | "reasoning-delta" | "tool-input-delta";
}

/** A channel, and what waits for its text to leave. */
interface Lane {
  readonly channel: Channel;
  readonly characters: Characters;
  /** The text so far, as it came and as it left. */
  came: string;
  left: string;
  /** How far it was pushed and released, in bytes. */
  end: number;
  released: number;
  /** Parts that leave once the channel was released up to `at`. */
  readonly waiting: { at: number; part: () => Part }[];
}

function gateParts(policy: Policy, options: SessionOptions, raw: boolean): TransformStream<Part, Part> {
  const pieces = new Pieces<Block | null>();
  const lanes = new Map<Channel, Lane>();
  /** The lane of each tool call, by its id. */
  const tools = new Map<string, Lane>();
  /** Blocks whose start left and whose end did not. */
  const open = new Map<string, Block>();
  let out!: TransformStreamDefaultController<Part>;
  let session!: GateSession;
  let finish: Finish | null = null;
  /** The provider has said that it failed: what is held then never leaves. */
  let failed = false;
  let over = false;

  const lane = (channel: Channel): Lane => {
    let found = lanes.get(channel);
    if (!found) {
      found = { channel, characters: new Characters(), came: "", left: "", end: 0, released: 0, waiting: [] };
      lanes.set(channel, found);
    }
    return found;
  };
  const newTool = (id: string): Lane => {
    const made = lane(`tool:${[...lanes.keys()].filter((channel) => channel.startsWith("tool:")).length}`);
    tools.set(id, made);
    return made;
  };

  const give = (part: Part): void => {
    if (part.type === "text-start") open.set(`text ${part.id}`, { id: part.id, delta: "text-delta" });
    if (part.type === "reasoning-start") open.set(`reasoning ${part.id}`, { id: part.id, delta: "reasoning-delta" });
    if (part.type === "tool-input-start") open.set(`tool ${part.id}`, { id: part.id, delta: "tool-input-delta" });
    if (part.type === "text-end") open.delete(`text ${part.id}`);
    if (part.type === "reasoning-end") open.delete(`reasoning ${part.id}`);
    if (part.type === "tool-input-end") open.delete(`tool ${part.id}`);
    out.enqueue(part);
  };
  const giveUpTo = (lane: Lane, at: number): void => {
    while (lane.waiting[0] && lane.waiting[0].at <= at) give((lane.waiting.shift() as Lane["waiting"][0]).part());
  };
  /** Gives the part once all text before it has left. */
  const behind = (lane: Lane, part: () => Part): void => {
    lane.waiting.push({ at: lane.end, part });
    giveUpTo(lane, lane.released);
  };

  const take = (step: Step): void => {
    for (const release of step.releases) {
      const on = lane(release.channel);
      for (const { owner, text, start } of pieces.place(release)) {
        giveUpTo(on, start);
        on.left += text;
        if (owner && text !== "") give({ type: owner.delta, id: owner.id, delta: text });
      }
      on.released = Math.max(on.released, release.end);
      giveUpTo(on, on.released);
    }
    for (const event of step.events) if (event.event === "halted") halt(event);
  };

  const push = (lane: Lane, block: Block | null, text: string): void => {
    if (text === "" || over) return;
    lane.came += text;
    lane.end = pieces.add(block, 0, lane.channel, text);
    session.push(text, { channel: lane.channel });
  };

  const halt = (halted: Halted): void => {
    if (over) return;
    over = true;
    for (const block of [...open.values()].reverse()) {
      if (block.delta === "text-delta") out.enqueue({ type: "text-end", id: block.id });
      if (block.delta === "reasoning-delta") out.enqueue({ type: "reasoning-end", id: block.id });
      if (block.delta === "tool-input-delta") out.enqueue({ type: "tool-input-end", id: block.id });
    }
    out.enqueue({
      type: "finish",
      usage: finish?.usage ?? NO_USAGE,
      finishReason: { unified: "content-filter", raw: finish?.finishReason.raw },
      providerMetadata: noted(withoutLogprobs(finish?.providerMetadata), halted),
    });
    out.terminate();
    // not from within a step of the session
    queueMicrotask(() => session.free());
  };

  const end = async (): Promise<void> => {
    if (over) return;
    if (!failed) {
      for (const one of lanes.values()) push(one, null, one.characters.finish());
      if (!over) await session.finish();
    }
    if (over) return;
    over = true;
    for (const one of lanes.values()) {
      for (const { part } of one.waiting) {
        const made = part();
        // of an answer that failed only what closes is left
        if (!failed || made.type.endsWith("-end")) give(made);
      }
    }
    const same = [...lanes.values()].every((one) => one.came === one.left);
    if (finish) give(same ? finish : { ...finish, ...metadata(withoutLogprobs(finish.providerMetadata)) });
    session.free();
  };

  const delta = (lane: Lane, block: Block, part: Extract<Part, { delta: string }>): void => {
    const { providerMetadata } = part;
    if (part.delta === "") return behind(lane, () => part);
    push(lane, block, lane.characters.take(part.delta));
    if (providerMetadata && !over) behind(lane, () => ({ type: block.delta, id: block.id, delta: "", providerMetadata }));
  };

  /** The block that text with this id belongs to now: providers use an id again. */
  const blocks = new Map<string, Block>();
  const start = (key: string, block: Block): void => void blocks.set(key, block);
  const blockOf = (key: string, block: Block): Block => {
    const found = blocks.get(key);
    if (!found) start(key, block);
    return found ?? block;
  };

  const transformer: Transformer<Part, Part> & { cancel?: () => void } = {
    start(controller) {
      out = controller;
      session = new GateSession(policy, {
        ...options,
        onStep(step, gate) {
          options.onStep?.(step, gate);
          if (!over) take(step);
        },
      });
    },
    async transform(part) {
      if (over) return;
      switch (part.type) {
        case "text-start":
          start(`text ${part.id}`, { id: part.id, delta: "text-delta" });
          behind(lane("content"), () => part);
          break;
        case "text-delta":
          delta(lane("content"), blockOf(`text ${part.id}`, { id: part.id, delta: "text-delta" }), part);
          break;
        case "text-end":
          behind(lane("content"), () => part);
          break;
        case "reasoning-start":
          start(`reasoning ${part.id}`, { id: part.id, delta: "reasoning-delta" });
          behind(lane("reasoning"), () => part);
          break;
        case "reasoning-delta":
          delta(lane("reasoning"), blockOf(`reasoning ${part.id}`, { id: part.id, delta: "reasoning-delta" }), part);
          break;
        case "reasoning-end":
          behind(lane("reasoning"), () => part);
          break;
        case "tool-input-start":
          start(`tool ${part.id}`, { id: part.id, delta: "tool-input-delta" });
          behind(newTool(part.id), () => part);
          break;
        case "tool-input-delta":
          delta(tools.get(part.id) ?? newTool(part.id), blockOf(`tool ${part.id}`, { id: part.id, delta: "tool-input-delta" }), part);
          break;
        case "tool-input-end":
          behind(tools.get(part.id) ?? newTool(part.id), () => part);
          break;
        case "tool-call": {
          let on = tools.get(part.toolCallId);
          if (on?.came !== part.input) {
            // its input was not streamed, or is another now
            on = newTool(part.toolCallId);
            push(on, null, wellFormed(part.input));
          }
          const call = on;
          if (!over) behind(call, (): LanguageModelV4ToolCall => ({ ...part, input: call.left }));
          break;
        }
        case "tool-result":
        case "tool-approval-request": {
          const on = tools.get(part.toolCallId);
          if (on) behind(on, () => part);
          else give(part);
          break;
        }
        case "stream-start":
          give(raw ? { ...part, warnings: [...part.warnings, RAW_WARNING] } : part);
          break;
        case "raw":
          break;
        case "error":
          failed = true;
          give(part);
          break;
        case "finish":
          finish = part;
          await end();
          break;
        default:
          give(part);
      }
      // no more is taken while many claims wait for their scores
      if (!over) await session.ready();
    },
    async flush() {
      await end();
    },
    cancel() {
      over = true;
      session.free();
    },
  };
  return new TransformStream(transformer);
}

/** The text of a part of a whole answer, and where it is put. */
interface Whole {
  readonly channel: Channel;
  readonly text: string;
  left: string;
}

async function gateResult(result: LanguageModelV4GenerateResult, policy: Policy, options: SessionOptions): Promise<LanguageModelV4GenerateResult> {
  const pieces = new Pieces<Whole>();
  const take = (step: Step): void => {
    for (const release of step.releases) {
      for (const { owner, text } of pieces.place(release)) owner.left += text;
    }
  };
  const session = new GateSession(policy, {
    ...options,
    onStep(step, gate) {
      options.onStep?.(step, gate);
      take(step);
    },
  });
  const all: Whole[] = [];
  const push = async (channel: Channel, said: string): Promise<Whole> => {
    const text = wellFormed(said);
    const whole: Whole = { channel, text, left: "" };
    all.push(whole);
    if (text !== "") {
      pieces.add(whole, 0, channel, text);
      session.push(text, { channel });
      await session.ready();
    }
    return whole;
  };
  try {
    let calls = 0;
    const texts = new Map<LanguageModelV4Content, Whole>();
    for (const part of result.content) {
      if (part.type === "text") texts.set(part, await push("content", part.text));
      else if (part.type === "reasoning") texts.set(part, await push("reasoning", part.text));
      else if (part.type === "tool-call") texts.set(part, await push(`tool:${calls++}`, part.input));
    }
    // text that stands for the content in structured output; it is gated behind it, if it is not the same
    const structured = result.structuredOutputText;
    const twin = all.find((whole) => whole.channel === "content" && whole.text === structured);
    const output = structured === undefined ? undefined : (twin ?? (await push("content", structured)));
    await session.finish();

    const { halted } = session.gate.verdict();
    const same = !halted && all.every((whole) => whole.left === whole.text);
    const content: LanguageModelV4Content[] = [];
    for (const part of result.content) {
      const whole = texts.get(part);
      if (part.type === "text" && whole) {
        const { citations, ...rest } = part;
        // where a citation stands is counted in text that is not there any more
        const kept = citations && whole.left === whole.text ? { citations } : {};
        if (whole.left !== "" || whole.text === "") content.push({ ...rest, ...kept, text: whole.left });
      } else if (part.type === "reasoning" && whole) {
        if (whole.left !== "" || whole.text === "") content.push({ ...part, text: whole.left });
      } else if (part.type === "tool-call" && whole) {
        // a tool of an answer that was halted is not to be called
        if (!halted) content.push({ ...part, input: whole.left });
      } else if (!(halted && (part.type === "tool-result" || part.type === "tool-approval-request"))) {
        content.push(part);
      }
    }
    const { response, structuredOutputText: _, providerMetadata, ...rest } = result;
    const finishReason: LanguageModelV4FinishReason = halted
      ? { unified: "content-filter", raw: result.finishReason.raw }
      : result.finishReason;
    const told = same ? providerMetadata : withoutLogprobs(providerMetadata);
    const gated: LanguageModelV4GenerateResult = {
      ...rest,
      content,
      finishReason,
      ...metadata(halted ? noted(told, halted) : told),
    };
    if (output) gated.structuredOutputText = output.left;
    if (response) {
      // the body is the whole answer, as the provider gave it
      const { body: _body, ...shown } = response;
      gated.response = shown;
    }
    return gated;
  } finally {
    session.free();
  }
}

const NO_USAGE: Finish["usage"] = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};

const RAW_WARNING = {
  type: "unsupported",
  feature: "includeRawChunks",
  details: "raw chunks hold text that was not gated; tidegate leaves them out",
} as const;

function metadata(providerMetadata: SharedV4ProviderMetadata | undefined): { providerMetadata?: SharedV4ProviderMetadata } {
  return providerMetadata ? { providerMetadata } : {};
}

function noted(from: SharedV4ProviderMetadata | undefined, halted: Halted): SharedV4ProviderMetadata {
  return { ...from, tidegate: { halted: JSON.parse(JSON.stringify(halted)) as JSONObject } };
}

/** `logprobs` name the tokens of the text, also of what did not leave. */
function withoutLogprobs(from: SharedV4ProviderMetadata | undefined): SharedV4ProviderMetadata | undefined {
  if (!from) return from;
  const without = ({ logprobs: _, ...rest }: JSONObject): JSONObject => rest;
  return Object.fromEntries(Object.entries(from).map(([provider, data]) => [provider, without(data)]));
}
