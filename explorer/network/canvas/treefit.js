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

/** The end of a text that fits, after an ellipsis: what tells it from one that begins the same. */
export function tail(text, room, font) {
  let from = 1;
  while (from < text.length && measure(`\u2026${text.slice(from)}`, font) > room) from += 1;
  const kept = text.slice(from).replace(/^[ \u00b7,_]+/, "");
  return kept.length >= ENOUGH / 2 ? `\u2026${kept}` : "";
}

/** Shortened names that would read the same show their ends instead; those that still would say nothing. */
export function dropTwins(cells) {
  for (const cell of twins(cells)) cell.lines = cell.ending ? [cell.ending].filter(Boolean) : [];
  for (const cell of twins(cells)) cell.lines = [];
}

function twins(cells) {
  const key = (cell) => `${cell.level}|${cell.above}|${cell.lines.join(" ")}`;
  const often = new Map();
  const short = cells.filter((cell) => !cell.whole && cell.lines.length);
  for (const cell of short) often.set(key(cell), (often.get(key(cell)) ?? 0) + 1);
  return short.filter((cell) => often.get(key(cell)) > 1);
}
