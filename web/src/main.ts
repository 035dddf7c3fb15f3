/** The page: fields in, a run of the gate, what it shows. */
import { later, the, el } from "./dom.js";
import { Editor } from "./editor.js";
import { examples, type Example } from "./examples.js";
import { deltas, InputError, isCutOf, type Cut, type FactsFormat, type Held, type Inputs, type PolicyFormat } from "./inputs.js";
import { readStream, replay, runTo, traceOf } from "./remote.js";
import { forget, load, save, type Theme } from "./store.js";
import { redraw, showError, showNothing, showReplay, showSnapshot, verdictText } from "./view.js";

const answer = the<HTMLTextAreaElement>("answer");
const facts = the<HTMLTextAreaElement>("facts");
const policy = the<HTMLTextAreaElement>("policy");
const scores = the<HTMLTextAreaElement>("scores");
const factsFormat = the<HTMLSelectElement>("facts-format");
const policyFormat = the<HTMLSelectElement>("policy-format");
const held = the<HTMLSelectElement>("held-mode");
const cut = the<HTMLSelectElement>("cut");
const cutSize = the<HTMLInputElement>("cut-size");
const example = the<HTMLSelectElement>("example");
const theme = the<HTMLSelectElement>("theme");
const speed = the<HTMLInputElement>("speed");
const position = the<HTMLInputElement>("position");
const play = the<HTMLButtonElement>("play");
const editor = new Editor();

/** The lengths of the recorded deltas of the answer, as long as it is not edited. */
let recorded: readonly number[] | undefined;
/** Where the run is to be, in deltas; `END` is behind the last one, whatever the answer. */
const END = Number.MAX_SAFE_INTEGER;
let to = END;
/** Where it is. */
let at = 0;
let stopped = false;
/** One column, as in the style sheet. */
const narrow = matchMedia("(max-width: 60rem)");

// ---- inputs ------------------------------------------------------------------

function cutNow(): Cut {
  if (cut.value === "recorded" && recorded && isCutOf(answer.value, recorded)) return { by: "recorded", lengths: recorded };
  if (cut.value === "characters") return { by: "characters", size: Math.min(999, Math.max(1, Math.floor(cutSize.valueAsNumber) || 1)) };
  return { by: "words" };
}

function inputs(): Inputs {
  return {
    answer: answer.value, facts: facts.value, factsFormat: factsFormat.value as FactsFormat,
    policy: policy.value, policyFormat: policyFormat.value as PolicyFormat, scores: scores.value,
    cut: cutNow(), held: held.value as Held,
  };
}

function fill(start: Inputs): void {
  answer.value = start.answer;
  facts.value = start.facts;
  factsFormat.value = start.factsFormat;
  policy.value = start.policy;
  policyFormat.value = start.policyFormat;
  scores.value = start.scores;
  held.value = start.held;
  recorded = start.cut.by === "recorded" ? start.cut.lengths : undefined;
  cut.value = start.cut.by;
  if (start.cut.by === "characters") cutSize.value = String(start.cut.size);
  cutChanged();
}

/** A recorded cut holds for the recorded text only. */
function cutChanged(): void {
  const usable = recorded !== undefined && isCutOf(answer.value, recorded);
  (cut.querySelector('[value="recorded"]') as HTMLOptionElement).disabled = !usable;
  if (cut.value === "recorded" && !usable) cut.value = "words";
  cutSize.hidden = cut.value !== "characters";
}

async function start(from: Example): Promise<void> {
  pause();
  const read = from.stream === undefined ? undefined : await readStream(new TextEncoder().encode(from.stream));
  fill({
    answer: read?.text ?? from.answer ?? "", facts: from.facts, factsFormat: "markdown", policy: from.policy, policyFormat: from.policyFormat,
    scores: from.scores, held: "auto",
    cut: read ? { by: "recorded", lengths: read.lengths } : { by: "characters", size: 4 },
  });
  the<HTMLDetailsElement>("host-panel").open = from.scores !== "";
  if (!narrow.matches) the<HTMLDetailsElement>("facts-panel").open = from.facts !== "";
  example.value = from.id;
  tell(from);
  to = END;
  changed();
}

function tell(from: Example | undefined): void {
  the("about").textContent = from?.about ?? "Your own answer, facts and policy.";
}

const keep = later(200, () => {
  const kept = save({ inputs: inputs(), example: example.value, theme: theme.value as Theme, speed: speed.valueAsNumber });
  if (!kept) announce("This browser keeps nothing: what you type is gone with the tab.");
});

// ---- the run -----------------------------------------------------------------

let asking = false;
let again = false;

/** Brings the run to where it is to be, with the inputs as they are, and shows it. One request at a time; what
 *  changes meanwhile is asked for next. */
async function update(): Promise<void> {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  the("outputs").setAttribute("aria-busy", "true");
  do {
    again = false;
    try {
      const snapshot = await runTo(inputs(), to);
      at = snapshot.at;
      stopped = snapshot.halted !== null || snapshot.ended;
      showErrors(undefined);
      showSnapshot(snapshot);
      showPosition(snapshot.deltas);
      if (stopped) pause();
      if (!playing) announceSoon(verdictText(snapshot));
    } catch (error) {
      pause();
      fail(error);
    }
  } while (again);
  asking = false;
  the("outputs").setAttribute("aria-busy", "false");
}

function fail(error: unknown): void {
  if (error instanceof InputError && (error.where === "policy" || error.where === "facts" || error.where === "scores")) {
    showErrors(error);
    const line = error.line === undefined ? "" : ` at line ${error.line}`;
    showNothing(`the ${error.where === "scores" ? "scores have" : error.where === "facts" ? "facts have" : "policy has"} an error${line}`);
    announceSoon(`Not run: ${error.where}${line}: ${error.message}`);
    // never leave the error inside a closed panel
    the<HTMLDetailsElement>(error.where === "scores" ? "host-panel" : `${error.where}-panel`).open = true;
    return;
  }
  showErrors(undefined);
  const message = error instanceof Error ? error.message : String(error);
  showNothing(message);
  announceSoon(`Not run: ${message}`);
}

function showErrors(error: InputError | undefined): void {
  for (const where of ["policy", "facts", "scores"] as const) showError(where, error?.where === where ? error : undefined);
  editor.update(error?.where === "policy" ? error.line : undefined);
}

function showPosition(count: number): void {
  position.max = String(count + 1);
  position.value = String(at);
  const text = at > count ? `${count} of ${count}, ended` : `${at} of ${count}`;
  the("position-out").textContent = text;
  position.setAttribute("aria-valuetext", text);
}

/** The inputs are others: the run is made anew, as far as it was. */
function changed(): void {
  cutChanged();
  editor.update();
  keep();
  void update();
}

const typed = later(150, changed);

// ---- playing -----------------------------------------------------------------

let playing = false;

/** The slider is logarithmic: 1 to 250 deltas a second. */
const perSecond = (): number => Math.round(250 ** (speed.valueAsNumber / 100));

function showSpeed(): void {
  const text = `${perSecond()}/s`;
  the("speed-out").textContent = text;
  speed.setAttribute("aria-valuetext", `${perSecond()} deltas a second`);
}

function pause(): void {
  playing = false;
  play.textContent = "Play";
}

function go(): void {
  if (playing) {
    pause();
    return;
  }
  playing = true;
  play.textContent = "Pause";
  if (stopped || at === 0) at = 0;
  let progress = at;
  let before = performance.now();
  to = at;
  void update();
  const frame = (now: number): void => {
    if (!playing) return;
    // a tab that slept goes on where it was
    progress += Math.min(250, now - before) / 1000 * perSecond();
    before = now;
    if (Math.floor(progress) > to) {
      to = Math.floor(progress);
      void update();
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function seek(delta: number): void {
  pause();
  to = Math.max(0, delta);
  void update();
}

// ---- the live region: what changed, once, when it is quiet ---------------------

let said = "";
let next = "";
const sayNext = later(700, () => { if (next !== said) announce(next); });
function announceSoon(text: string): void {
  next = text;
  sayNext();
}
function announce(text: string): void {
  said = next = text;
  the("announce").textContent = text;
}

// ---- files -------------------------------------------------------------------

/** What the person chose; the field is emptied so that the same file can be chosen again. */
function onFile(id: string, take: (file: File) => Promise<void>): void {
  const field = the<HTMLInputElement>(id);
  field.addEventListener("change", () => {
    const file = field.files?.[0];
    if (!file) return;
    take(file).catch((error: unknown) => announce(error instanceof Error ? error.message : String(error))).finally(() => { field.value = ""; });
  });
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/x-ndjson" }));
  const link = el("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

onFile("open-answer", async (file) => {
  const hint = the("answer-hint");
  if (/\.(sse|jsonl|ndjson)$/i.test(file.name)) {
    try {
      const read = await readStream(new Uint8Array(await file.arrayBuffer()));
      answer.value = read.text;
      recorded = read.lengths;
      cutChanged();
      cut.value = "recorded";
      hint.textContent = `${file.name}: ${read.lengths.length} deltas of content`
        + (read.others ? `; ${read.others} other ${read.others === 1 ? "channel is" : "channels are"} not shown here.` : ".");
    } catch (error) {
      hint.textContent = `${file.name}: ${error instanceof Error ? error.message : String(error)}`;
      return;
    }
  } else {
    answer.value = await file.text();
    hint.textContent = `${file.name}: text.`;
  }
  own();
  to = END;
  changed();
});

onFile("open-trace", async (file) => {
  try {
    showReplay(file.name, await replay(await file.text()));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    showReplay(file.name, error);
  }
  announce(the("replay").textContent ?? "");
});

the("save-trace").addEventListener("click", () => {
  traceOf(inputs(), to).then((trace) => download("trace.jsonl", trace), fail);
});

// ---- wiring ------------------------------------------------------------------

/** The inputs are the reader's own now. */
function own(): void {
  if (example.value !== "own") {
    example.value = "own";
    tell(undefined);
  }
}

for (const field of [answer, facts, policy, scores]) field.addEventListener("input", () => { own(); typed(); });
policy.addEventListener("input", () => editor.update());
cutSize.addEventListener("input", typed);
for (const field of [factsFormat, policyFormat, cut, held]) field.addEventListener("change", changed);
example.addEventListener("change", () => {
  const from = examples.find((each) => each.id === example.value);
  if (from) void start(from);
  else own();
});
speed.addEventListener("input", () => { showSpeed(); keep(); });
position.addEventListener("input", () => seek(position.valueAsNumber));
play.addEventListener("click", go);
the("step").addEventListener("click", () => seek(stopped ? END : at + 1));
the("restart").addEventListener("click", () => seek(0));
the("end").addEventListener("click", () => seek(END));
the("forget").addEventListener("click", () => {
  forget();
  void start(examples[0] as Example).then(() => announce("Forgotten. The first example is back."));
});
theme.addEventListener("change", () => { dress(theme.value as Theme); keep(); });

function dress(as: Theme): void {
  if (as === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = as;
}

// a claim pointed at is shown in the answer and in its check's graph
the("claims").addEventListener("pointerover", (event) => point((event.target as Element).closest<HTMLElement>(".claim")?.dataset));
the("claims").addEventListener("pointerleave", () => point(undefined));
function point(at: DOMStringMap | undefined): void {
  for (const node of document.querySelectorAll<HTMLElement | SVGElement>(".answer [data-claim], #graphs [data-index]")) {
    const check = node.closest<SVGElement>("[data-check]")?.dataset.check ?? at?.check;
    node.classList.toggle("pointed", at !== undefined && check === at.check && (node.dataset.claim ?? node.dataset.index) === at.claim);
  }
}

new ResizeObserver(later(80, () => redraw())).observe(the("graphs"));

example.append(...examples.map((each) => el("option", { value: each.id }, each.title)), el("option", { value: "own" }, "Your own"));
const kept = load();
if (kept) {
  fill(kept.inputs);
  theme.value = kept.theme;
  dress(kept.theme);
  speed.value = String(kept.speed);
  example.value = kept.example;
  tell(examples.find((each) => each.id === kept.example));
  the<HTMLDetailsElement>("host-panel").open = kept.inputs.scores !== "";
  changed();
} else {
  // on a narrow page the inputs would push the result out of sight
  if (narrow.matches) for (const id of ["facts-panel", "policy-panel"]) the<HTMLDetailsElement>(id).open = false;
  void start(examples[0] as Example).catch(fail);
}
showSpeed();

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("sw.js").then(() => navigator.serviceWorker.ready).then(
    () => { the("offline").textContent = "Works offline."; },
    (error: unknown) => { the("offline").textContent = `Not kept for offline use: ${error instanceof Error ? error.message : String(error)}`; },
  );
}
