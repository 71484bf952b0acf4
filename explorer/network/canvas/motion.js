// Opening in place: what stays glides to its new place, what is new grows out of what held it.

const SLOW_MS = 240;

/** How long a change of place takes; nothing where the reader wants no motion. */
export const duration = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : SLOW_MS);

/** Call `step` with 0 ... 1, slowing down, until it is 1; returns a function that ends it at once. */
export function glide(step) {
  const time = duration();
  if (!time) {
    step(1);
    return () => {};
  }
  const start = performance.now();
  let request = null;
  const frame = (now) => {
    const t = Math.min(1, Math.max(0, now - start) / time);
    step(1 - (1 - t) ** 3);
    request = t < 1 ? requestAnimationFrame(frame) : null;
  };
  request = requestAnimationFrame(frame);
  step(0);
  return () => {
    if (request === null) return;
    cancelAnimationFrame(request);
    step(1);
  };
}

const BOX = ["px", "py", "pw", "ph", "body", "spread"];
const FRAME = ["left", "top", "width", "height"];

/** Where everything is now, in units of a picture shown at another scale. */
export function snapshot(nodes, frames, scale) {
  const known = new Map();
  for (const n of nodes.values()) if (n.kind !== "frame") known.set(n.id, { x: n.px * scale, y: n.py * scale, w: n.pw * scale, h: n.ph * scale });
  for (const f of frames) known.set(f.id, { x: (f.left + f.width / 2) * scale, y: (f.top + f.height / 2) * scale, w: f.width * scale, h: f.height * scale });
  return known;
}

/** Moves from a snapshot to the places in `nodes` and `frames`: a function of 0 ... 1. */
export function moves(before, nodes, frames, chain) {
  const steps = [];
  for (const n of nodes.values()) {
    const was = before.get(n.id) ?? before.get(chain(n.id).find((id) => before.has(id)));
    const to = Object.fromEntries(BOX.map((name) => [name, n[name]]));
    const from = { ...to };
    if (was) [from.px, from.py] = [was.x, n.kind === "frame" ? was.y - was.h / 2 + 14 : was.y];
    if (was && n.kind === "supernode" && before.has(n.id)) [from.pw, from.ph, from.body] = [was.w, was.h, was.h];
    steps.push([n, from, to, BOX, before.has(n.id) ? 1 : 0]);
  }
  for (const f of frames) {
    const was = before.get(f.id) ?? before.get(chain(f.id).find((id) => before.has(id)));
    const to = Object.fromEntries(FRAME.map((name) => [name, f[name]]));
    const from = was ? { left: was.x - was.w / 2, top: was.y - was.h / 2, width: was.w, height: was.h } : to;
    steps.push([f, from, to, FRAME, before.has(f.id) ? 1 : 0]);
  }
  return (t) => {
    for (const [thing, from, to, names, alpha] of steps) {
      for (const name of names) thing[name] = from[name] + t * (to[name] - from[name]);
      thing.alpha = alpha + t * (1 - alpha);
    }
  };
}
