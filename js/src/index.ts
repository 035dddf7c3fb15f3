/**
 * Decides, token by token, what a language model's output may leave.
 *
 * @module tidegate
 */

export {
  type ChatChunk,
  type ChatCompletion,
  ChatGate,
  type ChatNote,
  type ChatOptions,
  gateChat,
  gateChatStream,
} from "./chat.js";
export { type Capabilities, capabilities, init, initSync } from "./engine.js";
export { PolicyError, TidegateError } from "./errors.js";
export { Facts, type FactsFormat, type FactsOptions } from "./facts.js";
export {
  type Answer,
  type Channel,
  type Evidence,
  type Finding,
  Gate,
  type GateEvent,
  type GateOptions,
  type Halted,
  type PushOptions,
  type Release,
  type ScoreRequest,
  type Source,
  Step,
  type Token,
  type Verdict,
  replay,
} from "./gate.js";
export type { ModuleInput } from "./load.js";
export { Policy, type PolicyDocument, type PolicyFormat } from "./policy.js";
export { GateSession, IN_FLIGHT_MAX, type Scorer, type SessionOptions } from "./session.js";
export { gatedFetch, gateSSE } from "./sse.js";
export { gateStream, gateText } from "./streams.js";
