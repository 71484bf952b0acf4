// What a cell of the hierarchy can say in its room: whole words or none, never a clipped stub.

import { BREAKS } from "./text.js";

const ENOUGH = 6; // letters that a shortened name must keep to say anything

let context = null;

/** Width of text in a font, px. */
export function measure(text, font) {
  context ??= document.createElement("canvas").getContext("2d");
  context.font = font;
  return context.measureText(text).width;
}

/** Text on at most `most` lines of `room` px: { lines, whole }; lines is empty where too little fits. */
export function fitted(text, room, most, font) {
  if (!text || most < 1 || room < 12) return { lines: [], whole: !text };
  const words = text.split(BREAKS);
  const lines = [];
  let line = "";
  while (words.length) {
    if (measure((line + words[0]).trimEnd(), font) <= room) line += words.shift();
    else if (line && lines.length + 1 < most) {
      lines.push(line.trimEnd());
      line = "";
    } else break;
  }
  if (!words.length) return { lines: [...lines, line.trimEnd()], whole: true };
  const last = shortened(line + words.join(""), room, font);
  const kept = lines.join("").length + last.length - 1;
  return { lines: last && kept >= ENOUGH ? [...lines, last] : [], whole: false };
}

function shortened(text, room, font) {
  let length = text.length;
  while (length && measure(`${text.slice(0, length).trimEnd()}\u2026`, font) > room) length -= 1;
  return length ? `${text.slice(0, length).replace(/[ \u00b7,_]+$/, "")}\u2026` : "";
}

/** Shortened names that would read the same say nothing: none of them is shown. */
export function dropTwins(cells) {
  const key = (cell) => `${cell.level}|${cell.above}|${cell.lines.join(" ")}`;
  const often = new Map();
  for (const cell of cells) if (!cell.whole) often.set(key(cell), (often.get(key(cell)) ?? 0) + 1);
  for (const cell of cells) if (!cell.whole && often.get(key(cell)) > 1) cell.lines = [];
}
