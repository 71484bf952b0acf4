// The network: nodes live in vis-network (view, hit test, drawing order), edges are drawn under them.
//
// Python gives positions in its own units; here they are stretched to the panel. Stretching is the
// same for every node, so what did not overlap in Python does not overlap on the screen.

import { element } from "./dom.js";
import { drawEdge, edgeAt, routeEdges } from "./edges.js";
import { legend } from "./legend.js";
import { canChange, edgeLines, nodeLines } from "./notes.js";
import { drawNode, forgetWidths, frameGround, write } from "./shapes.js";

const ROOMY = { left: 72, right: 14, top: 14, bottom: 16 }; // row names stand at the left
const TIGHT = { left: 6, right: 6, top: 8, bottom: 8 };
const MOST_STRETCH = 3;

export function createNetwork(app, vis) {
  const { palette, store, tooltip } = app;
  const stage = element("div", {
    class: "stage", "data-testid": "canvas-stage", role: "application", tabindex: "0",
    "aria-label": "Circuit network. Arrow keys move along the strongest edge, X ablates, Enter opens, question mark lists the keys.",
  });
  const zoom = zoomButtons();
  app.parts.network.replaceChildren(stage, zoom, legend());
  const dataset = new vis.DataSet([]);
  const nodes = new Map();
  let edges = [];
  let frames = [];
  let rows = [];
  let columns = [];
  let box = { w: 0, h: 0, view: 1 };
  let pad = ROOMY;
  let hoverEdge = null;
  let moved = false;
  const network = new vis.Network(stage, { nodes: dataset, edges: [] }, app.graph.options);
  app.host.__net = network;

  // ---- geometry -----------------------------------------------------------------------------------
  function layOut(graph) {
    const W = stage.clientWidth;
    const H = stage.clientHeight;
    const [nw, nh] = graph.size;
    pad = graph.density === "compact" ? TIGHT : ROOMY;
    // what does not fit at scale 1 is shown smaller; the room that is left on an axis is then filled
    const view = Math.min(1, W / (pad.left + nw + pad.right), H / (pad.top + nh + pad.bottom));
    palette.grow = Math.min(1.4, Math.max(1, 0.88 / view));
    const sx = Math.min(MOST_STRETCH, Math.max(1, (W / view - pad.left - pad.right) / nw));
    const w = pad.left + nw * sx + pad.right;
    const { height, at } = drawnOut(graph, H / view - pad.top - pad.bottom);
    const h = pad.top + height + pad.bottom;
    const X = (x) => -w / 2 + pad.left + x * sx;
    const Y = (y) => -h / 2 + pad.top + at(y);
    nodes.clear();
    for (const frame of graph.frames) {
      nodes.set(frame.id, {
        ...frame, kind: "frame", px: X(frame.x + frame.w / 2), py: Y(frame.y) + 14, pw: frame.w * sx, ph: 28, body: 28, spread: frame.w * sx * 0.6,
      });
    }
    for (const node of graph.nodes) {
      const pw = Math.max(node.w, Math.min(node.w * sx - 2, node.wish ?? node.w));
      const ph = node.h;
      const body = { feature: 13, error: 15, position: 13, bias: 13, head: 26 }[node.kind] ?? ph;
      const spread = node.kind === "supernode" ? pw * 0.72 : node.kind === "logit" || node.kind === "token" ? pw * 0.5 : node.kind === "head" ? 12 : 0;
      const terse = pad === TIGHT && ["error", "position", "bias"].includes(node.kind);
      nodes.set(node.id, { ...node, terse, px: X(node.x), py: Y(node.y), pw, ph, body, spread });
    }
    frames = graph.frames.map((f) => ({ ...f, left: X(f.x), top: Y(f.y), width: f.w * sx, height: Y(f.y + f.h) - Y(f.y) }));
    rows = graph.rows.map((r) => ({ label: r.label, y: Y(r.y) }));
    columns = graph.columns.map((x) => X(x));
    edges = graph.edges
      .filter((e) => nodes.has(e.from) && nodes.has(e.to))
      .map((e) => ({ ...e, id: `${e.from}>${e.to}` }));
    routeEdges(edges, nodes);
    edges.sort((a, b) => a.width - b.width);
    box = { w, h, view };
  }

  function place(animated) {
    network.moveTo({ position: { x: 0, y: 0 }, scale: box.view, animation: animated ? { duration: motion(), easingFunction: "easeOutQuad" } : false });
    moved = false;
  }

  const motion = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 240);

  function fill() {
    dataset.clear();
    dataset.add(
      [...nodes.values()].map((n) => ({
        id: n.id, x: n.px, y: n.py, fixed: true, shape: "custom",
        ctxRenderer: ({ ctx }) => ({
          drawNode: () => drawNode(ctx, palette, n, look(n)),
          nodeDimensions: { width: Math.max(24, n.pw), height: Math.max(24, n.ph) },
        }),
      })),
    );
  }

  // ---- state of a node or an edge --------------------------------------------------------------------
  /** Does this visible node stand for `id`: itself, inside it, or hiding it? */
  const stands = (n, id) => n.id === id || store.chain(n.id).includes(id) || (n.kind !== "frame" && store.chain(id).includes(n.id));

  function look(n) {
    const { selection, hover, changes } = store.state;
    const factor = store.scale(n.id);
    return {
      factor,
      own: changes.has(n.id),
      dead: factor === 0,
      part: n.kind === "supernode" ? store.partly(n.id) : 0,
      selected: selection.includes(n.id) || selection.some((id) => n.kind !== "frame" && !nodes.has(id) && store.chain(id).includes(n.id)),
      hover: hover !== null && stands(n, hover),
      faded: false,
    };
  }

  const touches = (e, id) => {
    const s = nodes.get(e.from);
    const t = nodes.get(e.to);
    return (s.kind !== "frame" && stands(s, id)) || (t.kind !== "frame" && stands(t, id));
  };

  function before(ctx) {
    palette.settle();
    drawGround(ctx);
    for (const f of frames) frameGround(ctx, palette, f, look(nodes.get(f.id)));
    const { selection, hover } = store.state;
    const focus = hover !== null ? [...selection, hover] : selection;
    const late = [];
    for (const e of edges) {
      const touched = focus.length > 0 && focus.some((id) => touches(e, id));
      const dead = store.scale(e.from) === 0 || store.scale(e.to) === 0;
      const rest = selection.length ? 0.2 : hover !== null ? 0.32 : 0.62;
      const opacity = e === hoverEdge ? 1 : dead ? (touched ? 0.8 : 0.5) : touched ? 0.95 : rest;
      if (touched || e === hoverEdge) late.push([e, opacity, dead]);
      else drawEdge(ctx, palette, e, { opacity, dead });
    }
    for (const [e, opacity, dead] of late) drawEdge(ctx, palette, e, { opacity, dead, hover: e === hoverEdge });
  }

  function drawGround(ctx) {
    const right = box.w / 2;
    const left = -box.w / 2;
    for (const row of rows) {
      if (pad === ROOMY) write(ctx, palette, row.label, left + 10, row.y + 4, { size: 12, colour: "ink-3" });
      ctx.beginPath();
      ctx.moveTo(left + pad.left - 4, row.y);
      ctx.lineTo(right - 6, row.y);
      ctx.setLineDash([1, 4]);
      ctx.strokeStyle = palette.css("line-1");
      ctx.lineWidth = 1;
      ctx.stroke();
      ctx.setLineDash([]);
    }
    ctx.beginPath();
    for (const x of columns) {
      ctx.moveTo(x, -box.h / 2 + 8);
      ctx.lineTo(x, box.h / 2 - 8);
    }
    ctx.strokeStyle = palette.css("line-1", 0.8);
    ctx.stroke();
  }

  // ---- pointer ------------------------------------------------------------------------------------------
  function at(event) {
    const rect = stage.getBoundingClientRect();
    const dom = { x: event.clientX - rect.left, y: event.clientY - rect.top };
    const id = network.getNodeAt(dom) ?? null;
    return { id, dom };
  }

  function hover(event) {
    if (!tooltip.stirred(event)) return; // the picture moved, not the mouse
    const { id, dom } = at(event);
    let edge = null;
    if (id === null) {
      const p = network.DOMtoCanvas(dom);
      edge = edgeAt(edges, p.x, p.y, 5 / network.getScale());
    }
    const changed = edge !== hoverEdge;
    hoverEdge = edge;
    stage.style.cursor = id !== null || edge ? "pointer" : "default";
    if (id !== store.state.hover) store.hover(id);
    else if (changed) network.redraw();
    if (id !== null) tooltip.show(nodeLines(app, nodes.get(id)), event.clientX, event.clientY);
    else if (edge) tooltip.show(edgeLines(nodes, edge), event.clientX, event.clientY);
    else tooltip.hide();
  }

  function leave() {
    hoverEdge = null;
    tooltip.hide();
    store.hover(null);
  }

  stage.addEventListener("mousemove", hover);
  stage.addEventListener("mouseleave", leave);
  network.on("click", (p) => {
    stage.focus({ preventScroll: true });
    const id = network.getNodeAt(p.pointer.DOM) ?? null;
    const shift = p.event.srcEvent?.shiftKey;
    if (app.data.mode === "ablate" && id !== null && canChange(app, nodes.get(id)) && !shift) store.toggle([id]);
    else if (id !== null || store.state.selection.length) store.select(id, shift);
  });
  network.on("doubleClick", (p) => {
    const id = network.getNodeAt(p.pointer.DOM);
    if (id !== undefined) store.toggleOpen(id);
  });
  network.on("beforeDrawing", before);
  network.on("dragStart", () => (moved = true));
  network.on("zoom", () => (moved = true));

  function zoomButtons() {
    const step = (factor) => () => {
      network.moveTo({ scale: Math.max(0.2, Math.min(4, network.getScale() * factor)), animation: { duration: motion() } });
      moved = true;
    };
    return element(
      "div", { class: "zoom", role: "group", "aria-label": "Zoom" },
      element("button", { type: "button", text: "+", "aria-label": "Zoom in", on: { click: step(1.25) } }),
      element("button", { type: "button", text: "\u2212", "aria-label": "Zoom out", on: { click: step(0.8) } }),
      element("button", { type: "button", text: "\u2922", "aria-label": "Fit to panel", "data-testid": "zoom-fit", on: { click: () => place(true) } }),
    );
  }

  // ---- keyboard -----------------------------------------------------------------------------------------
  const within = (n, id) => n.id !== id && store.chain(n.id).includes(id);

  function neighbourOf(id, way) {
    const here = nodes.get(id);
    const inside = [...nodes.values()].filter((n) => n.kind !== "frame" && within(n, id)).sort((a, b) => a.px - b.px);
    if (way === "right" && inside.length) return inside[0].id; // into an opened supernode
    if (way === "up" || way === "down") {
      const [mine, theirs] = way === "up" ? ["from", "to"] : ["to", "from"];
      const own = new Set([id, ...inside.map((n) => n.id)]);
      const found = edges.filter((e) => own.has(e[mine]) && !own.has(e[theirs])).sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
      if (found.length) return found[0][theirs];
    }
    return nearest(here, way, inside);
  }

  /** The nearest node to one side; those in the same row, or the same column, come first. */
  function nearest(here, way, inside) {
    const along = way === "left" || way === "right";
    const side = way === "left" || way === "up" ? -1 : 1;
    const ahead = (n) => side * (along ? n.px - here.px : n.py - here.py);
    const aside = (n) => Math.abs(along ? n.py - (inside[0] ?? here).py : n.px - here.px);
    const found = [...nodes.values()]
      .filter((n) => n.kind !== "frame" && n.id !== here.id && !inside.includes(n) && ahead(n) > 2)
      .sort((a, b) => ahead(a) + 4 * aside(a) - ahead(b) - 4 * aside(b));
    return found[0]?.id ?? null;
  }

  const observer = new ResizeObserver(() => {
    if (!self.drawn || !stage.clientWidth || !app.graph) return;
    self.draw(app.graph);
  });
  observer.observe(stage);
  palette.onChange(() => setTimeout(() => network.redraw(), 60));
  document.fonts?.ready.then(() => {
    forgetWidths();
    network.redraw();
  });

  const self = {
    drawn: false,
    draw(graph) {
      if (!stage.clientWidth || !stage.clientHeight) return;
      hoverEdge = null;
      store.settle();
      tooltip.quiet();
      network.setSize(`${stage.clientWidth}px`, `${stage.clientHeight}px`);
      const keep = self.drawn && moved ? { position: network.getViewPosition(), scale: network.getScale() } : null;
      layOut(graph);
      fill();
      if (keep) network.moveTo({ ...keep, animation: false });
      else place(false);
      self.drawn = true;
      network.redraw();
    },
    refresh: () => network.redraw(),
    nodes,
    edges: () => edges,
    /** Neighbour by the strongest edge upwards or downwards, or the nearest to that side. */
    neighbour(id, way) {
      const from = store.chain(id).find((at) => nodes.has(at)); // what is folded stands in its supernode
      return from ? neighbourOf(from, way) : self.first();
    },
    /** Where the keyboard starts: the answer, or any node. */
    first: () => [...nodes.values()].find((n) => n.lead)?.id ?? nodes.keys().next().value ?? null,
    /** Centre of a node in the browser window; the hook of the browser tests. */
    pixel(id) {
      const n = nodes.get(id);
      if (!n) return null;
      const p = network.canvasToDOM({ x: n.px, y: n.py });
      const rect = stage.getBoundingClientRect();
      return { x: rect.left + p.x, y: rect.top + p.y };
    },
    destroy() {
      observer.disconnect();
      network.destroy();
    },
  };
  app.host.__canvas = { pixel: self.pixel, nodes: () => [...nodes.keys()], edges: () => edges.length, state: () => store.state };
  return self;
}

/** Height to fill `room`, and where each y goes: only the gaps between rows are drawn out. */
function drawnOut(graph, room) {
  const nh = graph.size[1];
  const slack = graph.gaps.reduce((sum, [a, b]) => sum + b - a, 0);
  const factor = slack ? Math.min(MOST_STRETCH * 2, Math.max(0, room - nh) / slack) : 0;
  const inGaps = (y) => graph.gaps.reduce((sum, [a, b]) => sum + Math.max(0, Math.min(y, b) - a), 0);
  return { height: nh + factor * slack, at: (y) => y + factor * inGaps(y) };
}
