// Outlines, hatch and fill that the shapes of nodes share.

const HATCH_STEP = 5;

export function roundBox(ctx, x, y, w, h, r) {
  ctx.beginPath();
  ctx.roundRect(x - w / 2, y - h / 2, w, h, Math.min(r, h / 2, w / 2));
}

export function polygon(ctx, x, y, r, sides, turn) {
  ctx.beginPath();
  for (let i = 0; i < sides; i++) {
    const angle = turn + (i * 2 * Math.PI) / sides;
    ctx[i ? "lineTo" : "moveTo"](x + r * Math.cos(angle), y + r * Math.sin(angle));
  }
  ctx.closePath();
}

/** Diagonal lines inside the path just made. */
export function hatch(ctx, palette, x, y, w, h) {
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

export function paint(ctx, palette, path, { x, y, w, h, fill, line, width, dead }) {
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
