// From Python's positions to places on the panel: stretched to fill it, rows of words settled.
//
// Stretching is the same for every node, so what did not overlap in Python does not overlap here.

import { heightFor } from "./boxwords.js";
import { routeEdges } from "./edges.js";
import { fitRow } from "./rowfit.js";

const ROOMY = { left: 72, right: 14, top: 14, bottom: 16 }; // row names stand at the left
const TIGHT = { left: 6, right: 6, top: 8, bottom: 8 };
const MOST_STRETCH = 3;
const READABLE = 10.5; // px on the screen; text is not drawn smaller to fit
const LEAST_VIEW = { normal: 0.8, compact: 0.7 }; // what is far from fitting is shown at this scale and moved into sight instead
const NEARLY = { normal: 0.65, compact: 0.7 }; // what fits from this scale on is shown whole: nothing is cut for a few pixels
const BODY = { feature: 13, error: 15, position: 13, bias: 13, head: 26 };
const BESIDE = { position: 11, bias: 11, head: 18 }; // where the name of a small shape begins
const HALF = { position: 8, bias: 8, head: 14 };

/** Height to fill `room`, and where each y goes: only the gaps between rows are drawn out. */
function drawnOut(graph, room) {
  const nh = graph.size[1];
  const slack = graph.gaps.reduce((sum, [a, b]) => sum + b - a, 0);
  const factor = slack ? Math.min(MOST_STRETCH * 2, Math.max(0, room - nh) / slack) : 0;
  const inGaps = (y) => graph.gaps.reduce((sum, [a, b]) => sum + Math.max(0, Math.min(y, b) - a), 0);
  return { height: nh + factor * slack, at: (y) => y + factor * inGaps(y) };
}

/** Over how much of its width edges may touch a node. */
function spreadOf(node, width) {
  if (node.kind === "supernode") return width * 0.72;
  if (node.kind === "token" || node.kind === "logit") return width * 0.5;
  return node.kind === "head" ? 12 : 0;
}

/** A small shape stands at the left of its room, so that its name beside it lies inside. */
function shapeAt(node, x, width, terse) {
  if (terse || !(node.kind in BESIDE)) return x;
  return x - Math.max(0, width / 2 - HALF[node.kind]);
}

/** Places of everything on a panel of `width` x `height` px. */
export function geometry(graph, width, height, withNumber) {
  const [nw, nh] = graph.size;
  const compact = graph.density === "compact";
  const pad = compact ? TIGHT : ROOMY;
  // what does not fit at scale 1 is shown smaller, down to the least; the room that is left on an axis is then filled
  const whole = Math.min(1, width / (pad.left + nw + pad.right), height / (pad.top + nh + pad.bottom));
  const kind = compact ? "compact" : "normal";
  const view = whole >= NEARLY[kind] ? whole : LEAST_VIEW[kind];
  const grow = Math.min(1.4, Math.max(1, 0.88 / view));
  const least = READABLE / view;
  const sx = Math.min(MOST_STRETCH, Math.max(1, (width / view - pad.left - pad.right) / nw));
  const w = pad.left + nw * sx + pad.right;
  const out = drawnOut(graph, height / view - pad.top - pad.bottom);
  const h = pad.top + out.height + pad.bottom;
  const X = (x) => -w / 2 + pad.left + x * sx;
  const Y = (y) => -h / 2 + pad.top + out.at(y);
  const frames = graph.frames.map((f) => ({ ...f, left: X(f.x), top: Y(f.y), width: f.w * sx, height: Y(f.y + f.h) - Y(f.y) }));
  const nodes = new Map(frames.map((f) => [f.id, titleOf(f)]));
  for (const node of graph.nodes) nodes.set(node.id, placed(node, X, Y, sx, { compact, least, row: rowOf(graph, node), long: graph.columns.length === 0 }));
  const half = Math.max(width / view, w) / 2; // of what there is, or of the panel where that is wider
  const row = { least, gap: compact ? 3 : 4, from: -half + pad.left - 4, to: half - pad.right + 4, beside: withNumber ? 40 * grow : 0 };
  const loose = [...nodes.values()].filter((n) => n.row);
  fitRow(loose.filter((n) => n.row === "tokens"), { ...row, least: Math.min(least, 10 / view), size: 13 * grow });
  fitRow(loose.filter((n) => n.row === "logits"), { ...row, gap: 8, size: 14 * grow });
  for (const n of loose) if (n.kind !== "token" && n.kind !== "logit") n.px = shapeAt(n, n.px, n.pw, n.terse);
  const edges = graph.edges
    .filter((e) => nodes.has(e.from) && nodes.has(e.to))
    .map((e) => ({ ...e, id: `${e.from}>${e.to}` }))
    .sort((a, b) => a.width - b.width);
  const span = { left: -half + pad.left - 4, right: half - 5 };
  routeEdges(edges, nodes, span);
  return {
    nodes, frames, edges, span, pad, grow, least, box: { w, h, view, whole: Math.min(view, width / w, height / h) },
    rows: compact ? [] : graph.rows.map((r) => ({ label: r.label, y: Y(r.y) })),
    columns: graph.columns.map((x) => X(x)),
    left: -half, right: half,
  };
}

const titleOf = (f) => ({
  ...f, kind: "frame", px: f.left + f.width / 2, py: f.top + 14, pw: f.width, ph: 28, body: 28, spread: f.width * 0.6,
});

/** Rows of words are settled by themselves; everything else keeps its column. */
function rowOf(graph, node) {
  if (Math.abs(node.y - graph.rows[0].y) < 1) return "tokens";
  return node.kind === "logit" ? "logits" : null;
}

function placed(node, X, Y, sx, { compact, least, row, long }) {
  const pw = Math.max(node.w, Math.min(node.w * sx - 2, node.wish ?? node.w));
  const ph = node.kind === "supernode" ? heightFor(node.h, least) : node.h;
  const terse = (compact && ["error", "position", "bias"].includes(node.kind)) || (long && node.kind === "position");
  return {
    ...node, terse, pw, ph, row,
    px: row ? X(node.x) : shapeAt(node, X(node.x), pw, terse), py: Y(node.y),
    body: BODY[node.kind] ?? ph, spread: spreadOf(node, pw),
  };
}
