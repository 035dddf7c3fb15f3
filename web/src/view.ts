/** What a snapshot looks like. Everything goes in as text: nothing of an answer is ever read as markup. */
import type { Halted } from "tidegate";
import { el, the } from "./dom.js";
import { drawGraph } from "./graph.js";
import type { Claim, Note, Piece, Snapshot } from "./run.js";
import type { Graph } from "./scores.js";
import type { Replayed } from "./trace.js";
import { InputError } from "./inputs.js";

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
const code = (text: string): HTMLElement => el("code", {}, text);

function span(piece: Piece): HTMLElement {
  const classes = [piece.kind, piece.masked ? "masked" : "", piece.veiled ? "veiled" : ""].filter(Boolean).join(" ");
  return el(piece.masked ? "mark" : "span", {
    class: classes, "data-claim": piece.claim,
    // dots are for the eye; what is held is said in words beneath
    "aria-hidden": piece.veiled ? "true" : undefined,
  }, piece.text);
}

/** What a verdict is in words; the same for the eye and for the live region. */
export function verdictText(snapshot: Snapshot): string {
  const { halted } = snapshot;
  if (halted) return `Halted by ${halted.check}: ${halted.reason}.`;
  if (snapshot.ended) return `Open to the end: ${count(snapshot.released, "character")} left.`;
  return "Open so far.";
}

function place(halted: Halted, graphs: readonly Graph[]): string {
  if (halted.index !== undefined) {
    const unit = graphs.find((graph) => graph.check === halted.check)?.unit ?? "claim";
    return `${unit} ${halted.index + 1}`;
  }
  return halted.start === undefined ? "" : `byte ${halted.start}`;
}

function showVerdict(snapshot: Snapshot): void {
  const shadowed = snapshot.claims.find((claim) => claim.outcome === "shadow") ?? snapshot.notes.find((note) => note.kind === "shadow");
  const verdict = the("verdict");
  const { halted } = snapshot;
  verdict.className = `verdict ${halted ? "halted" : snapshot.ended ? "ended" : "open"}`;
  const detail = el("span", { class: "detail" });
  if (halted) {
    const at = place(halted, snapshot.graphs);
    detail.append("by ", code(halted.rule ? `${halted.check} / ${halted.rule}` : halted.check), at ? ` at ${at}: ` : ": ", code(halted.reason));
  } else if (shadowed) {
    detail.append("shadow mode: ", code(shadowed.check), " would have halted");
  } else {
    detail.append(snapshot.ended ? "all that no rule masked has left" : snapshot.at === 0 ? "nothing has come yet" : `${count(snapshot.released, "character")} left, ${snapshot.held} held`);
  }
  verdict.replaceChildren(el("strong", {}, halted ? "Halted" : snapshot.ended ? "Open to the end" : "Open"), detail);
}

function showAnswer(snapshot: Snapshot): void {
  const released = snapshot.pieces.filter((piece) => piece.kind === "released");
  const rest = snapshot.pieces.filter((piece) => piece.kind !== "released");
  the("released").replaceChildren(...released.map(span));
  the("held").replaceChildren(...rest.map(span));
  the("gate-shut").hidden = !snapshot.halted;
  const masked = released.filter((piece) => piece.masked).length;
  const left = snapshot.deltas - Math.min(snapshot.at, snapshot.deltas);
  const part = (key: string, text: string): HTMLElement => el("span", { class: `key-${key}` }, text);
  const parts = [part("released", `the reader sees ${count(snapshot.released, "character")}`)];
  if (masked) parts.push(part("masked", `${masked} masked`));
  const veiled = !rest.some((piece) => piece.veiled) ? "" : rest.every((piece) => piece.veiled) ? ", veiled" : ", some veiled";
  if (snapshot.held) parts.push(snapshot.halted ? part("withheld", `${snapshot.held} withheld${veiled}`) : part("held", `${snapshot.held} held${veiled}`));
  if (snapshot.halted && left) parts.push(el("span", {}, `${count(left, "delta")} never asked for`));
  the("answer-note").replaceChildren(...parts);
}

const drawn = { graphs: [] as readonly Graph[], "replay-graphs": [] as readonly Graph[] };

function draw(id: keyof typeof drawn): void {
  const into = the(id);
  into.hidden = drawn[id].length === 0; // before it is measured
  const width = Math.max(220, Math.floor(into.clientWidth));
  into.replaceChildren(...drawn[id].map((graph) => el("figure", {},
    el("figcaption", {}, code(graph.check), graph.mode === "shadow" ? el("span", { class: "tag" }, "shadow") : "",
      el("span", { class: "muted" }, `${count(graph.points.length, graph.unit)}, means of ${graph.windowSize}`)),
    drawGraph(graph, width))));
}

/** Draws the graphs anew, at the width there is now. */
export function redraw(): void {
  draw("graphs");
  draw("replay-graphs");
}

function showGraphs(graphs: readonly Graph[]): void {
  drawn.graphs = graphs;
  the("scores-panel").hidden = graphs.length === 0;
  draw("graphs");
}

const FINDINGS = { supported: "supported", unsupported: "not in the facts", contradicted: "contradicted" } as const;
const OUTCOMES: Record<Claim["outcome"], string> = {
  passed: "passed", warned: "passed, below the soft limit", allowed: "allowed by the policy", shadow: "would have halted", halted: "halted", waiting: "waiting",
};

function claimItem(claim: Claim, several: boolean): HTMLElement {
  const tone = claim.outcome === "halted" || claim.outcome === "shadow" ? "bad" : claim.evidence?.finding === "supported" ? "good" : "plain";
  const { evidence } = claim;
  const item = el("li", { class: `claim ${tone}`, "data-check": claim.check, "data-claim": claim.index, "data-outcome": claim.outcome },
    el("div", { class: "claim-head" },
      el("span", { class: "number" }, String(claim.index + 1)),
      several ? code(claim.check) : "",
      evidence ? el("span", { class: `finding ${evidence.finding}` }, FINDINGS[evidence.finding]) : "",
      el("span", { class: "outcome" }, OUTCOMES[claim.outcome]),
      el("span", { class: "score" }, claim.score === undefined ? "no score" : claim.score.toFixed(3))),
    el("p", { class: "claim-text" }, ...claim.pieces.map(span)));
  if (evidence && evidence.passage !== "") item.append(el("blockquote", {}, evidence.passage));
  const why = el("p", { class: "why" });
  if (evidence?.mismatch) why.append(el("span", { class: "mismatch" }, `mismatch: ${evidence.mismatch}`));
  if (evidence && evidence.unmatched.length > 0) {
    why.append(el("span", { class: "muted" }, "not in the passage "), ...evidence.unmatched.map((word) => el("span", { class: "word" }, word)));
  }
  if (claim.reason) why.append(code(claim.reason));
  if (why.childNodes.length > 0) item.append(why);
  return item;
}

function showClaims(claims: readonly Claim[]): void {
  the("claims-panel").hidden = claims.length === 0;
  const several = new Set(claims.map((claim) => claim.check)).size > 1;
  the("claims").replaceChildren(...claims.map((claim) => claimItem(claim, several)));
}

function showNotes(notes: readonly Note[]): void {
  the("notes-panel").hidden = notes.length === 0;
  const words: Record<Note["kind"], string> = { mask: "masked", flag: "flagged", halt: "halted", shadow: "shadow", allowed: "allowed" };
  the("notes").replaceChildren(...notes.map((note) => el("li", { class: `note ${note.kind}` },
    el("span", { class: "tag" }, words[note.kind]),
    code(note.rule ? `${note.check} / ${note.rule}` : note.check),
    el("span", { class: "muted" }, note.start === undefined ? note.reason ?? "" : `bytes ${note.start} to ${note.end}`))));
}

export function showSnapshot(snapshot: Snapshot): void {
  showVerdict(snapshot);
  showAnswer(snapshot);
  showGraphs(snapshot.graphs);
  showClaims(snapshot.claims);
  showNotes(snapshot.notes);
  the("passages").textContent = snapshot.passages > 0 ? count(snapshot.passages, "passage") : "no facts";
  const notices = the("policy-notices");
  notices.hidden = snapshot.notices.length === 0;
  notices.replaceChildren(...snapshot.notices.map((notice) => el("li", {}, notice)));
}

/** Nothing ran: the page shows no output rather than that of other inputs. */
export function showNothing(why: string): void {
  const verdict = the("verdict");
  verdict.className = "verdict broken";
  verdict.replaceChildren(el("strong", {}, "Not run"), el("span", { class: "detail" }, why));
  for (const id of ["released", "held", "claims", "notes"]) the(id).replaceChildren();
  the("gate-shut").hidden = true;
  the("answer-note").textContent = "";
  the("claims-panel").hidden = true;
  the("notes-panel").hidden = true;
  showGraphs([]);
}

/** Shows an input's error beneath its field, with the place if it is known; `undefined` takes it away. */
export function showError(where: "policy" | "facts" | "scores", error: InputError | undefined): void {
  const box = the(`${where}-error`);
  const field = the<HTMLTextAreaElement>(where);
  box.hidden = !error;
  if (!error) {
    box.replaceChildren();
    field.removeAttribute("aria-invalid");
    return;
  }
  field.setAttribute("aria-invalid", "true");
  const at = error.line === undefined ? "" : `Line ${error.line}${error.column === undefined ? "" : `, column ${error.column}`}`;
  box.replaceChildren();
  if (at) box.append(el("button", { type: "button", class: "goto", "data-line": error.line, "data-column": error.column ?? 1 }, at));
  box.append(el("span", { class: "message" }, error.message));
  if (error.help) box.append(el("span", { class: "help" }, error.help));
}

/** What a file with a trace came to. */
export function showReplay(name: string, replayed: Replayed | InputError): void {
  const box = the("replay");
  box.hidden = false;
  if (replayed instanceof InputError) {
    box.className = "replay bad";
    box.replaceChildren(el("strong", {}, "Does not replay"), ` ${name}: ${replayed.line === undefined ? "" : `line ${replayed.line}: `}${replayed.message}`);
    drawn["replay-graphs"] = [];
  } else {
    box.className = "replay good";
    box.replaceChildren(el("strong", {}, "Replayed"), ` ${name}: ${count(replayed.records, "record")}, the same verdict: `,
      ...(replayed.halted.length === 0 ? ["open"] : replayed.halted.flatMap((halted) => ["halted by ", code(halted.check), " ", code(halted.reason)])));
    drawn["replay-graphs"] = replayed.graphs;
  }
  draw("replay-graphs");
}
