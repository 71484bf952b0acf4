// Drawing one node on the canvas: shape is kind, hue is role, ink is choice, hatch is ablated.

import { insetOf, nameLines, stepOf } from "./boxwords.js";
import { roleOf } from "./dom.js";
import { hatch, paint, polygon, roundBox } from "./paint.js";
import { fit, font, sized, write } from "./text.js";

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
  if (s.part && !s.dead) partHatch(ctx, palette, n, s.part);
  supernodeWords(ctx, palette, n, s.dead, s.dead || s.part ? "bg-1" : null);
}

/** Badge and count in one line, the name under it on one or two, and where it is if there is room. */
function supernodeWords(ctx, palette, n, dead, halo) {
  const narrow = n.pw < 66;
  const inset = narrow ? 5 : 8;
  const left = n.px - n.pw / 2 + inset;
  const top = n.py - n.ph / 2 + insetOf(n.h);
  const w = badge(ctx, palette, n.name, left, top, roleOf(n.name), dead);
  counts(ctx, palette, n, left + n.pw - 2 * inset - 1, top, n.pw - w - 2 * inset - 3, halo);
  const room = n.pw - 2 * inset;
  const { lines, size, weight } = nameLines(ctx, palette, n.short ?? n.label, room, n.py + n.ph / 2 - top, narrow);
  const step = stepOf(palette, size);
  const first = top + 18 + step;
  lines.forEach((line, i) => write(ctx, palette, line, left, first + i * step, { size, weight, halo }));
  const under = first + lines.length * step;
  if (!n.sub || under > n.py + n.ph / 2 - 5) return;
  ctx.font = font(palette, narrow ? 11 : 12);
  write(ctx, palette, fit(ctx, n.sub, room), left, under, { size: narrow ? 11 : 12, colour: "ink-2", halo });
}

/** How many nodes a box holds, after a hexagon where they are heads: "⬡ 7", or "⬡ 1 of 8". */
function counts(ctx, palette, n, right, top, room, halo) {
  ctx.font = font(palette, 12);
  const [all, some] = [String(n.count), n.heads && n.heads < n.count ? `${n.heads} of ${n.count}` : String(n.count)];
  const wide = (text) => ctx.measureText(text).width;
  const text = n.heads && wide(some) + 14 <= room ? some : all;
  if (wide(text) > room) return;
  write(ctx, palette, text, right, top + 13.5, { size: 12, colour: "ink-2", align: "right", halo });
  const x = right - wide(text) - 9;
  if (!n.heads || right - x + 6 > room) return;
  polygon(ctx, x, top + 9.3, 5.5, 6, Math.PI / 6);
  ctx.strokeStyle = palette.css("kind-head");
  ctx.lineWidth = 1.3;
  ctx.stroke();
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
  const text = room > 24 ? fit(ctx, n.short ?? n.label, room) : "";
  if (text) {
    titleGround(ctx, palette, n, left + w + 9, top, ctx.measureText(text).width + 10);
    write(ctx, palette, text, left + w + 14, top + 18.5, { size: 13, weight: 600 });
  }
  if (n.pw <= 90) return;
  ctx.font = font(palette, 12);
  const aside = ctx.measureText(note).width + 10;
  titleGround(ctx, palette, n, left + n.pw - aside - 4, top, aside);
  write(ctx, palette, note, left + n.pw - 9, top + 18.5, { size: 12, colour: "ink-2", align: "right" });
}

/** Edges out of what an opened box holds pass behind the words of its title, not through them. */
function titleGround(ctx, palette, n, left, top, width) {
  ctx.beginPath();
  ctx.roundRect(left, top + 4, width, 20, 4);
  ctx.fillStyle = palette.mix(roleOf(n.name), 0.08, "bg-1");
  ctx.fill();
}

export function frameGround(ctx, palette, f, s) {
  const role = roleOf(f.name);
  ctx.save();
  ctx.globalAlpha = f.alpha ?? 1;
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
  ctx.restore();
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
  const size = sized(ctx, palette, n.label, n.pw - 32, 12, 500);
  write(ctx, palette, n.label, n.px + 17, n.py + 4, { size, weight: 500, halo: "bg-1" });
}

function small(sides, turn) {
  return (ctx, palette, n, s) => {
    const path = () => polygon(ctx, n.px, n.py, 7.5, sides, turn);
    paint(ctx, palette, path, {
      x: n.px, y: n.py, w: 16, h: 16, dead: s.dead, width: s.selected ? 2.5 : 1.3,
      fill: palette.css("bg-2"), line: palette.css(s.selected || s.hover ? "ink-1" : `kind-${n.kind}`),
    });
    if (!n.label || n.terse) return;
    const size = sized(ctx, palette, n.label, n.pw - 18, 12, 400);
    write(ctx, palette, n.label, n.px + 11, n.py + 4, { size, colour: "ink-3", halo: "bg-1" });
  };
}

function token(ctx, palette, n, s) {
  const path = () => roundBox(ctx, n.px, n.py, n.pw, n.ph, 4);
  const line = s.selected || s.hover ? "ink-1" : n.used ? "kind-token" : "line-2";
  paint(ctx, palette, path, {
    x: n.px, y: n.py, w: n.pw, h: n.ph, dead: s.dead, width: s.selected ? 2.5 : n.used ? 1.2 : 1,
    fill: palette.css(n.used ? "bg-2" : "bg-1"), line: palette.css(line),
  });
  const size = sized(ctx, palette, n.label.trim(), n.pw - 4, 13, 400, true);
  const text = whole(fit(ctx, n.label.trim(), n.pw - 4));
  write(ctx, palette, text, n.px, n.py + 4.3, { size, mono: true, colour: n.used ? "ink-1" : "ink-3", align: "center" });
}

/** Nothing rather than a stub of one or two letters. */
const whole = (text) => (text.endsWith("\u2026") && text.length < 4 ? "" : text);

function logit(ctx, palette, n, s) {
  const path = () => roundBox(ctx, n.px, n.py, n.pw, n.ph, 13);
  paint(ctx, palette, path, {
    x: n.px, y: n.py, w: n.pw, h: n.ph, dead: s.dead, width: 1.2,
    fill: palette.css(n.lead ? "ink-1" : "bg-2"), line: palette.css(n.lead || s.hover ? "ink-1" : "line-2"),
  });
  const number = s.number === null || s.number === undefined ? "" : s.number.toFixed(2);
  ctx.font = font(palette, 12);
  const aside = number ? ctx.measureText(number).width + 8 : 0;
  const label = n.label.trim() || n.label;
  const room = n.pw - 14 - aside;
  const size = sized(ctx, palette, label, room, 14, 600, true);
  const colour = n.lead ? "bg-0" : "ink-2";
  write(ctx, palette, whole(fit(ctx, label, room)), n.px - aside / 2, n.py + 4.8, { size, weight: 600, mono: true, colour, align: "center" });
  if (number) write(ctx, palette, number, n.px + n.pw / 2 - 10, n.py + 4.4, { size: 12, colour, align: "right" });
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

/** "× 0.5" at the corner of a scaled node, or how many nodes in a closed one are. */
function tag(ctx, palette, n, text) {
  ctx.font = font(palette, 11, 600);
  const w = ctx.measureText(text).width + 10;
  const boxed = n.kind === "supernode" || n.kind === "frame";
  const x = boxed ? n.px + n.pw / 2 - w - 6 : n.px + 4;
  const y = n.py - (boxed ? n.ph / 2 + 8 : 18);
  ctx.beginPath();
  ctx.roundRect(x, y, w, 16, 3);
  ctx.fillStyle = palette.css("bg-3");
  ctx.fill();
  ctx.strokeStyle = palette.css("ink-3");
  ctx.lineWidth = 1;
  ctx.stroke();
  write(ctx, palette, text, x + w / 2, y + 12, { size: 11, weight: 600, align: "center" });
}

export function drawNode(ctx, palette, n, s) {
  ctx.save();
  ctx.globalAlpha = (s.faded ? 0.45 : 1) * (n.alpha ?? 1);
  (KINDS[n.kind] ?? feature)(ctx, palette, n, s);
  if (s.factor !== 0 && s.factor !== 1 && s.own) tag(ctx, palette, n, times(s.factor));
  else if (s.inside?.length) tag(ctx, palette, n, s.inside.length > 1 ? `${s.inside.length} scaled` : `${s.inside[0][0]} ${times(s.inside[0][1])}`);
  ctx.restore();
}

const times = (factor) => `\u00d7 ${+factor.toFixed(2)}`;
