// The line under the network that says what shapes and edges mean.

import { element, svg } from "./dom.js";

export function legend() {
  const sign = (width, ...children) => svg("svg", { width, height: 14, viewBox: `0 0 ${width} 14`, "aria-hidden": "true" }, ...children);
  const entry = (name, wide, glyph) => element("span", { class: wide ? "wide" : "" }, glyph, name);
  const outline = (tag, attributes, kind) => svg(tag, { ...attributes, fill: "none", stroke: `var(--${kind})`, "stroke-width": 1.4 });
  return element(
    "div", { class: "legend", "aria-hidden": "true" },
    entry("supernode", false, sign(16, outline("rect", { x: 1, y: 1, width: 14, height: 12, rx: 3 }, "ink-2"))),
    entry("feature", false, sign(16, svg("circle", { cx: 8, cy: 7, r: 5, fill: "var(--ink-2)" }))),
    entry("head", false, sign(16, outline("path", { d: "M8 .8l5.4 3.1v6.2L8 13.2l-5.4-3.1V3.9z" }, "kind-head"))),
    entry("error", false, sign(16, outline("path", { d: "M8 1.5l5.5 5.5L8 12.5 2.5 7z" }, "kind-error"))),
    entry("token", true, sign(16, outline("rect", { x: 2, y: 1.5, width: 12, height: 11, rx: 2 }, "kind-token"))),
    entry("position", true, sign(16, outline("path", { d: "M8 2.5l5 8.5H3z" }, "kind-position"))),
    element("span", { class: "push" }),
    entry("supports", false, sign(24, svg("path", { d: "M0 7h16", stroke: "var(--pos)", "stroke-width": 3 }), svg("path", { d: "M16 2l7 5-7 5z", fill: "var(--pos)" }))),
    entry("opposes", false, sign(24, svg("path", { d: "M0 7h20", stroke: "var(--neg)", "stroke-width": 3 }), svg("path", { d: "M21 1.5v11", stroke: "var(--neg)", "stroke-width": 2.6 }))),
    entry("ablated", false, sign(24, svg("path", { d: "M0 7h24", stroke: "var(--ink-3)", "stroke-width": 2, "stroke-dasharray": "2 4" }))),
  );
}
