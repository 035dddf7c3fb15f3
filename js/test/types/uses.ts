// Not run: `types.test.js` lets the compiler read it, against the real packages' types.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { ChatCompletionChunk as WebChunk, MLCEngineInterface } from "@mlc-ai/web-llm";
import { streamText, wrapLanguageModel } from "ai";
import OpenAI from "openai";
import { type ChatNote, gateChat, gateChatStream, gateSSE, gatedFetch, Policy } from "tidegate";
import { tidegateMiddleware } from "tidegate/ai-sdk";
import { gateOpenAI } from "tidegate/openai";

declare const engine: MLCEngineInterface;
const policy = new Policy({ version: 1 });

export async function webllm(): Promise<string> {
  const stream = await engine.chatCompletion({ stream: true, messages: [{ role: "user", content: "When?" }] });
  let text = "";
  for await (const chunk of gateChatStream(stream, policy)) {
    const same: WebChunk = chunk;
    text += same.choices[0]?.delta.content ?? "";
  }
  return text;
}

export async function openai(): Promise<string | undefined> {
  const client: OpenAI = gateOpenAI(new OpenAI({ apiKey: "none" }), policy, { scorers: { host: async (claim) => claim.text.length / 100 } });
  const messages = [{ role: "user" as const, content: "When?" }];
  for await (const chunk of await client.chat.completions.create({ model: "m", messages, stream: true })) {
    const note = (chunk.choices[0] as { tidegate?: ChatNote } | undefined)?.tidegate;
    if (note?.halted) return note.halted.reason;
  }
  const plain = new OpenAI({ apiKey: "none", fetch: gatedFetch(policy) });
  const stream = await plain.chat.completions.create({ model: "m", messages, stream: true });
  for await (const chunk of gateChatStream(stream, policy)) return chunk.choices[0]?.delta.content ?? undefined;
  const answer = await gateChat(await plain.chat.completions.create({ model: "m", messages }), policy);
  return answer.choices[0]?.message.content ?? undefined;
}

export function aiSdk(): PromiseLike<string> {
  const model = createOpenAICompatible({ name: "example", baseURL: "https://models.example/v1" })("m");
  return streamText({ model: wrapLanguageModel({ model, middleware: tidegateMiddleware(policy) }), prompt: "When?" }).text;
}

export function bytes(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return body.pipeThrough(gateSSE(policy));
}
