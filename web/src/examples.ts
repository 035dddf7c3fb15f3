/** What there is to start from: the project's own examples, as they lie in `examples/`. */
import handbook from "../../examples/handbook.md";
import factsPolicy from "../../examples/facts.toml";
import secretsPolicy from "../../examples/secrets.toml";
import tokensPolicy from "../../examples/tokens.yaml";
import wrongScores from "../../examples/wrong.scores";
import wrong from "../../examples/wrong.sse";
import right from "../../examples/right.sse";
import leak from "../../examples/leak.sse";
import type { Inputs } from "./inputs.js";

type Start = Pick<Inputs, "facts" | "policy" | "policyFormat" | "scores">;
export interface Example extends Start {
  readonly id: string;
  readonly title: string;
  /** What there is to see. */
  readonly about: string;
  /** A provider's recorded stream, or the answer itself. */
  readonly stream?: string;
  readonly answer?: string;
}

const facts: Start = { facts: handbook, policy: factsPolicy, policyFormat: "toml", scores: "" };
const secrets: Start = { facts: "", policy: secretsPolicy, policyFormat: "toml", scores: "" };

export const examples: readonly Example[] = [
  { id: "wrong", title: "A wrong answer halts", stream: wrong, ...facts,
    about: "The handbook says when the last ferry sails. The answer says something else, and shuts before it is read." },
  { id: "right", title: "A right answer passes", stream: right, ...facts,
    about: "Each claim is held until it was compared with the handbook, and then leaves." },
  { id: "secrets", title: "Secrets are masked", stream: leak, ...secrets,
    about: "An address, a card number and a token, each cut across deltas. What may become one is held, and nothing else." },
  { id: "promise", title: "A promise halts", ...secrets,
    answer: "I am sorry that the 9:10 did not sail. We would like to help. We can refund both tickets today if you send us the booking.",
    about: "“We would” waits while it may become “we will refund”, then leaves. “We can refund” never does." },
  { id: "tokens", title: "Scores of the host, token by token", stream: wrong, facts: "", policy: tokensPolicy, policyFormat: "yaml", scores: wrongScores,
    about: "The host scores each delta as one token. A second check watches logprobs in shadow mode; this stream has none." },
  { id: "shadow", title: "Shadow mode", stream: wrong, ...facts,
    policy: factsPolicy.replace('name = "facts"\n', 'name = "facts"\n# decides and records, and changes nothing\nmode = "shadow"\n'),
    about: "The same wrong answer, and the same verdict on it, recorded only: everything leaves." },
  { id: "both", title: "Facts and secrets at once", ...facts,
    policy: `${factsPolicy}\n[[text]]\nname = "secrets"\nuse = ["secrets", "pii"]\naction = "mask"\nreplacement = "[redacted]"\n`,
    answer: "Bicycles travel free. A crossing takes 40 minutes; write to bob.hook@ferry.example to book. The ferry also sails on Sunday.",
    about: "A claim leaves when it was compared with the facts and no rule can match any more, whichever is later." },
];
