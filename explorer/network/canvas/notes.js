// What the tooltip says, as lines of [text, class]; and which nodes can be changed at all.

import { signed } from "./dom.js";

export const canChange = (app, node) => Boolean(node) && !["token", "position", "bias", "logit"].includes(node.kind) && node.fixed !== true;

/** What is known of a node beyond the words drawn on it: its effect, what ablating it does, its state. */
export function nodeLines(app, n) {
  const kind = { frame: "supernode" }[n.kind] ?? n.kind;
  const heads = n.heads ? (n.heads === n.count ? `${n.heads} heads` : `${n.count} nodes, ${n.heads} of them heads`) : "";
  const what = n.count ? `${kind}, ${heads || `${n.count} node${n.count === 1 ? "" : "s"}`}` : kind;
  const named = ["feature", "head"].includes(n.kind) && n.title_label;
  const word = n.kind === "token" || n.kind === "logit" ? (n.label?.trim() ?? n.id) : n.id;
  const lines = [named ? [[n.title_label, "strong"], [` ${n.id}`, "dim mono"], [` ${what}`, "dim"]] : [[word, "strong mono"], [` ${what}`, "dim"]]];
  if (n.effect) lines.push([[signed(n.effect), n.effect < 0 ? "neg strong" : "pos strong"], [` direct effect on ${app.graph.answer}`, ""]]);
  if (n.notes?.length) lines.push([[n.notes.join(" \u00b7 "), "dim"]]);
  const factor = app.store.scale(n.id);
  const part = app.store.partly(n.id);
  if (part > 0) lines.push([[`${Math.max(1, Math.round(100 * part))} % of its nodes ablated`, "dim"]]);
  if (factor === 0) lines.push([["ablated", "dim"]]);
  else if (factor !== 1) lines.push([[`\u00d7 ${+factor.toFixed(2)}`, "dim"]]);
  const last = app.data.effects?.[n.id];
  if (last) lines.push([["ablating it: ", "dim"], [last, ""]]);
  return lines;
}

export function edgeLines(nodes, e) {
  const name = (id) => {
    const n = nodes.get(id);
    return n.kind === "token" || n.kind === "logit" ? n.label : n.title_label || n.title || n.id;
  };
  const lines = [
    [[`${name(e.from)} \u2192 ${name(e.to)}`, "mono strong"]],
    [[signed(e.effect), e.effect < 0 ? "neg strong" : "pos strong"], [e.count > 1 ? ` sum of ${e.count} edges` : " direct effect", ""]],
  ];
  if (e.share !== null && e.share !== undefined) lines[1].push([`, ${Math.round(100 * e.share)} % of its input`, ""]);
  if (e.count > 1) lines.push([[`\u03a3|\u00b7| ${e.total.toFixed(2)} \u00b7 largest ${signed(e.largest)}`, "dim"]]);
  return lines;
}
