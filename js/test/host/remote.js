// What a scorer over HTTP must do, in any host that has `fetch`: run in Node and in workerd.

const CLAIM = {
  id: 1, choice: 0, channel: "content", check: "service", source: "host", index: 3, start: 0, end: 17,
  text: "It opens at nine.", deadline_ms: 5000,
};

/** By path of the service: what the scorer answers, a reason as a part of its text. */
const ANSWERS = {
  "/good": { score: 0.25, finding: "contradicted" },
  "/plain": { score: 1 },
  "/null": { score: 0 },
  "/500": { error: "failed", reason: "status 500" },
  "/redirect": { error: "failed", reason: "status 302" },
  "/text": { error: "failed", reason: "no JSON: \"yes, it is\"" },
  "/list": { error: "failed", reason: "without a `score` from 0 to 1" },
  "/above": { error: "failed", reason: "without a `score` from 0 to 1: \"{\\\"score\\\":1.5}\"" },
  "/string": { error: "failed", reason: "without a `score` from 0 to 1" },
  "/finding": { error: "failed", reason: "an unknown `finding`" },
  "/drop": { error: "failed", reason: "" },
  "/silent": { error: "late", reason: "no answer in 200 ms" },
  "/unfinished": { error: "late", reason: "no answer in 200 ms" },
};

/**
 * @param tidegate `GateSession`, loaded
 * @param remoteScorer of `tidegate/remote`
 * @param {string} service the URL of the test's service
 * @param {string} nobody a URL of this machine where nobody listens
 * @returns {Promise<{ ran: number, problems: string[] }>}
 */
export async function runRemote({ GateSession }, remoteScorer, service, nobody) {
  const problems = [];
  let ran = 0;
  const same = (what, found, wanted) => {
    ran += 1;
    const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (a !== b) problems.push(`${what}: ${a}, not ${b}`);
  };
  for (const [path, { reason, ...wanted }] of Object.entries(ANSWERS)) {
    const deadline_ms = wanted.error === "late" ? 200 : undefined;
    const scorer = remoteScorer(service + path, { headers: { "x-who": "tests" }, ...(deadline_ms ? { deadline_ms } : {}) });
    const { reason: said, ...found } = await scorer(CLAIM);
    same(path, found, wanted);
    if (reason !== undefined) same(`${path}, reason`, said?.includes(reason) ? reason : said, reason);
  }
  const { error } = await remoteScorer(nobody)(CLAIM);
  same("no connection", error, "failed");

  // who waits no more is not answered, and what was asked is given up
  const waiting = new AbortController();
  const asked = remoteScorer(`${service}/silent`)(CLAIM, waiting.signal);
  setTimeout(() => waiting.abort(), 50);
  same("aborted", (await asked).error, "missing");

  // in a session: the policy says what becomes of it
  for (const [path, rules, code, kind] of [
    ["/silent", { on_late: "halt" }, "late_score", "halted"],
    ["/silent", { on_late: "allow" }, "late_score", "allowed"],
    ["/500", { on_error: "halt" }, "scorer_error", "halted"],
    ["/good", { on_contradicted: "halt" }, "contradicted", "halted"],
    ["/plain", {}, undefined, undefined],
  ]) {
    let text = "";
    let told;
    const session = new GateSession(
      { version: 1, halt: [{ name: "service", score: { from: "host", at: "claim", ...rules } }] },
      {
        scorers: { host: remoteScorer(service + path, { deadline_ms: 200 }) },
        onStep(step) {
          text += step.text;
          told ??= step.events.find(({ event }) => event === "halted" || event === "allowed");
        },
      },
    );
    session.push("It opens at nine. ");
    await session.finish();
    same(`${path} in a session`, [told?.event, told?.code, text !== ""], [kind, code, kind !== "halted"]);
    session.free();
  }
  return { ran, problems };
}
