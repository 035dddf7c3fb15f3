/** Recorded streams of providers: Tidegate reads them itself. */
import { Gate, TidegateError, type Step } from "tidegate";
import { InputError } from "./inputs.js";

/** The text and the cuts of a provider's recorded stream: what a gate without checks lets leave. */
export function readStream(bytes: Uint8Array): { text: string; lengths: number[]; others: number } {
  const gate = new Gate({ version: 1 });
  const lengths: number[] = [];
  const others = new Set<string>();
  let text = "";
  const take = (step: Step): void => {
    for (const release of step.releases) {
      if (release.text === "") continue;
      if (release.choice !== 0 || release.channel !== "content") others.add(`${release.choice} ${release.channel}`);
      else { text += release.text; lengths.push(release.text.length); }
    }
  };
  try {
    // line by line, so that each event is one step and one delta one release
    let from = 0;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
      take(gate.pushBytes(bytes.subarray(from, at + 1)));
      from = at + 1;
    }
    take(gate.pushBytes(bytes.subarray(from)));
    take(gate.finish());
  } catch (error) {
    if (error instanceof TidegateError) throw new InputError("stream", error.message, undefined, undefined, error.help);
    throw error;
  } finally {
    gate.free();
  }
  return { text, lengths, others: others.size };
}
