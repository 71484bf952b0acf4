// Words on the canvas: sizes that stay readable, shortening, lines.

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

/** A line may end after a space or an underscore, but "k 5", "cos 5" and "\u2192 39" stay together. */
export const BREAKS = /(?<=(?<!(?:^|[ \u00b7])(?:k|cos|\u2192))[ _])/;

/** Text on at most two lines; the second is shortened. */
export function wrap(ctx, text, room) {
  if (!text || ctx.measureText(text).width <= room) return [text ?? ""];
  const words = text.split(BREAKS);
  let first = "";
  while (words.length > 1 && ctx.measureText((first + words[0]).trimEnd()).width <= room) first += words.shift();
  if (!first) return [fit(ctx, text, room)];
  const kept = first.replace(/[ \u00b7]+$/, "");
  return [kept, fit(ctx, words.join("").replace(/^[ \u00b7]+/, ""), room)];
}

/** The largest size at which text fits, but never one that cannot be read (`palette.least`). */
export function sized(ctx, palette, text, room, size, weight, mono = false) {
  ctx.font = font(palette, size, weight, mono);
  const width = text ? ctx.measureText(text).width : 0;
  if (width <= room) return size;
  const least = Math.min(size, (palette.least ?? 10.5) / (palette.grow ?? 1));
  const found = Math.max(least, (0.99 * size * room) / width);
  ctx.font = font(palette, found, weight, mono);
  return found;
}

export const forgetWidths = () => widths.clear();

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
