// The name in the box of a supernode: it stands under the badge and never leaves the box.

import { fit, font, wrap } from "./text.js";

const HEAD = 23; // px; the badge, and what stays free under the last line
const STEP = 1.15; // between lines, in sizes of the font

/** From the upper border to the badge; `least` is the height that the box has at least. */
export const insetOf = (least) => (least < 60 ? 5 : 7);

/** Height for two lines of the smallest readable size: where the picture is shown small, more than Python's.
 * No more than some 6 px, which borders of frames and gaps between rows have room for. */
export const heightFor = (height, size) => Math.max(height, insetOf(height) + HEAD + 2 * STEP * size);

/** Baselines' distance at a font size. */
export const stepOf = (palette, size) => size * palette.grow * STEP;

/** A name at its full size on two lines, or smaller where it would be cut or stand on the border; as many
 * lines as there is room for. `deep` is the height from the upper border of the badge to the lower one of the box. */
export function nameLines(ctx, palette, text, room, deep, narrow) {
  const weight = narrow ? 500 : 600;
  const full = narrow ? 11.5 : 13;
  const least = Math.min(full, palette.least / palette.grow);
  for (const size of [full, (full + least) / 2, least]) {
    ctx.font = font(palette, size, weight);
    const most = Math.floor((deep - HEAD) / stepOf(palette, size) + 1e-6);
    const lines = wrap(ctx, text, room);
    const fits = lines.length <= most && !lines.some((line) => line.endsWith("\u2026"));
    if (fits) return { lines: lines.filter(Boolean), size, weight };
    if (size !== least) continue;
    const kept = lines.length <= most ? lines : most > 0 ? [fit(ctx, text, room)] : [];
    return { lines: kept.filter(Boolean), size, weight };
  }
}
