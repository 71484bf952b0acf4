// Drawing one node on the canvas: shape is kind, hue is role, ink is choice, hatch is ablated.

import { roleOf } from "./dom.js";

const HATCH_STEP = 5;
const widths = new Map();

/** Text grows by `palette.grow` where the whole picture is shown smaller, so that it stays readable. */
export const font = (palette, size, weight = 400, mono = false) =>
  `${weight} ${size * (palette.grow ?? 1)}px ${mono ? palette.mono : palette.ui}`;

/** Text shortened with an ellipsis to fit; widths are remembered. */
export function fit(ctx, text, room) {
  if (!text) return "";
  const key = `${ctx.font}|${text}|${Math.round(room)}`;
  if (widths.has(key)) return widths.get(key);
  let shown = text;
  if (ctx.measureText(text).width > room) {
    let low = 0;
    let high = text.length;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (ctx.measureText(`${text.slice(0, middle)}\u2026`).width <= room) low = middle;
      else high = middle - 1;
    }
    shown = low ? `${text.slice(0, low)}\u2026` : "";
  }
  if (widths.size > 4000) widths.clear();
  widths.set(key, shown);
  return shown;
}

/** Text on at most two lines, broken after a space or an underscore; the second is shortened. */
export function wrap(ctx, text, room) {
  if (!text || ctx.measureText(text).width <= room) return [text ?? ""];
  const words = text.split(/(?<=[ _])/);
  let first = "";
  while (words.length > 1 && ctx.measureText((first + words[0]).trimEnd()).width <= room) first += words.shift();
  if (!first) return [fit(ctx, text, room)];
  const kept = first.replace(/[ \u00b7]+$/, "");
  return [kept, fit(ctx, words.join("").replace(/^[ \u00b7]+/, ""), room)];
}

/** The size at which text fits: grown with the others, or as it is where that is too wide. */
function sized(ctx, palette, text, room, size, weight, mono = false) {
  ctx.font = font(palette, size, weight, mono);
  if (!text || ctx.measureText(text).width <= room) return size;
  const plain = size / (palette.grow ?? 1);
  ctx.font = font(palette, plain, weight, mono);
  return plain;
}

export const forgetWidths = () => widths.clear();

function roundBox(ctx, x, y, w, h, r) {
  ctx.beginPath();
  ctx.roundRect(x - w / 2, y - h / 2, w, h, Math.min(r, h / 2, w / 2));
}

function polygon(ctx, x, y, r, sides, turn) {
  ctx.beginPath();
  for (let i = 0; i < sides; i++) {
    const angle = turn + (i * 2 * Math.PI) / sides;
    ctx[i ? "lineTo" : "moveTo"](x + r * Math.cos(angle), y + r * Math.sin(angle));
  }
  ctx.closePath();
}

/** Diagonal lines inside the path just made. */
function hatch(ctx, palette, x, y, w, h) {
  ctx.save();
  ctx.clip();
  ctx.beginPath();
  for (let d = -h; d < w + h; d += HATCH_STEP) {
    ctx.moveTo(x - w / 2 + d, y + h / 2);
    ctx.lineTo(x - w / 2 + d + h, y - h / 2);
  }
  ctx.strokeStyle = palette.css("ablated-hatch");
  ctx.lineWidth = 1.5;
  ctx.setLineDash([]);
  ctx.stroke();
  ctx.restore();
}

function paint(ctx, palette, path, { x, y, w, h, fill, line, width, dead }) {
  path();
  ctx.fillStyle = dead ? palette.css("bg-1") : fill;
  ctx.fill();
  if (dead) {
    hatch(ctx, palette, x, y, w, h);
    path();
    ctx.setLineDash([4, 3]);
  }
  ctx.strokeStyle = dead ? palette.css("ablated-line") : line;
  ctx.lineWidth = width;
  ctx.stroke();
  ctx.setLineDash([]);
}

/** Text with a halo in the panel's colour, readable over edges. */
export function write(ctx, palette, text, x, y, { size = 12, weight = 400, colour = "ink-1", align = "left", mono = false, halo = null } = {}) {
  ctx.font = font(palette, size, weight, mono);
  ctx.textAlign = align;
  ctx.textBaseline = "alphabetic";
  if (halo) {
    ctx.lineWidth = 4;
    ctx.lineJoin = "round";
    ctx.strokeStyle = palette.css(halo);
    ctx.strokeText(text, x, y);
  }
  ctx.fillStyle = palette.css(colour);
  ctx.fillText(text, x, y);
}

export function badge(ctx, palette, name, x, y, role, dead) {
  ctx.font = font(palette, 12, 700);
  const w = Math.max(18, ctx.measureText(name).width + 8);
  ctx.beginPath();
  ctx.roundRect(x, y, w, 18, 4);
  ctx.fillStyle = palette.css(dead ? "ink-2" : role);
  ctx.fill();
  write(ctx, palette, name, x + w / 2, y + 13.2, { size: 12, weight: 700, colour: "ink-inv", align: "center" });
  return w;
}

function supernode(ctx, palette, n, s) {
  const role = roleOf(n.name);
  const path = () => roundBox(ctx, n.px, n.py, n.pw, n.ph, 8);
  paint(ctx, palette, path, {
    x: n.px, y: n.py, w: n.pw, h: n.ph, dead: s.dead, width: s.selected ? 2.5 : s.hover ? 1.8 : 1.4,
    fill: palette.mix(role, s.hover ? 0.24 : 0.14),
    line: s.selected || s.hover ? palette.css("ink-1") : palette.css(role),
  });
  const left = n.px - n.pw / 2;
  const top = n.py - n.ph / 2;
  const halo = s.dead || s.part ? "bg-1" : null;
  if (s.part && !s.dead) partHatch(ctx, palette, n, s.part);
  const narrow = n.pw < 66;
  const inset = narrow ? 5 : 8;
  const w = badge(ctx, palette, n.name, left + inset, top + inset, role, s.dead);
  const count = String(n.count);
  ctx.font = font(palette, 12);
  if (w + ctx.measureText(count).width + 2 * inset + 3 <= n.pw) {
    write(ctx, palette, count, left + n.pw - inset - 1, top + inset + 13.5, { size: 12, colour: "ink-2", align: "right", halo });
  }
  const text = n.short ?? n.label;
  if (n.ph < 46) {
    ctx.font = font(palette, 13, 600);
    write(ctx, palette, fit(ctx, text, n.pw - w - 46), left + w + 14, top + 21.5, { size: 13, weight: 600, halo });
    return;
  }
  const room = n.pw - 2 * inset;
  const weight = narrow ? 500 : 600;
  const size = sized(ctx, palette, text, room, narrow ? 11.5 : 13, weight);
  const lines = wrap(ctx, text, room);
  const step = narrow ? 13.5 : 15.5;
  const first = top + inset + (narrow ? 32 : 33);
  lines.forEach((line, i) => write(ctx, palette, line, left + inset + 1, first + i * step, { size, weight, halo }));
  if (lines.length > 1 || !n.sub || n.ph <= 58) return;
  ctx.font = font(palette, narrow ? 11 : 12);
  write(ctx, palette, fit(ctx, n.sub, room), left + inset + 1, first + 16, { size: narrow ? 11 : 12, colour: "ink-2", halo });
}

/** The right-hand share of a closed box: so much of what it holds is ablated. */
function partHatch(ctx, palette, n, part) {
  const width = Math.max(10, n.pw * part);
  const x = n.px + n.pw / 2 - width / 2;
  ctx.save();
  roundBox(ctx, n.px, n.py, n.pw, n.ph, 8);
  ctx.clip();
  ctx.beginPath();
  ctx.rect(x - width / 2, n.py - n.ph / 2, width, n.ph);
  ctx.fillStyle = palette.css("bg-1");
  ctx.fill();
  hatch(ctx, palette, x, n.py, width, n.ph);
  ctx.beginPath();
  ctx.moveTo(x - width / 2, n.py - n.ph / 2);
  ctx.lineTo(x - width / 2, n.py + n.ph / 2);
  ctx.strokeStyle = palette.css("ablated-line");
  ctx.lineWidth = 1;
  ctx.setLineDash([4, 3]);
  ctx.stroke();
  ctx.restore();
}

/** Title strip of an opened supernode; its ground is drawn under the edges. */
function frame(ctx, palette, n, s) {
  const left = n.px - n.pw / 2;
  const top = n.py - n.ph / 2;
  const w = badge(ctx, palette, n.name, left + 8, top + 5, roleOf(n.name), s.dead);
  const note = n.more ? `${n.count}, ${n.more} folded \u25be` : `${n.count} \u25be`;
  ctx.font = font(palette, 12);
  const room = n.pw - w - 30 - ctx.measureText(note).width;
  ctx.font = font(palette, 13, 600);
  if (room > 24) write(ctx, palette, fit(ctx, n.short ?? n.label, room), left + w + 14, top + 18.5, { size: 13, weight: 600, halo: "bg-1" });
  if (n.pw > 90) write(ctx, palette, note, left + n.pw - 9, top + 18.5, { size: 12, colour: "ink-2", align: "right", halo: "bg-1" });
}

export function frameGround(ctx, palette, f, s) {
  const role = roleOf(f.name);
  ctx.beginPath();
  ctx.roundRect(f.left, f.top, f.width, f.height, 10);
  ctx.fillStyle = palette.mix(role, 0.05 + 0.03 * f.depth);
  ctx.fill();
  if (s.dead) hatch(ctx, palette, f.left + f.width / 2, f.top + f.height / 2, f.width, f.height);
  ctx.beginPath();
  ctx.roundRect(f.left, f.top, f.width, f.height, 10);
  if (s.dead) ctx.setLineDash([4, 3]);
  ctx.strokeStyle = s.selected || s.hover ? palette.css("ink-1") : palette.css(s.dead ? "ablated-line" : role, 0.55);
  ctx.lineWidth = s.selected ? 2.5 : 1.2;
  ctx.stroke();
  ctx.setLineDash([]);
}

function feature(ctx, palette, n, s) {
  const hue = n.name ? roleOf(n.name) : "kind-feature";
  const r = s.hover ? 7.5 : 6.5;
  const path = () => {
    ctx.beginPath();
    ctx.arc(n.px, n.py, r, 0, 2 * Math.PI);
  };
  paint(ctx, palette, path, {
    x: n.px, y: n.py, w: 2 * r, h: 2 * r, dead: s.dead, width: 1.4,
    fill: n.silent ? palette.css("bg-1") : palette.css(hue),
    line: palette.css(s.hover ? "ink-1" : n.silent ? hue : "bg-1", n.silent && !s.hover ? 0.6 : 1),
  });
  if (!s.selected) return;
  ctx.beginPath();
  ctx.arc(n.px, n.py, r + 4, 0, 2 * Math.PI);
  ctx.strokeStyle = palette.css("ink-1");
  ctx.lineWidth = 2.2;
  ctx.stroke();
}

function head(ctx, palette, n, s) {
  const path = () => polygon(ctx, n.px, n.py, 13, 6, Math.PI / 6);
  paint(ctx, palette, path, {
    x: n.px, y: n.py, w: 26, h: 26, dead: s.dead, width: s.selected ? 2.5 : 1.4,
    fill: palette.mix(n.name ? roleOf(n.name) : "kind-head", s.hover ? 0.3 : 0.16, "bg-2"),
    line: palette.css(s.selected || s.hover ? "ink-1" : "kind-head"),
  });
  write(ctx, palette, n.label, n.px + 18, n.py + 4, { size: 12, weight: 500, halo: "bg-1" });
}

function small(sides, turn) {
  return (ctx, palette, n, s) => {
    const path = () => polygon(ctx, n.px, n.py, 7.5, sides, turn);
    paint(ctx, palette, path, {
      x: n.px, y: n.py, w: 16, h: 16, dead: s.dead, width: s.selected ? 2.5 : 1.3,
      fill: palette.css("bg-2"), line: palette.css(s.selected || s.hover ? "ink-1" : `kind-${n.kind}`),
    });
    if (n.label && !n.terse) write(ctx, palette, n.label, n.px + 11, n.py + 4, { size: 12, colour: "ink-3", halo: "bg-1" });
  };
}

function token(ctx, palette, n, s) {
  const path = () => roundBox(ctx, n.px, n.py, n.pw, n.ph, 4);
  const line = s.selected || s.hover ? "ink-1" : n.used ? "kind-token" : "line-2";
  paint(ctx, palette, path, {
    x: n.px, y: n.py, w: n.pw, h: n.ph, dead: s.dead, width: s.selected ? 2.5 : n.used ? 1.2 : 1,
    fill: palette.css(n.used ? "bg-2" : "bg-1"), line: palette.css(line),
  });
  const size = sized(ctx, palette, n.label, n.pw - 4, 13, 400, true);
  write(ctx, palette, fit(ctx, n.label, n.pw - 4), n.px, n.py + 4.3, { size, mono: true, colour: n.used ? "ink-1" : "ink-3", align: "center" });
}

function logit(ctx, palette, n, s) {
  const path = () => roundBox(ctx, n.px, n.py, n.pw, n.ph, 13);
  paint(ctx, palette, path, {
    x: n.px, y: n.py, w: n.pw, h: n.ph, dead: s.dead, width: 1.2,
    fill: palette.css(n.lead ? "ink-1" : "bg-2"), line: palette.css(n.lead || s.hover ? "ink-1" : "line-2"),
  });
  const size = sized(ctx, palette, n.label, n.pw - 10, 14, 600, true);
  write(ctx, palette, fit(ctx, n.label, n.pw - 10), n.px, n.py + 4.8, { size, weight: 600, mono: true, colour: n.lead ? "bg-0" : "ink-2", align: "center" });
  if (!s.selected) return;
  roundBox(ctx, n.px, n.py, n.pw + 8, n.ph + 8, 17);
  ctx.strokeStyle = palette.css("ink-1");
  ctx.lineWidth = 2.2;
  ctx.stroke();
}

const KINDS = {
  supernode, frame, feature, head, token, logit,
  error: small(4, 0),
  position: small(3, -Math.PI / 2),
  bias: small(3, Math.PI / 2),
};

/** "× 0.5" at the corner of a scaled node. */
function tag(ctx, palette, n, factor) {
  const text = `\u00d7 ${+factor.toFixed(2)}`;
  ctx.font = font(palette, 11, 600);
  const w = ctx.measureText(text).width + 10;
  const x = n.px + Math.min(n.pw / 2, n.pw / 2 + 2) - 8;
  const y = n.py - n.ph / 2 - 9;
  ctx.beginPath();
  ctx.roundRect(x, y, w, 16, 3);
  ctx.fillStyle = palette.css("bg-3");
  ctx.fill();
  write(ctx, palette, text, x + w / 2, y + 12, { size: 11, weight: 600, align: "center" });
}

export function drawNode(ctx, palette, n, s) {
  ctx.save();
  ctx.globalAlpha = s.faded ? 0.45 : 1;
  (KINDS[n.kind] ?? feature)(ctx, palette, n, s);
  if (s.factor !== 0 && s.factor !== 1 && s.own) tag(ctx, palette, n, s.factor);
  ctx.restore();
}
