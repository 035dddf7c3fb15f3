// An edge Worker that lets an answer through claim by claim, held against facts, without a model.
//
// Its score: from 0 to 1, an estimate of the probability that the facts bear the claim out, by words,
// numbers and dates; with it a finding (supported, unsupported, contradicted) and the fact. It comes
// from the gate's own module, is the same to the last bit everywhere, and is never late.
//
// A Worker may not compile code: its module is imported, compiled, as Workers' bundlers do it.

import { Facts, Policy, gateStream, initSync } from "tidegate";
import module from "tidegate/tidegate.wasm";

initSync(module);
const policy = new Policy({ version: 1, halt: [{ name: "facts", score: { from: "facts" } }] });
const facts = new Facts("The last ferry sails at 21:30.\nAn adult ticket costs 12 euros.");

export default {
  /** The body is an answer as it streams; so is the response, as far as it may be shown. */
  fetch(request) {
    if (request.body === null) return new Response("POST an answer", { status: 400 });
    const { readable, writable } = gateStream(policy, {
      facts,
      onHalt: ({ reason, finding }) => console.warn(`halted: ${reason}, ${finding}`),
    });
    // what is written after a halt has no reader any more: that is no error here
    request.body.pipeThrough(new TextDecoderStream()).pipeTo(writable).catch(() => {});
    return new Response(readable.pipeThrough(new TextEncoderStream()), {
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
  },
};
