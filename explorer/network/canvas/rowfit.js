// One row of words (tokens, logits): how wide each may be, and where it stands, so that as much text
// as possible is whole and nothing overlaps.
//
// 1. Every word wants its full width; where the row is too short all shrink alike, down to the
//    smallest readable size; after that the words that no edge touches are cut first.
// 2. Centres move as little as they must: isotonic regression (pool adjacent violators) on the
//    distances, weighted so that what carries edges stays at its column.

const MARK = 14; // px; a word that no edge touches may shrink to a mark
const LETTER = 0.602; // width of a letter of the monospaced font, in em

/** Width a word takes at a font size, with `more` beside it. */
const wide = (word, size, more) => LETTER * size * word.length + more;

/** Widths of a row's words that add up to at most `room`. */
export function widths(words, room) {
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const full = words.map((w) => w.full);
  if (sum(full) <= room) return full;
  const small = words.map((w) => w.small);
  if (sum(small) <= room) {
    const share = (room - sum(small)) / (sum(full) - sum(small));
    return words.map((w) => w.small + share * (w.full - w.small));
  }
  const used = sum(words.map((w) => (w.used ? w.small : w.least)));
  if (used <= room) return capped(words.map((w) => (w.used ? { ...w, least: w.small } : w)), room);
  return capped(words, room);
}

/** The largest cap on width that fits: no word gets more than it needs or less than its least. */
function capped(words, room) {
  const at = (cap) => words.map((w) => Math.max(w.least, Math.min(w.small, cap)));
  let low = 0;
  let high = Math.max(...words.map((w) => w.small));
  for (let i = 0; i < 24; i++) {
    const cap = (low + high) / 2;
    if (at(cap).reduce((a, b) => a + b, 0) <= room) low = cap;
    else high = cap;
  }
  return at(low);
}

/** Centres nearest to the wished ones that keep `size` and `gap` apart, inside `from` ... `to`. */
export function spread(wished, sizes, weights, gap, from, to) {
  const offset = [0];
  for (let i = 1; i < sizes.length; i++) offset.push(offset[i - 1] + (sizes[i - 1] + sizes[i]) / 2 + gap);
  const pools = [];
  wished.forEach((x, i) => {
    pools.push({ sum: (x - offset[i]) * weights[i], weight: weights[i], count: 1 });
    while (pools.length > 1) {
      const [a, b] = pools.slice(-2);
      if (a.sum / a.weight <= b.sum / b.weight) break;
      pools.splice(-2, 2, { sum: a.sum + b.sum, weight: a.weight + b.weight, count: a.count + b.count });
    }
  });
  const low = from + sizes[0] / 2;
  const high = to - sizes[sizes.length - 1] / 2 - offset[offset.length - 1];
  const base = pools.flatMap((p) => Array(p.count).fill(Math.max(low, Math.min(high, p.sum / p.weight))));
  return base.map((x, i) => x + offset[i]);
}

/** Settle a row of nodes in place: `px` and `pw` change. `size` and `least` are font sizes. */
export function fitRow(row, { size, least, gap, from, to, beside }) {
  if (!row.length) return;
  const nodes = [...row].sort((a, b) => a.px - b.px);
  const words = nodes.map((n) => {
    if (n.kind !== "token" && n.kind !== "logit") return { full: n.pw, small: n.pw, least: n.pw, used: true };
    const pad = n.kind === "logit" ? 22 : 12;
    const more = pad + (n.lead ? beside : 0);
    const word = (n.label ?? "").trim();
    const small = Math.max(n.kind === "logit" ? 34 : 18, wide(word, least, more - 7));
    return { full: Math.max(n.kind === "logit" ? 40 : 26, wide(word, size, more)), small, least: Math.min(n.used ? n.w : MARK, small), used: n.used };
  });
  const sizes = widths(words, to - from - gap * (nodes.length - 1));
  const weights = nodes.map((n) => (n.used ? 4 : 1));
  const centres = spread(nodes.map((n) => n.px), sizes, weights, gap, from, to);
  nodes.forEach((n, i) => {
    n.px = centres[i];
    n.pw = sizes[i];
    n.spread = n.pw * 0.5;
  });
}
