// Text streams through a gate.

import { Policy, type PolicyDocument } from "./policy.js";
import { GateSession, type SessionOptions } from "./session.js";

/**
 * Text in, released text out. At a halt the readable side ends and what is still written is
 * discarded; `onHalt` has the verdict.
 */
export function gateStream(
  policy: Policy | string | PolicyDocument,
  options: SessionOptions = {},
): TransformStream<string, string> {
  let session: GateSession;
  let isOver = false;
  return new TransformStream<string, string>({
    start(controller) {
      session = new GateSession(policy, {
        ...options,
        onStep(step, gate) {
          if (!isOver && step.text !== "") controller.enqueue(step.text);
          options.onStep?.(step, gate);
          if (!isOver && step.events.some((event) => event.event === "halted" && event.choice === 0)) {
            isOver = true;
            controller.terminate();
          }
        },
      });
    },
    async transform(text) {
      if (isOver) return;
      session.push(text);
      await session.ready();
    },
    async flush() {
      try {
        if (!isOver) await session.finish();
      } finally {
        session.free();
      }
    },
    // of a stream that is aborted
    cancel() {
      session.free();
    },
  } as Transformer<string, string>);
}

/**
 * The released text of any source of text: an async generator of transformers.js, WebLLM or your own.
 * At a halt it ends, and the source is closed; `onHalt` has the verdict.
 */
export async function* gateText(
  source: AsyncIterable<string> | Iterable<string>,
  policy: Policy | string | PolicyDocument,
  options: SessionOptions = {},
): AsyncGenerator<string, void, undefined> {
  const released: string[] = [];
  const session = new GateSession(policy, {
    ...options,
    onStep(step, gate) {
      if (step.text !== "") released.push(step.text);
      options.onStep?.(step, gate);
    },
  });
  try {
    for await (const text of source) {
      session.push(text);
      await session.ready();
      yield* released.splice(0);
      if (!session.gate.verdict().open) return;
    }
    await session.finish();
    yield* released.splice(0);
  } finally {
    session.free();
  }
}
