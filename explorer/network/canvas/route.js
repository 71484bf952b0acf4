// Ways of the edges from row to row. None runs behind a box: where one would, it is led past it.
//
// 1. Nodes on one line are a band. An edge that keeps clear of all bands between its ends is one curve.
// 2. At the first band whose boxes it would meet, it passes upright through the free place that costs
//    the least way, beside the edges that pass there already; then on from there, in the same manner.
// 3. Where a band has no free place the edge stays as it is: it is told in `edge.behind`.

const CLEAR = 6; // px between an edge and a box that it passes
const LANE = 5; // px between two edges that pass side by side
const GRAZE = 5; // px of height that an edge and a box may share: a corner, not a way behind it
const JOG = 18; // px of height in which no edge changes from one place to another
const TAKEN = 60; // px of detour that are better than each edge that runs there already
const STEPS = 24;

/** One curve from p up to t, upright at both ends. */
export function curveBetween([x0, y0], [x3, y3]) {
  const rise = y0 - y3;
  const bend = Math.min(rise, Math.max(16, rise * 0.5));
  return [x0, y0, x0, y0 - bend, x3, y3 + bend, x3, y3];
}

/** Points on a chain of curves, `steps` on each. */
export function sample(curve, steps) {
  const points = [[curve[0], curve[1]]];
  for (let k = 0; k + 7 < curve.length; k += 6) {
    const [x0, y0, x1, y1, x2, y2, x3, y3] = curve.slice(k, k + 8);
    for (let i = 1; i <= steps; i++) {
      const t = i / steps;
      const u = 1 - t;
      const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
      points.push([a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3]);
    }
  }
  return points;
}

/** Nodes by the line they stand on, the lowest first: what stands there, and which height it takes. */
export function bandsOf(nodes) {
  const bands = [];
  const boxes = [...nodes.values()].filter((n) => n.kind !== "frame").map(boxOf).sort((a, b) => b.y - a.y);
  for (const box of boxes) {
    const last = bands.at(-1);
    const near = last && (last.y - box.y < 4 || (isDot(box) && last.boxes.every(isDot) && last.top - box.bottom < JOG));
    const band = near ? last : { y: box.y, boxes: [], taken: [], top: box.top, bottom: box.bottom };
    if (!near) bands.push(band);
    band.boxes.push(box);
    [band.top, band.bottom] = [Math.min(band.top, box.top), Math.max(band.bottom, box.bottom)];
  }
  for (const band of bands) {
    band.y = (band.top + band.bottom) / 2;
    band.boxes.sort((a, b) => a.left - b.left);
  }
  return bands;
}

/** Dots that stand in lines close above one another are one band: no way winds between them. */
const isDot = (box) => box.bottom - box.top <= 16;

/** What is drawn of a node; the name beside a small shape counts too. */
function boxOf(n) {
  const tall = n.body ?? n.ph;
  const wide = n.kind === "feature" || n.terse ? tall : n.pw;
  const left = n.px - (["head", "error", "position", "bias"].includes(n.kind) ? tall : wide) / 2;
  return { id: n.id, y: n.py, left, right: left + wide, top: n.py - tall / 2, bottom: n.py + tall / 2 };
}

/** Where a curve from p to t is while it shares height with a band; null where that is a corner at most. */
function within(band, p, t) {
  const [low, high] = [Math.min(band.bottom, p[1]), Math.max(band.top, t[1])];
  if (low - high < GRAZE) return null;
  const points = sample(curveBetween(p, t), STEPS);
  const xs = points.filter((point, i) => (point[1] <= low || points[i + 1]?.[1] < low) && (point[1] >= high || points[i - 1]?.[1] > high)).map((point) => point[0]);
  return xs.length ? { from: Math.min(...xs), to: Math.max(...xs), at: xs[Math.floor(xs.length / 2)] } : null;
}

/** The first band, from below, where a curve from p to t would run behind a box that is not its own. */
function firstHit(edge, p, t, bands) {
  for (const band of bands) {
    const seen = within(band, p, t);
    const near = edge.width / 2 + 2;
    const others = seen ? inTheWay(edge, band, p, t) : [];
    if (others.some((box) => seen.from < box.right + near && seen.to > box.left - near)) return { band, want: seen.at };
  }
  return null;
}

/** Boxes of a band between two heights, but for the edge's own. */
function inTheWay(edge, band, p, t) {
  const own = (box) => box.id === edge.from || box.id === edge.to;
  return band.boxes.filter((box) => !own(box) && Math.min(box.bottom, p[1]) - Math.max(box.top, t[1]) >= GRAZE);
}

/** Free stretches of a band between two heights, from left to right. */
function gapsOf(edge, band, p, t, span) {
  const room = CLEAR + edge.width / 2;
  const gaps = [];
  let from = span.left;
  for (const box of inTheWay(edge, band, p, t)) {
    if (box.left - room >= from) gaps.push([from, box.left - room]);
    from = Math.max(from, box.right + room);
  }
  if (from <= span.right) gaps.push([from, span.right]);
  return gaps;
}

/** The place in a gap nearest to x where fewest other edges pass, and how many do. */
function lane(x, [from, to], edge, taken) {
  const others = (at) => taken.filter((other) => Math.abs(at - other.x) < LANE + (edge.width + other.width) / 2).length;
  let best = { x, others: others(x) };
  for (let d = 1; d <= to - from && best.others; d++) {
    for (const at of [x + d, x - d]) {
      if (at >= from && at <= to && others(at) < best.others) best = { x: at, others: others(at) };
    }
  }
  return best;
}

/** Where to pass a band on the way from p to t, or null where there is no free place. */
function passage(edge, band, p, t, want, span) {
  const gaps = gapsOf(edge, band, p, t, span);
  const beside = [p, t].filter(([, y]) => y < band.bottom + CLEAR && y > band.top - CLEAR); // upright from there, without a jog
  const own = beside.map(([x]) => x).find((x) => gaps.some(([from, to]) => x >= from && x <= to));
  if (own !== undefined) return own;
  if (beside.length && band.boxes.every(isDot)) return null; // out of a cluster of dots: behind one of them is better than a jog
  let best = null;
  for (const gap of gaps) {
    const nearest = Math.max(gap[0], Math.min(gap[1], want));
    const { x, others } = lane(nearest, gap, edge, band.taken);
    const cost = Math.abs(x - p[0]) + Math.abs(x - t[0]) + Math.abs(x - want) * 0.1 + TAKEN * others;
    if (!best || cost < best.cost) best = { x, cost };
  }
  return best?.x ?? null;
}

/** The chain of curves from p to t, past everything in these bands that stands in the way. */
function chain(edge, p, t, bands, span) {
  const hit = firstHit(edge, p, t, bands);
  if (!hit) return curveBetween(p, t);
  const { band, want } = hit;
  const rest = bands.filter((other) => other !== band);
  const x = passage(edge, band, p, t, want, span);
  if (x === null) {
    edge.behind.push(band);
    return chain(edge, p, t, rest, span);
  }
  const low = [x, Math.min(band.bottom + CLEAR, p[1])];
  const high = [x, Math.max(band.top - CLEAR, t[1])];
  const before = chain(edge, p, low, rest.filter((other) => other.y > band.y), span);
  const after = chain(edge, high, t, rest.filter((other) => other.y < band.y), span);
  return [...before, ...curveBetween(low, high).slice(2), ...after.slice(2)];
}

/** Ways of all upward edges, each `[edge, start, end]`: those with nothing in the way first, then the widest. */
export function wayAround(ways, nodes, span) {
  const bands = bandsOf(nodes);
  const ranked = ways.map(([edge, p, t]) => ({ edge, p, t, hit: firstHit(edge, p, t, bands) }));
  ranked.sort((a, b) => (a.hit ? 1 : 0) - (b.hit ? 1 : 0) || b.edge.width - a.edge.width);
  for (const { edge, p, t, hit } of ranked) {
    edge.behind = [];
    edge.curve = hit ? chain(edge, p, t, bands, span) : curveBetween(p, t);
    take(edge, bands);
  }
}

/** An edge keeps its lane in every band that it crosses. */
function take(edge, bands) {
  const points = sample(edge.curve, STEPS);
  for (const band of bands) {
    const i = points.findIndex((point) => point[1] <= band.y);
    if (i > 0 && points[0][1] > band.y) band.taken.push({ x: points[i][0], width: edge.width });
  }
}
