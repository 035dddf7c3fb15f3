/** The Worker: one run at a time, and what the page asks of it. The messages are in `remote.ts`. */
import { init } from "tidegate";
import { InputError, type Inputs } from "./inputs.js";
import type { Answered, Asked } from "./remote.js";
import { Run } from "./run.js";
import { readStream } from "./stream.js";
import { replayTrace } from "./trace.js";

const ready = init(new URL("./tidegate.wasm", import.meta.url));

let run: Run | undefined;
let of: string | undefined;

/** The run over these inputs, no further than `to`. A gate does not go back, so to go back is to begin anew. */
function runTo(inputs: Inputs, to: number): Run {
  const key = JSON.stringify(inputs);
  if (!run || of !== key || run.at > to) {
    run?.free();
    run = undefined;
    run = new Run(inputs);
    of = key;
  }
  run.advance(to);
  return run;
}

function answer(asked: Asked): unknown {
  switch (asked.ask) {
    case "run": return runTo(asked.inputs, asked.to).snapshot();
    case "trace": return runTo(asked.inputs, asked.to).trace();
    case "replay": return replayTrace(asked.trace);
    case "stream": return readStream(asked.bytes);
  }
}

addEventListener("message", async (message: MessageEvent<Asked & { id: number }>) => {
  const { id } = message.data;
  let answered: Answered;
  try {
    await ready;
    answered = { id, ok: answer(message.data) };
  } catch (error) {
    if (error instanceof InputError) {
      const { where, message, line, column, help } = error;
      answered = { id, wrong: { where, message, line, column, help } };
    } else {
      answered = { id, broken: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
    }
  }
  postMessage(answered);
});
