// Scores from a service over HTTP, with a deadline.
//
//     node remote-scorer.js https://example.org/score
//
// Its score: whatever the service says, from 0 (does not hold) to 1 (holds), with a finding if it has
// one. What is no score in time has a name: `late`, or `failed` with the reason. The policy decides what
// becomes of it: here a claim whose score is late passes and is told of, one whose score failed halts.

import { GateSession, init } from "tidegate";
import { remoteScorer } from "tidegate/remote";

await init();
const session = new GateSession(
  {
    version: 1,
    halt: [{ name: "service", score: { from: "host", at: "claim", on_late: "allow", on_error: "halt" } }],
  },
  {
    scorers: { host: remoteScorer(process.argv[2], { deadline_ms: 300 }) },
    onStep({ text, events }) {
      process.stdout.write(text);
      for (const event of events) {
        if (event.event === "allowed") console.log(` [allowed: ${event.code}]`);
        if (event.event === "halted") console.log(` [halted: ${event.reason}]`);
      }
    },
  },
);
for (const delta of ["The last ferry", " sails at 21:30.", " A ticket costs", " 12 euros."]) session.push(delta);
await session.finish();
session.free();
