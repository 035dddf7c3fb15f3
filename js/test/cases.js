// Runs the contract cases in `fixtures/` (see its README.md) through the JavaScript package, in
// whatever host this is: nothing of Node, nothing of a browser. `crates/gate/tests/fixtures.rs`
// is the reference; what it does, this does.

/**
 * @typedef {{ name: string, text: string, compiled?: string | { error: string, help?: string } }} CaseFile
 *   A case: its path under `fixtures/`, its JSON, and its policy as {@link compileCases} gives it
 * @typedef {{ name: string, problem: string | null, runs: number, lacks?: string, trace?: object }} Outcome
 *   `lacks`: why the module cannot run the case; `trace`: see {@link Run.gate}
 */

/** A very long push is one thing to try, not thousands (as in the reference). */
const CUTS_MAX = 200;

/**
 * What the module does not know and its host must say: how many bytes each token has, of streams whose
 * tokens the host scores. (In Rust the driver of a stream counts a delta as a token.)
 */
const TOKENS = {
  "stream/chat-crlf.json": [6, 7],
  "stream/plain-text.json": [3, 4, 7, 1],
  "stream/scores-too-few.json": [3, 4],
};

/**
 * What the module has no parts for: the error of a gate. It has the facts' part of a blend to score itself;
 * in Rust the driver of a gate may answer for the whole.
 */
const LACKS = { "gate/claims-blend.json": "not_ready" };

/**
 * The cases with their policies compiled, in base64, or why they cannot be used: for a module that reads none.
 *
 * @param tidegate the package, loaded with a module that reads policies
 * @param {readonly CaseFile[]} files
 * @returns {CaseFile[]}
 */
export function compileCases(tidegate, files) {
  return files.map((file) => {
    let policy;
    try {
      policy = new tidegate.Policy(new Run(tidegate, file).document, "json");
      return { ...file, compiled: btoa(Array.from(policy.toBytes(), (byte) => String.fromCharCode(byte)).join("")) };
    } catch (error) {
      if (!(error instanceof tidegate.PolicyError)) throw error;
      return { ...file, compiled: { error: error.message, help: error.help } };
    } finally {
      policy?.free();
    }
  });
}

/**
 * Runs every case, in every cut.
 *
 * @param tidegate the package `tidegate` with `WasmStreamingKernel` of `tidegate/kernel`, both loaded
 * @param {readonly CaseFile[]} files
 * @returns {Outcome[]} one for each file, in order; `problem` says what was wrong
 */
export function runCases(tidegate, files) {
  return files.map((file) => {
    const { name } = file;
    const run = new Run(tidegate, file);
    try {
      run.check();
      return { name, problem: null, runs: run.runs, trace: run.trace };
    } catch (error) {
      if (error.code === "lacks") return { name, problem: null, runs: 0, lacks: error.message };
      const problem = error instanceof Problem ? error.message : String(error?.stack ?? error);
      return { name, problem, runs: run.runs };
    }
  });
}

class Problem extends Error {}

/** One case. */
class Run {
  constructor(tidegate, { name, text, compiled }) {
    this.tidegate = tidegate;
    this.compiled = compiled;
    this.tokens = TOKENS[name] ?? [];
    this.lacks = LACKS[name];
    this.runs = 0;
    this.case = JSON.parse(text);
    // the document as it is written: JavaScript's JSON makes 1 of 1.0, and messages quote numbers
    this.document = written(text, "  ", "policy");
    this.config = written(text, "    ", "config");
    if (this.case.kernel) {
      const rest = this.config.replace(/^\s*\{/, "").trim() === "}" ? "}" : this.config.replace(/^\s*\{/, ",");
      this.document = `{"version": 1, "halt": [{"name": "kernel"${rest}]}`;
    }
  }

  /** The policy, or the error of it. */
  policy() {
    const { Policy, PolicyError } = this.tidegate;
    if (this.compiled === undefined) return new Policy(this.document, "json");
    if (typeof this.compiled === "object") throw new PolicyError(this.compiled.error, { help: this.compiled.help });
    return Policy.fromBytes(Uint8Array.from(atob(this.compiled), (byte) => byte.charCodeAt(0)));
  }

  check() {
    if (!this.case.teaches) throw new Problem("does not say what it teaches");
    if (this.case.kernel) return this.kernel();
    let policy;
    try {
      policy = this.policy();
    } catch (error) {
      this.runs += 1;
      return same("error", this.error(error), this.case.expect);
    }
    try {
      if (this.case.expect.error !== undefined) {
        throw new Problem(`the policy is good, expected: ${this.case.expect.error}`);
      }
      if (this.lacks) this.lacking(policy); else this.everyCut(policy);
    } finally {
      policy.free();
    }
  }

  lacking(policy) {
    this.runs += 1;
    let code;
    try {
      new this.tidegate.Gate(policy).free();
    } catch (error) {
      code = error.code;
    }
    same("the error of a gate", code, this.lacks);
  }

  everyCut(policy) {
    const expect = this.case.expect;
    if (this.case.stream !== undefined) {
      const bytes = new TextEncoder().encode(this.case.stream);
      same("whole", this.stream(policy, [bytes]), expect);
      for (let at = 0; at < bytes.length; at += 1) {
        const halves = [bytes.subarray(0, at), bytes.subarray(at)];
        same(`cut at byte ${at}`, this.stream(policy, halves), expect);
      }
      const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
      return same("one byte at a time", this.stream(policy, single), expect);
    }
    same("whole", this.calls(policy, (text) => [text]), expect);
    if (this.case.uncut) return;
    same("one character at a time", this.calls(policy, (text) => [...text]), expect);
    const pushes = (this.case.steps ?? []).filter((step) => step.push !== undefined);
    const longest = Math.max(0, ...pushes.map((step) => [...step.push].length));
    for (let at = 1; at < Math.min(longest, CUTS_MAX); at += 1) {
      const halves = (text) => {
        const characters = [...text];
        return [characters.slice(0, at).join(""), characters.slice(at).join("")];
      };
      same(`cut at character ${at}`, this.calls(policy, halves), expect);
    }
  }

  /** The bytes of the case through a gate, in these pieces. */
  stream(policy, pieces) {
    const scores = this.case.scores ?? [];
    return this.gate(policy, (gate, note, answer) => {
      for (const piece of pieces) {
        note(gate.pushBytes(piece));
        answer();
      }
      this.tokens.forEach((bytes, at) => {
        const score = at < scores.length ? spoken(scores[at]) : "missing";
        note(gate.pushScore(bytes, score));
      });
      note(gate.finish());
      answer();
    });
  }

  /** The calls of the case, with the text of each push cut by `cut`. */
  calls(policy, cut) {
    return this.gate(policy, (gate, note, answer) => {
      let manual = false;
      for (const step of this.case.steps ?? []) {
        const { choice = 0, channel = "content" } = step;
        if (step.push !== undefined) {
          for (const piece of cut(step.push)) {
            note(gate.push(piece, { choice, channel }));
            if (!manual) answer();
          }
        } else if (step.token !== undefined) {
          const score = spoken(step.score);
          note(gate.pushScore(step.token, score.error ?? score, { choice, channel }));
        } else if (step.manual !== undefined) {
          manual = step.manual;
        } else if (step.resolve !== undefined) {
          note(gate.resolve(step.resolve, spoken(step.score)));
        } else if (step.fault !== undefined) {
          note(gate.fault(step.fault, step.detail));
        } else if (step.finish !== undefined) {
          note(gate.finish(step.finish));
          if (!manual) answer();
        } else {
          throw new Problem(`unknown step ${JSON.stringify(step)}`);
        }
      }
    });
  }

  /**
   * Runs `drive` on a new gate; what came of it, which its trace must give again. A module that reads no policies
   * replays no traces: then the first is kept, for one that does.
   */
  gate(policy, drive) {
    this.runs += 1;
    const { Gate, Facts, replay } = this.tidegate;
    const facts = this.case.facts === undefined ? undefined : new Facts(this.case.facts);
    const gate = new Gate(policy, facts ? { facts, record: true } : { record: true });
    const result = new Result();
    const scores = (this.case.scores ?? []).flatMap(column);
    let trace = "";
    const note = (step) => {
      result.note(step);
      trace += gate.trace();
    };
    const answer = () => {
      for (let requests = gate.requests(); requests.length > 0; requests = gate.requests()) {
        for (const request of requests) {
          // what was asked before a halt wants no answer after it
          if (!gate.verdict(request.choice).open) continue;
          const score = scores.length > 0 ? scores.shift() : { error: "missing" };
          note(gate.resolve(request.id, score));
        }
      }
    };
    try {
      drive(gate, note, answer);
      trace += gate.trace();
      if (this.compiled === undefined) same("replayed from its trace", replay(trace), result.halts);
      else this.trace ??= { trace, halts: plain(result.halts) };
      return result.plain();
    } finally {
      gate.free();
      facts?.free();
    }
  }

  /** The scores through the kernel, and as those of tokens through a gate. */
  kernel() {
    const { WasmStreamingKernel } = this.tidegate;
    const { scores } = this.case.kernel;
    const expect = this.case.expect;
    const numbers = scores.flatMap(column);
    let kernel;
    let policy;
    try {
      this.runs += 1;
      try {
        kernel = new WasmStreamingKernel(this.config);
      } catch (error) {
        same("error of the kernel", this.error(error, "bad_config"), expect);
      }
      this.runs += 1;
      try {
        policy = this.policy();
      } catch (error) {
        same("error of the policy", this.error(error), expect);
      }
      if (!kernel || !policy) {
        return same("an error of both", [!kernel, !policy], [true, true]);
      }
      let halt = null;
      numbers.forEach((score, index) => {
        const step = kernel.process_token("x", score);
        const now = step.halted
          ? { index: step.halt_index, code: step.halt_reason.split(" ")[0], reason: step.halt_reason }
          : null;
        // once halted, always halted, and for the first reason
        if (halt) same(`the halt after score ${index}`, now, halt);
        halt ??= now;
      });
      same("the kernel", { halt, warnings: kernel.get_session().warning_count }, expect);
      same("the kernel is active", kernel.is_active(), expect.halt === null);

      const result = this.gateOfTokens(policy, numbers);
      const [first] = result.halts;
      const found = first ? { index: first.index, code: first.code, reason: first.reason } : null;
      same("the gate's halt", { halt: found, warnings: result.warnings }, expect);
    } finally {
      kernel?.free();
      policy?.free();
    }
  }

  gateOfTokens(policy, numbers) {
    const gate = new this.tidegate.Gate(policy);
    try {
      const result = new Result();
      for (const score of numbers) result.note(gate.push("x", { score }));
      result.note(gate.finish());
      return result;
    } finally {
      gate.free();
    }
  }

  error(error, code = "bad_policy") {
    // anything else than the package's own error is a defect
    if (!(error instanceof this.tidegate.TidegateError)) throw error;
    if (error.code !== code) throw new Problem(`the error's code is \`${error.code}\``);
    return { error: error.message, help: error.help ?? null };
  }
}

/** What came of a run, in the words of `expect`. */
class Result {
  constructor() {
    this.released = {};
    this.halts = [];
    this.shadow = [];
    this.allowed = [];
    this.matches = [];
    this.passed = 0;
    this.findings = {};
    this.warnings = 0;
  }

  note(step) {
    for (const release of step.releases) {
      const key = `${release.choice} ${release.channel}`;
      this.released[key] = (this.released[key] ?? "") + release.text;
    }
    for (const { event, ...said } of step.events) {
      switch (event) {
        case "passed":
          this.passed += 1;
          this.warnings += said.warn ? 1 : 0;
          if (said.finding) this.findings[said.finding] = (this.findings[said.finding] ?? 0) + 1;
          break;
        case "match": this.matches.push(said); break;
        case "shadow": this.shadow.push(said); break;
        case "allowed": this.allowed.push(said); break;
        case "halted": this.halts.push(said); break;
        case "scored": break;
        default: throw new Problem(`unknown event ${event}`);
      }
    }
  }

  /** As the cases have it: what is empty is left out. */
  plain() {
    const { shadow, allowed, matches, findings, ...result } = this;
    if (shadow.length > 0) result.shadow = shadow;
    if (allowed.length > 0) result.allowed = allowed;
    if (matches.length > 0) result.matches = matches;
    if (Object.keys(findings).length > 0) result.findings = findings;
    return result;
  }
}

/** What an entry of `scores` stands for: numbers and answers. */
function column(entry) {
  return typeof entry === "object" && "repeat" in entry
    ? new Array(entry.repeat).fill(entry.score)
    : [spoken(entry)];
}

/** A score as JSON can hold it, as an answer. */
function spoken(entry) {
  if (typeof entry === "number") return entry;
  if (typeof entry === "object") return { finding: entry.finding, score: spoken(entry.score) };
  switch (entry) {
    case "missing":
    case "late": return { error: entry };
    case "NaN": return NaN;
    case "inf": return Infinity;
    case "-inf": return -Infinity;
    case "-0.0": return -0;
    default: throw new Problem(`unknown score ${entry}`);
  }
}

/** The text of a field's value. The cases are written by one printer: a line begins with its depth. */
function written(text, indent, field) {
  const begin = `\n${indent}"${field}": `;
  const from = text.indexOf(begin);
  if (from < 0) return undefined;
  const value = text.slice(from + begin.length);
  const end = value.search(new RegExp(`,?\\n(?:${indent}"|${indent.slice(2)}\\})`));
  return value.slice(0, end);
}

/** Without what is undefined and with keys in order. */
function plain(value) {
  return JSON.parse(JSON.stringify(value, (_, inner) =>
    inner && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner));
}

function same(what, got, expect) {
  const [left, right] = [JSON.stringify(plain(got)), JSON.stringify(plain(expect))];
  if (left !== right) throw new Problem(`${what}\n  expected ${right}\n  got      ${left}`);
}
