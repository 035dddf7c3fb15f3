// What gates in a Worker must do, in any host that has Workers: run in Node and in a page.

const CLAIMS = { version: 1, halt: [{ name: "claims", score: { at: "claim", from: "host" } }] };
const SECRETS = { version: 1, text: [{ name: "names", regex: "se[a-z]{2,8}t", action: "mask", replacement: "***" }] };
const FACTS = { version: 1, halt: [{ name: "facts", score: { from: "facts" } }] };

/**
 * @param host `connectGate`; `tidegate` (loaded); `start(file, name?)`, which makes a Worker of a file beside
 *   `host/`; `stop(worker)`
 * @returns {Promise<{ name: string, problem: string | null }[]>}
 */
export async function workerChecks(host) {
  const outcomes = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await within(20_000, check(host));
      outcomes.push({ name, problem: null });
    } catch (error) {
      outcomes.push({ name, problem: String(error?.stack ?? error) });
    }
  }
  return outcomes;
}

const ENTRY = "../dist/worker-entry.js";
const SCORING = "host/scoring-worker.js";
const BAD = "host/bad-worker.js";

const checks = {
  async "what leaves, halts and is recorded is what a gate here says"({ connectGate, tidegate, start }) {
    const facts = "The bridge opened in 1932. It is 1149 metres long.";
    const text = "The bridge opened in 1932. It is 900 metres long. It is made of steel.";
    const here = new tidegate.Gate(FACTS, { facts });
    const direct = [here.push(text), here.finish()];
    const worker = start(ENTRY);
    const halts = [];
    let left = "";
    const gate = await connectGate(worker, FACTS, {
      facts, record: true, onStep: (step) => { left += step.text; }, onHalt: (halted) => halts.push(halted),
    });
    for (const character of text) await gate.push(character);
    await gate.finish();
    same(left, direct.map((step) => step.text).join(""));
    same(await gate.verdict(), here.verdict());
    same((await gate.verdict()).open, false);
    same(halts.length, 1);
    same(tidegate.replay(await gate.trace()).length, 1);
    gate.free();
    here.free();
  },

  async "ready facts and saved ones cross"({ connectGate, tidegate, start }) {
    const worker = start(ENTRY);
    const facts = new tidegate.Facts("The bridge is 1149 metres long.");
    for (const given of [facts, facts.toBytes()]) {
      const gate = await connectGate(worker, FACTS, { facts: given });
      await gate.push("The bridge is 900 metres long.");
      await gate.finish();
      same((await gate.verdict()).open, false);
      gate.free();
    }
    same(facts.size, 1);
    facts.free();
  },

  async "compiled policies cross, and ready ones do so compiled"({ connectGate, tidegate, start }) {
    const worker = start(ENTRY);
    const policy = new tidegate.Policy(SECRETS);
    const bytes = policy.toBytes();
    for (const given of [policy, bytes, bytes.buffer]) {
      let left = "";
      const gate = await connectGate(worker, given, { onStep: (step) => { left += step.text; } });
      await gate.push("a secret");
      await gate.finish();
      same(left, "a ***");
      gate.free();
    }
    policy.free();
    await fails("bad_handle", connectGate(worker, policy));
    await fails("bad_policy", connectGate(worker, bytes.slice(1)));
  },

  async "several gates of one Worker do not mix"({ connectGate, start }) {
    const worker = start(ENTRY);
    const left = ["", "", ""];
    const gates = await Promise.all(left.map((_, at) =>
      connectGate(worker, SECRETS, { onStep: (step) => { left[at] += step.text; } })));
    for (let piece = 0; piece < 50; piece += 1) {
      await Promise.all(gates.map((gate, at) => gate.push(piece % 2 ? `cret${at} ` : "se")));
    }
    gates[1].free();
    await Promise.all([gates[0].finish(), gates[2].finish()]);
    same(left[0], "***0 ".repeat(25));
    same(left[2], "***2 ".repeat(25));
    await fails("bad_handle", gates[1].push("x"));
    for (const gate of gates) gate.free();
  },

  async "bytes are copied, or handed over"({ connectGate, start }) {
    let left = "";
    const gate = await connectGate(start(ENTRY), SECRETS, { onStep: (step) => { left += step.text; } });
    const whole = new TextEncoder().encode("a secret and a sentiment");
    const view = whole.subarray(0, 12);
    await gate.pushBytes(view);
    same(whole.byteLength, 24);
    const rest = whole.slice(12);
    await gate.pushBytes(rest, { transfer: true });
    same(rest.byteLength, 0);
    await gate.finish();
    same(left, "a *** and a ***");
    gate.free();
  },

  async "order is kept and a slow scorer slows who pushes"({ connectGate, start }) {
    let passed = 0;
    let left = "";
    const window = 4;
    const gate = await connectGate(start(SCORING), CLAIMS, {
      window,
      onStep: (step) => {
        left += step.text;
        passed += step.events.filter(({ event }) => event === "passed").length;
      },
    });
    let text = "";
    let most = 0;
    for (let pushed = 1; pushed <= 60; pushed += 1) {
      const claim = `Claim ${pushed} is good. `;
      text += claim;
      await gate.push(claim);
      most = Math.max(most, pushed - passed);
    }
    await gate.finish();
    same(left, text);
    same(passed, 60);
    // 8 claims wait for scores, the window is on its way, one is open, one more may be in the step that comes
    if (most > 8 + window + 2) throw new Error(`${most} claims were under way`);
    gate.free();
  },

  async "who does not wait loses nothing"({ connectGate, start }) {
    let left = "";
    const gate = await connectGate(start(SCORING), CLAIMS, { window: 1, onStep: (step) => { left += step.text; } });
    const pushes = Array.from({ length: 30 }, (_, at) => gate.push(`Claim ${at}. `));
    await gate.finish();
    await Promise.all(pushes);
    same(left, Array.from({ length: 30 }, (_, at) => `Claim ${at}. `).join(""));
    gate.free();
  },

  async "a scorer in the Worker halts"({ connectGate, start }) {
    let left = "";
    const gate = await connectGate(start(SCORING), CLAIMS, { onStep: (step) => { left += step.text; } });
    await gate.push("This is good. This is bad. This is good.");
    await gate.finish();
    same(left, "This is good.");
    same((await gate.verdict()).halted.code, "hard_limit");
    same(await gate.held(), 0);
    gate.free();
  },

  async "a policy that is wrong is a PolicyError with its place"({ connectGate, tidegate, start }) {
    const worker = start(ENTRY);
    const error = await fails("bad_policy", connectGate(worker, 'version = 1\n[[text]]\nregexx = "a"\n'));
    same(error instanceof tidegate.PolicyError, true);
    same(error.line, 3);
    same(typeof error.help, "string");
    // and the Worker goes on
    (await connectGate(worker, SECRETS)).free();
  },

  async "options that cannot be are named"({ connectGate, start }) {
    const worker = start(ENTRY);
    await fails("bad_argument", connectGate(worker, SECRETS, { window: 0 }));
    await fails("bad_argument", connectGate(worker, SECRETS, { window: Number.NaN }));
    await fails("bad_argument", connectGate(worker, SECRETS, { silence_ms_max: 1 }));
    await fails("bad_argument", connectGate(worker, SECRETS, { scorers: {} }));
    await fails("bad_argument", connectGate({}, SECRETS));
    const gate = await connectGate(worker, SECRETS);
    await fails("bad_argument", gate.push("x", { choice: () => 0 }).then(() => gate.finish()));
    gate.free();
  },

  async "a push that fails is told, by it or by what comes after it"({ connectGate, start }) {
    const gate = await connectGate(start(ENTRY), SECRETS);
    await gate.push("fine");
    const pushed = gate.push("x", { channel: "nonsense" });
    const error = await fails(undefined, pushed.then(() => gate.finish()));
    await fails(error.code, gate.push("more"));
    await fails(error.code, gate.trace());
    gate.free();
  },

  async "what `onStep` throws is not lost"({ connectGate, start }) {
    const gate = await connectGate(start(ENTRY), SECRETS, { onStep: () => { throw new Error("full"); } });
    const error = await fails("step_failed", gate.push("hello ").then(() => gate.finish()));
    same(error.message.includes("full"), true);
    gate.free();
  },

  async "free lets go of what waits"({ connectGate, start }) {
    const worker = start(SCORING);
    const gate = await connectGate(worker, CLAIMS);
    await gate.push("One. Two. Three. ");
    const finish = gate.finish();
    gate.free();
    await fails("bad_handle", finish);
    gate.free();
    const other = await connectGate(worker, CLAIMS);
    await other.finish();
    other.free();
  },

  async "a Worker whose file is not there is worker_failed"({ connectGate, start }) {
    await fails("worker_failed", connectGate(start("host/no-such-file.js"), SECRETS));
  },

  async "a Worker that throws is worker_failed, for all calls"({ connectGate, start }) {
    const worker = start(BAD, "throws");
    await Promise.all([
      fails("worker_failed", connectGate(worker, SECRETS)),
      fails("worker_failed", connectGate(worker, SECRETS)),
    ]);
  },

  async "messages that are no answers are bad_answer, for all calls"({ connectGate, start }) {
    for (const kind of ["babbles", "mistakes"]) {
      const worker = start(BAD, kind);
      await Promise.all([
        fails("bad_answer", connectGate(worker, SECRETS)),
        fails("bad_answer", connectGate(worker, SECRETS)),
      ]);
    }
  },

  async "a Worker that hangs, or serves no gates, is worker_silent"({ connectGate, start }) {
    for (const kind of ["hangs", "silent"]) {
      const worker = start(BAD, kind);
      await fails("worker_silent", connectGate(worker, SECRETS, { silence_ms_max: 400 }));
    }
  },

  async "a Worker that is terminated is told"({ connectGate, start, stop }) {
    const worker = start(SCORING);
    // the second says how long to wait, once the Worker has begun
    const gates = [await connectGate(worker, CLAIMS), await connectGate(worker, CLAIMS, { silence_ms_max: 400 })];
    for (const gate of gates) await gate.push("One. Two. Three. ");
    const calls = gates.map((gate) => gate.finish());
    stop(worker);
    for (const call of calls) {
      // Node tells at once that a Worker ended; browsers do not
      await fails(["worker_failed", "worker_silent"], call);
    }
    await fails(["worker_failed", "worker_silent"], gates[0].push("x"));
    for (const gate of gates) gate.free();
  },

  async "a slow scorer is no silence"({ connectGate, start }) {
    const worker = start(SCORING);
    const first = await connectGate(worker, CLAIMS);
    const patient = { version: 1, halt: [{ name: "claims", score: { at: "claim", from: "host", deadline_ms: 5000 } }] };
    const gate = await connectGate(worker, patient, { silence_ms_max: 600 });
    await gate.push("This is slow.");
    await gate.finish(); // 1200 ms
    same((await gate.verdict()).open, true);
    first.free();
    gate.free();
  },

  async "a gate over a port, beside other messages"({ connectGate, tidegate }) {
    const { port1, port2 } = new MessageChannel();
    tidegate.serveGates(port1);
    let left = "";
    const gate = await connectGate(port2, SECRETS, { onStep: (step) => { left += step.text; } });
    await gate.push("a secret ");
    await gate.finish();
    same(left, "a *** ");
    const call = gate.trace();
    gate.free();
    await fails("bad_handle", call);
    port1.close();
    port2.close();
  },
};

function same(got, expect) {
  const [left, right] = [JSON.stringify(got), JSON.stringify(expect)];
  if (left !== right) throw new Error(`expected ${right}, got ${left}`);
}

async function fails(code, promise) {
  let result;
  try {
    result = await promise;
  } catch (error) {
    if (code !== undefined && ![code].flat().includes(error.code)) throw error;
    if (error.name !== "TidegateError" && error.name !== "PolicyError") throw error;
    return error;
  }
  throw new Error(`expected the error ${code}, got ${JSON.stringify(result)}`);
}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs: nothing for ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
