/** The score graph of one check, as SVG of our own. */
import { svg } from "./dom.js";
import type { Graph, Point } from "./scores.js";

const HEIGHT = 168;
const LEFT = 30;
const RIGHT = 74;
const TOP = 10;
const BOTTOM = 24;

/** Draws the graph `width` CSS pixels wide. Colours come from the style sheet, shapes say the same without them. */
export function drawGraph(graph: Graph, width: number): SVGSVGElement {
  const inner = Math.max(40, width - LEFT - RIGHT);
  const last = Math.max(1, (graph.points.at(-1)?.index ?? 0));
  const gap = Math.min(12, inner / 8);
  const x = (index: number): number => LEFT + gap + (index / last) * (inner - 2 * gap);
  const y = (score: number): number => TOP + (1 - Math.min(1, Math.max(0, score))) * (HEIGHT - TOP - BOTTOM);
  const root = svg("svg", { class: "graph", "data-check": graph.check, viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": describe(graph) });
  const right = LEFT + inner;

  root.append(svg("rect", { class: "danger", x: LEFT, y: y(graph.hardLimit), width: inner, height: Math.max(0, y(0) - y(graph.hardLimit)) }));
  for (const mark of [0, 0.5, 1]) {
    root.append(svg("line", { class: "grid", x1: LEFT, x2: right, y1: y(mark), y2: y(mark) }));
    root.append(svg("text", { class: "axis", x: LEFT - 6, y: y(mark) + 4, "text-anchor": "end" }, mark === 0.5 ? ".5" : String(mark)));
  }
  const limits = [
    { class: "hard", at: graph.hardLimit, text: `hard ${short(graph.hardLimit)}` },
    { class: "soft", at: graph.softLimit, text: `soft ${short(graph.softLimit)}` },
    { class: "mean-limit", at: graph.windowThreshold, text: `mean ${short(graph.windowThreshold)}` },
  ];
  for (const limit of limits) root.append(svg("line", { class: `limit ${limit.class}`, x1: LEFT, x2: right, y1: y(limit.at), y2: y(limit.at) }));
  // names of limits, pushed apart where they would overlap
  let floor = HEIGHT;
  for (const limit of [...limits].sort((a, b) => a.at - b.at)) {
    floor = Math.min(y(limit.at) + 4, floor - 13);
    root.append(svg("text", { class: `name ${limit.class}`, x: right + 6, y: floor }, limit.text));
  }

  const valued = graph.points.filter((point): point is Point & { value: number } => point.value !== undefined);
  const line = (points: readonly [number, number][]): string => points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(" ");
  root.append(svg("polyline", { class: "scores", points: line(valued.map((point) => [x(point.index), y(point.value)])) }));
  root.append(svg("polyline", { class: "mean", points: line(valued.flatMap((point) => point.mean === undefined ? [] : [[x(point.index), y(point.mean)] as [number, number]])) }));
  const crowded = graph.points.length > inner / 7;
  for (const point of graph.points) {
    if (crowded && point.kind === "passed") continue;
    root.append(dot(point, x(point.index), y(point.value ?? 0), crowded ? 2.5 : 4));
  }
  root.append(svg("text", { class: "axis", x: LEFT + gap, y: HEIGHT - 6 }, graph.points.length === 0 ? `no ${graph.unit} was scored yet` : `${graph.unit} 1`));
  if (graph.points.length > 1) {
    root.append(svg("text", { class: "axis", x: x(last), y: HEIGHT - 6, "text-anchor": "end" }, String(last + 1)));
  }
  return root;
}

/** A circle passed; a diamond halted or would have; a ring was not held to the limits; a cross had no score. */
function dot(point: Point, x: number, y: number, r: number): SVGElement {
  const attributes = { class: `dot ${point.kind}`, "data-index": point.index };
  const title = svg("title", {}, `${point.index + 1}: ${point.value === undefined ? "no score" : point.value.toFixed(4)}, ${point.kind}`);
  if (point.value === undefined) return svg("path", { ...attributes, d: `M${x - r} ${y - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}` }, title);
  if (point.kind === "halted" || point.kind === "shadow") {
    const s = r + 3;
    return svg("path", { ...attributes, d: `M${x} ${y - s}l${s} ${s}l${-s} ${s}l${-s} ${-s}z` }, title);
  }
  return svg("circle", { ...attributes, cx: x, cy: y, r }, title);
}

const short = (value: number): string => String(Math.round(value * 1000) / 1000);

function describe(graph: Graph): string {
  const values = graph.points.flatMap((point) => point.value === undefined ? [] : [point.value]);
  const scores = values.length === 0 ? `no ${graph.unit} scored` : `${values.length} ${graph.unit} scores from ${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
  const halted = graph.points.find((point) => point.kind === "halted" || point.kind === "shadow");
  return `Scores of ${graph.check}: ${scores}; hard limit ${short(graph.hardLimit)}, soft limit ${short(graph.softLimit)}`
    + (halted ? `; ${halted.kind === "halted" ? "halts" : "would halt"} at ${graph.unit} ${halted.index + 1}` : "");
}
