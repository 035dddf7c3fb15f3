// The texts in a delta or a message of a chat completion: where they are, on which channel each is gated, and the
// tokens that `logprobs` say they are made of.

import type { Channel, Token } from "./gate.js";
import { decoder, encoder } from "./pieces.js";

export type Json = Record<string, unknown>;

/** Where the text of a tool call is, and on which channel it is gated. */
export interface Call {
  readonly channel: Channel;
  /** The call's `index`; `null` is the old `function_call`. */
  readonly key: number | null;
  /** A custom tool's input is free text, in `custom.input`. */
  readonly custom: boolean;
}

/** One text in a delta or message. */
export interface Slot {
  readonly channel: Channel;
  readonly text: string;
  put(text: string): void;
}

export interface Message {
  /** A copy, whose texts the slots put. */
  readonly message: Json;
  readonly slots: Slot[];
  /** Members with text that no check sees; they are not in the copy. */
  readonly dropped: string[];
  /** Whether there is more in it than text: a role, a tool call that begins. */
  readonly structure: boolean;
  texts(channel: Channel): string;
}

/** Finds the texts of a delta or message. Numbers the tool calls as they appear. */
export function readMessage(from: unknown, calls: Map<number | null, Call>, keep: ReadonlySet<string>): Message {
  const message: Json = {};
  const slots: Slot[] = [];
  const dropped: string[] = [];
  let structure = false;
  const source = isObject(from) ? from : {};
  for (const [key, value] of Object.entries(source)) {
    switch (key) {
      case "content":
      case "refusal":
      case "reasoning":
      case "reasoning_content": {
        const channel = key === "reasoning_content" ? "reasoning" : key;
        const twin = key === "reasoning_content" && source["reasoning"] === value;
        message[key] = value;
        if (typeof value === "string") {
          // some send the same text under both names: it is gated once, under the other
          if (value !== "" && !twin) {
            slots.push({
              channel,
              text: value,
              put(text) {
                message[key] = text;
                if (key === "reasoning" && source["reasoning_content"] === value) message["reasoning_content"] = text;
              },
            });
          }
        } else if (value != null) {
          message[key] = readParts(value, channel, slots);
          structure = true;
        }
        break;
      }
      case "tool_calls":
        message[key] = value;
        if (Array.isArray(value)) {
          message[key] = value.map((call: unknown, place) => {
            if (!isObject(call)) return null;
            const copy = readCall(call, typeof call["index"] === "number" ? call["index"] : place, calls, slots);
            structure ||= Object.entries(call).some(
              ([name, at]) => !["index", "function", "custom"].includes(name) && at != null,
            );
            structure ||= [call["function"], call["custom"]].some((at) => isObject(at) && !!at["name"]);
            return copy;
          });
        }
        break;
      case "function_call":
        message[key] = value;
        if (isObject(value)) {
          message[key] = readArguments(value, "arguments", callOf(null, false, calls).channel, slots);
          structure ||= typeof value["name"] === "string";
        }
        break;
      case "role":
        message[key] = value;
        structure ||= value != null;
        break;
      default:
        if (keep.has(key) || !hasText(value)) {
          message[key] = value;
          structure ||= value != null && typeof value === "object";
        } else {
          dropped.push(key);
        }
    }
  }
  const texts = (channel: Channel): string =>
    slots.filter((slot) => slot.channel === channel).map((slot) => slot.text).join("");
  return { message, slots, dropped, structure, texts };
}

/** Content that is a list of parts, as Mistral streams it. */
function readParts(value: unknown, channel: Channel, slots: Slot[]): unknown {
  if (Array.isArray(value)) return value.map((part) => readParts(part, channel, slots));
  if (!isObject(value)) return typeof value === "string" ? "" : value;
  const kind = value["type"];
  const thought = kind === "thinking" || kind === "reasoning" || kind === "reasoning_text";
  const copy: Json = { ...value };
  for (const [key, at] of Object.entries(value)) {
    if (key === "text" || key === "refusal" || key === "thinking") {
      const on: Channel = key === "refusal" ? "refusal" : thought || key === "thinking" ? "reasoning" : channel;
      if (typeof at === "string") {
        if (at !== "") slots.push({ channel: on, text: at, put: (text) => void (copy[key] = text) });
      } else if (at != null) {
        copy[key] = readParts(at, on, slots);
      }
    }
  }
  return copy;
}

function readCall(call: Json, key: number, calls: Map<number | null, Call>, slots: Slot[]): Json {
  const copy: Json = { ...call };
  const custom = isObject(call["custom"]);
  const { channel } = callOf(key, custom, calls);
  if (isObject(call["function"])) copy["function"] = readArguments(call["function"], "arguments", channel, slots);
  if (isObject(call["custom"])) copy["custom"] = readArguments(call["custom"], "input", channel, slots);
  return copy;
}

function readArguments(from: Json, member: string, channel: Channel, slots: Slot[]): Json {
  const copy: Json = { ...from };
  const value = from[member];
  // some give the arguments as an object, not as its text
  const text = typeof value === "string" ? value : value == null ? "" : JSON.stringify(value);
  if (text !== "") slots.push({ channel, text, put: (left) => void (copy[member] = left === text ? value : left) });
  return copy;
}

/** A call takes its number when it appears, not when it speaks. */
function callOf(key: number | null, custom: boolean, calls: Map<number | null, Call>): Call {
  let call = calls.get(key);
  if (!call) {
    call = { channel: `tool:${calls.size}`, key, custom };
    calls.set(key, call);
  }
  return call;
}

/** A delta that says `text` on `channel`. */
export function deltaOf(channel: Channel, text: string, calls: Map<number | null, Call>): Json {
  if (channel === "content" || channel === "refusal") return { [channel]: text };
  if (channel === "reasoning") return { reasoning_content: text };
  const call = [...calls.values()].find((call) => call.channel === channel);
  if (call?.key === null) return { function_call: { arguments: text } };
  const says = call?.custom ? { custom: { input: text } } : { function: { arguments: text } };
  return { tool_calls: [{ index: call?.key ?? 0, ...says }] };
}

interface Entry {
  readonly bytes: readonly number[];
  readonly logprob: number;
}

/** The entries of `logprobs` for a channel; none where it has none, null where they cannot be read. */
function entriesOf(logprobs: unknown, channel: Channel): Entry[] | null {
  const list = isObject(logprobs) && (channel === "content" || channel === "refusal") ? logprobs[channel] : undefined;
  if (list == null) return [];
  if (!Array.isArray(list)) return null;
  const entries: Entry[] = [];
  for (const entry of list as unknown[]) {
    if (!isObject(entry) || typeof entry["token"] !== "string" || typeof entry["logprob"] !== "number") return null;
    // a token can be a part of a character: only its bytes say which
    const bytes = Array.isArray(entry["bytes"]) ? (entry["bytes"] as number[]) : [...encoder.encode(entry["token"])];
    entries.push({ bytes, logprob: entry["logprob"] });
  }
  return entries;
}

/** Whether `logprobs` shows no more of a channel than the text. */
export function showsNoMore(logprobs: unknown, channel: Channel, text: string): boolean {
  const entries = entriesOf(logprobs, channel);
  if (entries?.length === 0) return true;
  const bytes = encoder.encode(text);
  const shown = entries?.flatMap((entry) => entry.bytes);
  return shown?.length === bytes.length && shown.every((byte, at) => byte === bytes[at]);
}

/**
 * The text's tokens for the gate. Tokens that are parts of a character become one with their mean, as do all where
 * they are not as long as the text.
 */
export function tokensOf(logprobs: unknown, channel: Channel, text: string): Token[] {
  const entries = entriesOf(logprobs, channel) ?? [];
  if (entries.length === 0) return [];
  const mean = (of: readonly Entry[]): number => of.reduce((sum, entry) => sum + entry.logprob, 0) / of.length;
  const bytes = encoder.encode(text);
  if (entries.reduce((sum, entry) => sum + entry.bytes.length, 0) !== bytes.length) return [{ text, logprob: mean(entries) }];
  const tokens: Token[] = [];
  let start = 0;
  let end = 0;
  let group: Entry[] = [];
  for (const entry of entries) {
    group.push(entry);
    end += entry.bytes.length;
    // within a character the next byte continues it
    if (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) continue;
    tokens.push({ text: decoder.decode(bytes.subarray(start, end)), logprob: mean(group) });
    start = end;
    group = [];
  }
  return tokens;
}

/** Whether there is a word in it somewhere. */
function hasText(value: unknown): boolean {
  if (typeof value === "string") return value !== "";
  if (Array.isArray(value)) return value.some(hasText);
  return isObject(value) && Object.values(value).some(hasText);
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isEmpty(value: unknown): boolean {
  return !isObject(value) || Object.values(value).every((at) => at == null || at === "");
}
