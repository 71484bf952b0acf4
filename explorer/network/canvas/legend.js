// The line under the network that says what shapes and edges mean, and how wide an effect is drawn.

import { element, svg } from "./dom.js";

const sign = (width, ...children) => svg("svg", { width, height: 14, viewBox: `0 0 ${width} 14`, "aria-hidden": "true" }, ...children);
const outline = (tag, attributes, kind) => svg(tag, { ...attributes, fill: "none", stroke: `var(--${kind})`, "stroke-width": 1.4 });

const GLYPHS = {
  supernode: () => outline("rect", { x: 1, y: 1, width: 14, height: 12, rx: 3 }, "ink-2"),
  feature: () => svg("circle", { cx: 8, cy: 7, r: 5, fill: "var(--ink-2)" }),
  silent: () => outline("circle", { cx: 8, cy: 7, r: 4.6 }, "ink-2"),
  head: () => outline("path", { d: "M8 .8l5.4 3.1v6.2L8 13.2l-5.4-3.1V3.9z" }, "kind-head"),
  error: () => outline("path", { d: "M8 1.5l5.5 5.5L8 12.5 2.5 7z" }, "kind-error"),
  token: () => outline("rect", { x: 2, y: 1.5, width: 12, height: 11, rx: 2 }, "kind-token"),
  bias: () => outline("path", { d: "M3 3h10L8 11.5z" }, "kind-bias"),
  position: () => outline("path", { d: "M8 2.5l5 8.5H3z" }, "kind-position"),
};

const NAMES = { silent: "silent here" };

const short = (value) => (value >= 10 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(1) : value.toPrecision(1));

/** A wedge from the width of the smallest effect drawn to that of the largest. */
function wedge(from, to) {
  return sign(34, svg("path", { d: `M0 ${7 - from / 2}L34 ${7 - to / 2}V${7 + to / 2}L0 ${7 + from / 2}z`, fill: "var(--ink-3)" }));
}

export function createLegend() {
  const entry = (name, glyph, kind = "") => element("span", { class: kind }, glyph, name);
  const kinds = new Map(Object.entries(GLYPHS).map(([name, draw]) => [name, entry(NAMES[name] ?? name, sign(16, draw()))]));
  const ablated = entry("ablated", sign(24, svg("path", { d: "M0 7h24", stroke: "var(--ink-3)", "stroke-width": 2, "stroke-dasharray": "2 4" })));
  const scale = element("span", { "data-testid": "legend-scale" });
  const node = element(
    "div", { class: "legend", "aria-hidden": "true" }, ...kinds.values(), ablated, element("span", { class: "push" }), scale,
    entry("supports", sign(24, svg("path", { d: "M0 7h16", stroke: "var(--pos)", "stroke-width": 3 }), svg("path", { d: "M16 2l7 5-7 5z", fill: "var(--pos)" }))),
    entry("opposes", sign(24, svg("path", { d: "M0 7h20", stroke: "var(--neg)", "stroke-width": 3 }), svg("path", { d: "M21 1.5v11", stroke: "var(--neg)", "stroke-width": 2.6 }))),
  );
  return {
    node,
    /** Name only the kinds that are drawn, and say what the narrowest and the widest edge stand for.
     * The narrowest is the first that passes the filter: weaker ones stay only as some box's strongest. */
    describe(nodes, edges, least = 0) {
      const drawn = new Set([...nodes.values()].map((n) => (n.kind === "frame" ? "supernode" : n.kind)));
      if ([...nodes.values()].some((n) => n.heads)) drawn.add("head");
      if ([...nodes.values()].some((n) => n.silent)) drawn.add("silent");
      for (const [kind, item] of kinds) item.hidden = !drawn.has(kind);
      scale.hidden = edges.length < 2;
      if (scale.hidden) return;
      const passing = edges.filter((e) => Math.abs(e.effect) >= least); // sorted by width
      const [low, high] = [passing[0] ?? edges[0], edges[edges.length - 1]];
      const weaker = edges.length - passing.length;
      const ends = [low, high].map((e) => short(Math.abs(e.effect)));
      scale.title = `An edge is as wide as its |effect|${weaker ? `; ${weaker} under ${least} stay, as the strongest into or out of what they join` : ""}`;
      scale.replaceChildren(element("span", { class: "wide", text: "|effect|" }), ends[0], wedge(low.width, high.width), ends[1],
        weaker ? element("span", { class: "wide dim", text: `\u00b7 ${weaker} weaker` }) : "");
    },
    /** The dotted line is explained once there is one; its place is kept, or a line more would move every node. */
    changed: (any) => (ablated.style.visibility = any ? "visible" : "hidden"),
  };
}
