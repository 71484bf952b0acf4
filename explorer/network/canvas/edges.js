// Edges: width is |effect|, hue and end are the sign. They leave a node at the top and enter at the
// bottom, spread over the node's width in the order of their other ends, so that few of them cross.

import { sample, wayAround } from "./route.js";

const SAMPLES = 20;

const top = (n) => n.py - (n.body ?? n.ph) / 2;
const bottom = (n) => n.py + (n.body ?? n.ph) / 2;

/** Where each edge touches a node: offsets from its centre, sorted by where the edge goes from there. */
function ports(edges, nodes, end, other) {
  const groups = new Map();
  for (const edge of edges) {
    if (!groups.has(edge[end])) groups.set(edge[end], []);
    groups.get(edge[end]).push(edge);
  }
  const towards = (edge) => edge.turn?.[end] ?? nodes.get(edge[other]).px;
  const offsets = new Map();
  for (const [id, group] of groups) {
    const node = nodes.get(id);
    group.sort((a, b) => towards(a) - towards(b) || (a.id < b.id ? -1 : 1));
    const room = Math.max(0, node.spread);
    const span = Math.min(room, (group.length - 1) * 14);
    group.forEach((edge, i) => {
      offsets.set(edge.id, group.length > 1 ? -span / 2 + (i * span) / (group.length - 1) : 0);
    });
  }
  return offsets;
}

/** Curves of every edge, as [x0, y0, x1, y1, x2, y2, x3, y3, ...], and points for finding it.
 *
 * Laid twice: an edge that is led past a box leaves its node on the side where it turns. */
export function routeEdges(edges, nodes, span) {
  for (const edge of edges) delete edge.turn;
  lay(edges, nodes, span);
  if (edges.some((edge) => edge.curve.length > 8)) {
    for (const edge of edges) if (!edge.down) edge.turn = { from: edge.curve[6], to: edge.curve.at(-8) };
    lay(edges, nodes, span);
  }
  for (const edge of edges) edge.points = sample(edge.curve, edge.curve.length > 8 ? SAMPLES / 2 : SAMPLES);
}

function lay(edges, nodes, span) {
  const out = ports(edges, nodes, "from", "to");
  const into = ports(edges, nodes, "to", "from");
  const ways = [];
  for (const edge of edges) {
    const s = nodes.get(edge.from);
    const t = nodes.get(edge.to);
    const x0 = s.px + out.get(edge.id);
    const x3 = t.px + into.get(edge.id);
    edge.down = bottom(t) >= top(s) - 6;
    if (edge.down) edge.curve = bow([x0, top(s)], [x3, top(t) - 5]);
    else ways.push([edge, [x0, top(s)], [x3, bottom(t) + 5]]);
  }
  wayAround(ways, nodes, span);
}

/** To the same row or downwards: a bow over both. */
function bow([x0, y0], [x3, y3]) {
  const lift = 26 + Math.abs(x3 - x0) * 0.12;
  const crest = Math.min(y0, y3) - lift;
  return [x0, y0, x0, crest, x3, crest, x3, y3];
}

/** Nearest edge within `reach` of a point, or null. */
export function edgeAt(edges, x, y, reach) {
  let best = null;
  let least = reach;
  for (const edge of edges) {
    for (let i = 1; i < edge.points.length; i++) {
      const [ax, ay] = edge.points[i - 1];
      const [bx, by] = edge.points[i];
      const length = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
      const t = Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length));
      const d = Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)) - edge.width / 2;
      if (d < least) [least, best] = [d, edge];
    }
  }
  return best;
}

export function drawEdge(ctx, palette, edge, { opacity, dead, hover }) {
  const colour = dead ? "ink-3" : edge.effect < 0 ? "neg" : "pos";
  const [x3, y3] = edge.curve.slice(-2);
  const width = edge.width + (hover ? 1 : 0);
  ctx.strokeStyle = palette.css(colour, opacity);
  ctx.lineWidth = dead ? Math.min(width, 3) : width;
  ctx.setLineDash(dead ? [2, 4] : []);
  ctx.beginPath();
  ctx.moveTo(edge.curve[0], edge.curve[1]);
  for (let k = 2; k < edge.curve.length; k += 6) ctx.bezierCurveTo(...edge.curve.slice(k, k + 6));
  ctx.stroke();
  ctx.setLineDash([]);
  const ending = Math.min(1, opacity + 0.15);
  const k = Math.max(3.2, width * 0.95);
  const way = edge.down ? -1 : 1;
  ctx.fillStyle = palette.css(colour, ending);
  if (edge.effect >= 0) {
    ctx.beginPath();
    ctx.moveTo(x3, y3 - 4.5 * way);
    ctx.lineTo(x3 + k, y3 + (k - 2.5) * way);
    ctx.lineTo(x3 - k, y3 + (k - 2.5) * way);
    ctx.fill();
  } else {
    ctx.fillRect(x3 - k - 2, y3 - (edge.down ? -1 : 3.2), 2 * k + 4, 2.4);
  }
}
