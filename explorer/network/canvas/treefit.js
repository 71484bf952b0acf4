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

/** The end of a text that fits, after an ellipsis. */
function tail(text, room, font) {
  let from = 1;
  while (from < text.length && measure(`\u2026${text.slice(from)}`, font) > room) from += 1;
  const half = text[from - 1] === " " ? text.slice(from) : text.slice(from).replace(/^\S+ (?=\S)/, ""); // no half a word
  const kept = half.replace(/^[ \u00b7,_]+/, "");
  return kept.length >= ENOUGH / 2 ? `\u2026${kept}` : "";
}

/** A text from its word number `from` on, with as many words before it as fit. */
function onwards({ text, room, font }, from) {
  const words = text.split(BREAKS);
  const rest = (at) => (at ? `\u2026${words.slice(at).join("")}` : text);
  if (from >= words.length) return "";
  if (measure(rest(from), font) > room) return shortened(rest(from), room, font);
  let at = from;
  while (at && measure(rest(at - 1), font) <= room) at -= 1;
  return rest(at);
}

/** Words that all of these texts begin with. */
function shared(texts) {
  const [first, ...others] = texts.map((text) => text.split(BREAKS));
  const same = first.findIndex((word, i) => others.some((words) => words[i] !== word));
  return same < 0 ? first.length : same;
}

/** Shortened names that would read the same leave out what they begin with; then show their ends; then say nothing.
 * Each cell has its `lines`, whether they are `whole`, and the `text`, `room` and `font` that they were made of. */
export function dropTwins(cells) {
  for (const group of twins(cells)) {
    const from = shared(group.map((cell) => cell.text));
    for (const cell of group) cell.lines = [onwards(cell, from)].filter(Boolean);
  }
  for (const cell of twins(cells).flat()) cell.lines = [tail(cell.text, cell.room, cell.font)].filter(Boolean);
  for (const cell of twins(cells).flat()) cell.lines = [];
}

/** Groups of cells beside each other that are shortened to the same. */
function twins(cells) {
  const groups = new Map();
  for (const cell of cells) {
    if (cell.whole || !cell.lines.length) continue;
    const key = `${cell.level}|${cell.above}|${cell.lines.join(" ")}`;
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}
