// What the package costs, beside plain JavaScript and the native build, in one run:
//
//     cargo build --release -p tidegate-bench --bin native
//     node js/bench/bench.mjs [folder of recorded streams]
//
// Times are the best of several runs, taken in turns; what counts are the ratios.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Facts, Gate, Policy, init } from "tidegate";
import initKernel, { WasmStreamingKernel } from "tidegate/kernel";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const native = join(target, "release/native");
const data = process.argv[2] ?? join(process.env.TIDEGATE_DATA ?? join(root, "../shared/data"), "streams");
const RUNS = 15;
/** So often a stream goes through in each turn, here and natively. */
const STREAM_RUNS = 30;
const CHUNK_BYTES = 256;
/** `TG_DECIDED` and `TG_ALL_CHOICES` of `tidegate.h`. */
const DECIDED = 1 << 10;
const ALL_CHOICES = 0xffffffff;

const ns = (value) => (value < 10_000 ? `${value.toFixed(1)} ns` : `${(value / 1e6).toFixed(2)} ms`);
const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);

/** Nanoseconds that a function takes. */
function time(work) {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start);
}

/** The best of several runs of each function, in turns. */
function best(works, runs = RUNS) {
  const bests = works.map(() => Infinity);
  for (let run = 0; run < runs; run += 1) {
    works.forEach((work, at) => {
      bests[at] = Math.min(bests[at], work());
    });
  }
  return bests;
}

/** The three checks as one would write them by hand: floats, endpoint trend. */
class PlainKernel {
  halted = false;
  scores = [];
  push(score) {
    if (this.halted) return 3;
    this.scores.push(score);
    const n = this.scores.length;
    let sum = 0;
    if (n >= 10) for (let at = n - 10; at < n; at += 1) sum += this.scores[at];
    this.halted =
      !(score >= 0 && score <= 1) ||
      score < 0.5 ||
      (n >= 10 && sum / 10 < 0.55) ||
      (n >= 5 && this.scores[n - 5] - score > 0.15);
    return this.halted ? 2 : score < 0.6 ? 1 : 0;
  }
}

function pushAll(kernel, tokens) {
  let decisions = 0;
  for (let at = 0; at < tokens; at += 1) decisions += kernel.push(0.9);
  if (decisions !== 0) throw new Error("0.9 passes");
}

const bytes = readFileSync(join(root, "js/dist/tidegate.wasm"));
const edgeBytes = readFileSync(join(root, "js/dist/tidegate-edge.wasm"));
const kernelBytes = readFileSync(join(root, "js/dist/tidegate-kernel.wasm"));
await init(bytes);
await initKernel(kernelBytes);

console.log("A score, by the number of tokens of the stream\n");
row("tokens", "`push` of the module", "`process_token`", "plain JavaScript", "native", "module / plain", "module / native");
row("---", "---", "---", "---", "---", "---", "---");
pushAll(new WasmStreamingKernel(), 1_000_000);
pushAll(new PlainKernel(), 1_000_000);
for (const tokens of [1_000, 10_000, 100_000, 1_000_000]) {
  const [module, session, plain, compiled] = best([
    () => {
      const kernel = new WasmStreamingKernel();
      return time(() => pushAll(kernel, tokens)) / tokens;
    },
    () => {
      const kernel = new WasmStreamingKernel();
      return time(() => {
        for (let at = 0; at < tokens; at += 1) kernel.process_token("token", 0.9);
      }) / tokens;
    },
    () => {
      const kernel = new PlainKernel();
      return time(() => pushAll(kernel, tokens)) / tokens;
    },
    () => Number(execFileSync(native, ["kernel", String(tokens), "5"])) / tokens,
  ]);
  row(tokens, ns(module), ns(session), ns(plain), ns(compiled), (module / plain).toFixed(2), (module / compiled).toFixed(2));
}

console.log("\nA delta of five bytes, 20 000 of them\n");
row("policy", "`push`");
row("---", "---");
const SECRETS = 'version = 1\n[[text]]\nuse = ["secrets"]\naction = "mask"\n';
for (const [name, text, options] of [
  ["no check", "version = 1", {}],
  ["text rules: all secrets, masked", SECRETS, {}],
  ["the same, with a trace", SECRETS, { record: true }],
  ["and the host's score of each token", `${SECRETS}[[halt]]\nscore.from = "host"\n`, { score: 0.9 }],
]) {
  const policy = new Policy(text);
  const words = [" the", " quick", " brown", " fox", " jumps."];
  const one = () => {
    const gate = new Gate(policy, options);
    const told = options.score === undefined ? undefined : { score: options.score };
    const spent = time(() => {
      for (let at = 0; at < 20_000; at += 1) gate.push(words[at % 5], told);
    });
    gate.free();
    return spent / 20_000;
  };
  row(name, ns(best([one])[0]));
  policy.free();
}

console.log("\nA whole recorded stream, in pieces of 256 bytes, all secrets masked and claims held against facts\n");
const scratch = mkdtempSync(join(tmpdir(), "tidegate-bench-"));
const policyFile = join(scratch, "policy.toml");
const policyText = `${SECRETS}[[halt]]\nscore.from = "facts"\nmode = "shadow"\n`;
writeFileSync(policyFile, policyText);
const factsFile = join(root, "examples/handbook.md");
const policy = new Policy(policyText);
const facts = new Facts(readFileSync(factsFile, "utf8"));
const it = bare(bytes);
const ready = it.tg_policy_new(...it.lay(policyText), 0);
const known = it.tg_facts_new();
it.tg_facts_add(known, 0, 0, ...it.lay(readFileSync(factsFile)), 0);
row("stream", "bytes", "`Gate`", "module", "native", "`Gate` / native", "module / native");
row("---", "---", "---", "---", "---", "---", "---");
const ratios = [];
for (const file of streams(data).slice(0, 12)) {
  const stream = readFileSync(file);
  const often = (work) => () => best([work], STREAM_RUNS)[0];
  const [api, module, compiled] = best([
    often(() => {
      const gate = new Gate(policy, { facts });
      const spent = time(() => {
        for (let at = 0; at < stream.length; at += CHUNK_BYTES) gate.pushBytes(stream.subarray(at, at + CHUNK_BYTES));
        gate.finish();
      });
      gate.free();
      return spent;
    }),
    // what the native side does, call by call
    often(() =>
      time(() => {
        const gate = it.tg_gate_new(ready, known, 0);
        const after = (outcome) => {
          if ((outcome & 0xff) !== 0) throw new Error("a call failed");
          if ((outcome & DECIDED) !== 0) it.tg_gate_events(gate, it.out);
        };
        for (let at = 0; at < stream.length; at += CHUNK_BYTES) {
          const len = Math.min(CHUNK_BYTES, stream.length - at);
          it.bytes().set(stream.subarray(at, at + len), it.room);
          after(it.tg_gate_push_bytes(gate, it.room, len));
        }
        after(it.tg_gate_finish(gate, ALL_CHOICES));
        it.tg_drop(gate);
      }),
    ),
    () => Number(execFileSync(native, ["stream", file, policyFile, factsFile, String(STREAM_RUNS)])),
  ]);
  ratios.push(module / compiled);
  const times = [api, module, compiled].map(ns);
  row(file.slice(data.length + 1), stream.length, ...times, (api / compiled).toFixed(2), (module / compiled).toFixed(2));
}
ratios.sort((a, b) => a - b);
console.log(`\nmodule / native: median ${ratios[ratios.length >> 1].toFixed(2)}, worst ${ratios.at(-1).toFixed(2)}`);
rmSync(scratch, { recursive: true });

console.log("\nTo begin\n");
row("what", "time or size");
row("---", "---");
for (const [name, module] of [["tidegate-kernel.wasm", kernelBytes], ["tidegate-edge.wasm", edgeBytes], ["tidegate.wasm", bytes]]) {
  const compiled = new WebAssembly.Module(module);
  const [spent] = best([() => time(() => new WebAssembly.Instance(compiled, {}))]);
  row(`instantiate ${name}, compiled`, ns(spent));
}
const saved = policy.toBytes();
const edge = bare(edgeBytes);
const [made, loaded, loadedAtEdge] = best([
  () => time(() => new Policy(policyText).free()),
  () => time(() => Policy.fromBytes(saved).free()),
  () => time(() => edge.tg_drop(edge.tg_policy_load(...edge.lay(saved)))),
], 5);
row("policy with all secrets, from text", ns(made));
row(`the same, compiled (${saved.length} bytes), loaded`, ns(loaded));
row("the same, loaded in tidegate-edge.wasm", ns(loadedAtEdge));

// the memory of a module grows by pages of 64 KiB: many gates, so that these do not matter
const GATES = 10_000;
const idle = bare(bytes);
const someFacts = idle.tg_facts_new();
idle.tg_facts_add(someFacts, 0, 0, ...idle.lay(readFileSync(factsFile)), 0);
const someChecks = idle.tg_policy_load(...idle.lay(saved));
const words = idle.lay("The museum opens at");
const grown = (work) => {
  const before = idle.memory.buffer.byteLength;
  work();
  return `${Math.round((idle.memory.buffer.byteLength - before) / GATES)} bytes`;
};
const gates = [];
row(`memory of a gate, of ${GATES} from one policy with facts`, grown(() => {
  for (let at = 0; at < GATES; at += 1) gates.push(idle.tg_gate_new(someChecks, someFacts, 0));
}));
row("and more when its first words came", grown(() => {
  for (const gate of gates) if ((idle.tg_gate_push(gate, 0, 0, ...words) & 0xff) !== 0) throw new Error("a push failed");
}));

/** An instance of a module by its C ABI alone; `lay` lays down bytes for a call, `room` and `out` are for any. */
function bare(module) {
  const exports = new WebAssembly.Instance(new WebAssembly.Module(module), {}).exports;
  let view = new Uint8Array(exports.memory.buffer);
  // a memory that grew has another buffer
  const bytes = () => (view.length === 0 ? (view = new Uint8Array(exports.memory.buffer)) : view);
  const lay = (what) => {
    const given = Buffer.from(what);
    const at = exports.tg_alloc(given.length);
    bytes().set(given, at);
    return [at, given.length];
  };
  return { ...exports, bytes, lay, room: exports.tg_alloc(CHUNK_BYTES), out: exports.tg_alloc(8) };
}

/** Recorded streams, the longest first, each under 4 MB. */
function streams(folder) {
  if (!existsSync(folder)) throw new Error(`${folder}: there are no recorded streams; name their folder`);
  const files = readdirSync(folder, { recursive: true }).map((name) => join(folder, name));
  const sized = files.filter((name) => name.endsWith(".txt")).map((name) => [statSync(name).size, name]);
  return sized.filter(([size]) => size < 4 << 20).sort(([a], [b]) => b - a).map(([, name]) => name);
}
