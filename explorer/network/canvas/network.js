// The network: nodes live in vis-network (view, hit test, drawing order), edges are drawn under them.

import { element } from "./dom.js";
import { drawEdge, edgeAt, routeEdges } from "./edges.js";
import { geometry } from "./geometry.js";
import { createLegend } from "./legend.js";
import { duration, glide, moves, snapshot } from "./motion.js";
import { canChange, edgeLines, nodeLines } from "./notes.js";
import { drawNode, frameGround } from "./shapes.js";
import { forgetWidths, write } from "./text.js";
import { createWalk } from "./walk.js";

export function createNetwork(app, vis) {
  const { palette, store, tooltip } = app;
  const stage = element("div", {
    class: "stage", "data-testid": "canvas-stage", role: "application", tabindex: "0",
    "aria-label": "Circuit network. Arrow keys move along the strongest edge, X ablates, Enter opens, question mark lists the keys.",
  });
  const legend = createLegend();
  app.parts.network.replaceChildren(stage, zoomButtons(), legend.node);
  const dataset = new vis.DataSet([]);
  let shown = { nodes: new Map(), edges: [], frames: [], rows: [], columns: [], box: { w: 0, h: 0, view: 1 } };
  let targets = new Map(); // where nodes will be once they have come to rest
  let hoverEdge = null;
  let moved = false;
  let looked = null; // what was selected when the picture was last drawn
  let rest = () => {};
  const network = new vis.Network(stage, { nodes: dataset, edges: [] }, app.graph.options);
  app.host.__net = network;
  stage.querySelector(".vis-network")?.setAttribute("tabindex", "-1"); // the stage has the focus
  const walk = createWalk({ nodes: () => shown.nodes, edges: () => shown.edges, chain: store.chain });

  /** Show everything as large as it can be read; what does not fit then stands around what is looked at. */
  function place(animated, scale = shown.box.view) {
    network.moveTo({ position: middle(scale), scale, animation: animated ? { duration: duration(), easingFunction: "easeOutQuad" } : false });
    moved = false;
  }

  /** Is this node drawn, but outside of what the panel shows? */
  function outOfSight(id) {
    const at = targets.get(id);
    if (!at || !self.drawn) return false;
    const p = network.canvasToDOM(at);
    return p.x < 0 || p.y < 0 || p.x > stage.clientWidth || p.y > stage.clientHeight;
  }

  /** Where to look: at the middle, or, on an axis that does not fit, as far towards the choice as there is something. */
  function middle(scale) {
    const at = store.state.selection.at(-1) ?? store.state.opened.at(-1);
    const node = [...shown.nodes.values()].filter((n) => at && stands(n, at)).at(-1);
    const frame = shown.frames.find((f) => f.id === at);
    const wish = frame ? { x: frame.left + frame.width / 2, y: frame.top + frame.height / 2 } : { x: node?.px ?? 0, y: node?.py ?? 0 };
    const along = (value, size, room) => {
      const slack = Math.max(0, (size - room / scale) / 2);
      return Math.max(-slack, Math.min(slack, value));
    };
    return { x: along(wish.x, shown.box.w, stage.clientWidth), y: along(wish.y, shown.box.h, stage.clientHeight) };
  }

  function fill() {
    dataset.clear();
    dataset.add(
      [...shown.nodes.values()].map((n) => ({
        id: n.id, x: n.px, y: n.py, fixed: true, shape: "custom",
        ctxRenderer: ({ ctx }) => ({
          drawNode: () => drawNode(ctx, palette, n, look(n)),
          nodeDimensions: { width: n.pw, height: n.ph },
        }),
      })),
    );
  }

  // ---- state of a node or an edge --------------------------------------------------------------------
  /** Does this visible node hide `id`: is that folded in it, or in the others of its supernode? */
  const hides = (n, id) => n.kind !== "frame" && !shown.nodes.has(id) && store.chain(id).includes(n.kind === "rest" ? n.name : n.id);
  /** Does this visible node stand for `id`: itself, inside it, or hiding it? */
  const stands = (n, id) => store.places(id).some((at) => n.id === at || store.chain(n.id).includes(at) || hides(n, at));

  function look(n) {
    const { selection, hover, changes } = store.state;
    const factor = store.scale(n.id);
    return {
      factor,
      own: changes.has(n.id),
      dead: factor === 0,
      part: n.kind === "supernode" ? store.partly(n.id) : 0,
      inside: n.kind === "supernode" ? store.scaledIn(n.id) : [],
      number: n.lead ? answerNow() : null,
      selected: selection.some((id) => store.places(id).some((at) => n.id === at || hides(n, at))),
      hover: hover !== null && stands(n, hover),
      faded: false,
    };
  }

  /** Probability of the answer as things stand: with the changes, or in the circuit. */
  function answerNow() {
    const { bar } = app.data;
    return bar ? bar.changed ?? bar.circuit : null;
  }

  const touches = (e, id) => {
    const s = shown.nodes.get(e.from);
    const t = shown.nodes.get(e.to);
    return (s.kind !== "frame" && stands(s, id)) || (t.kind !== "frame" && stands(t, id));
  };

  function before(ctx) {
    palette.settle();
    drawGround(ctx);
    for (const f of shown.frames) frameGround(ctx, palette, f, look(shown.nodes.get(f.id)));
    const drawn = (id) => [...shown.nodes.values()].some((n) => stands(n, id));
    const selection = store.state.selection.filter(drawn); // what is not drawn cannot be in focus
    const hover = store.state.hover !== null && drawn(store.state.hover) ? store.state.hover : null;
    const focus = hover !== null ? [...selection, hover] : selection;
    const late = [];
    for (const e of shown.edges) {
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
    const { rows, columns, box, left, right, pad } = shown;
    const edge = Math.max(left, network.DOMtoCanvas({ x: 0, y: 0 }).x); // names of rows stay in sight
    for (const row of rows) {
      write(ctx, palette, row.label, edge + 10, row.y + 4, { size: 12, colour: "ink-3", halo: "bg-1" });
      ctx.lineWidth = 1;
      ctx.strokeStyle = palette.css("line-1");
      ctx.beginPath();
      ctx.moveTo(left + pad.left, row.y);
      ctx.lineTo(right - 6, row.y);
      ctx.setLineDash([1, 4]);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    ctx.beginPath();
    for (const x of columns) {
      ctx.moveTo(x, -box.h / 2 + 8);
      ctx.lineTo(x, box.h / 2 - 8);
    }
    ctx.strokeStyle = palette.css("line-1", 0.8);
    ctx.lineWidth = 1;
    ctx.stroke();
  }

  // ---- pointer ------------------------------------------------------------------------------------------
  function at(event) {
    const rect = stage.getBoundingClientRect();
    const dom = { x: event.clientX - rect.left, y: event.clientY - rect.top };
    return { id: nodeAt(dom), dom };
  }

  /** The node at a place of the stage: all of what is drawn of it counts, and never less than a finger's width.
   * vis-network's own test takes a custom shape for 50 px square, whatever is drawn. */
  function nodeAt(dom) {
    const p = network.DOMtoCanvas(dom);
    const least = 24 / network.getScale();
    const over = (n) => Math.abs(p.x - middleOf(n)) <= Math.max(n.pw, least) / 2 && Math.abs(p.y - n.py) <= Math.max(n.ph, least) / 2;
    const hit = [...shown.nodes.values()].filter(over);
    const near = (n) => (n.px - p.x) ** 2 + (n.py - p.y) ** 2;
    const single = hit.filter((n) => n.kind !== "frame").sort((a, b) => near(a) - near(b));
    return (single[0] ?? hit.at(-1))?.id ?? null;
  }

  /** A small shape with its name beside it stands at the left of its room. */
  const middleOf = (n) => (n.terse || !["position", "bias", "head"].includes(n.kind) ? n.px : n.px + Math.max(0, n.pw / 2 - n.body / 2));

  function hover(event) {
    if (!tooltip.stirred(event)) return; // the picture moved, not the mouse
    const { id, dom } = at(event);
    let edge = null;
    if (id === null) {
      const p = network.DOMtoCanvas(dom);
      edge = edgeAt(shown.edges, p.x, p.y, 5 / network.getScale());
    }
    const changed = edge !== hoverEdge;
    hoverEdge = edge;
    stage.style.cursor = id !== null || edge ? "pointer" : "default";
    if (id !== store.state.hover) store.hover(id);
    else if (changed) network.redraw();
    if (id !== null) tooltip.show(nodeLines(app, shown.nodes.get(id)), event.clientX, event.clientY);
    else if (edge) tooltip.show(edgeLines(shown.nodes, edge), event.clientX, event.clientY);
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
    const id = nodeAt(p.pointer.DOM);
    const shift = p.event.srcEvent?.shiftKey;
    if (app.data.mode === "ablate" && id !== null && canChange(app, shown.nodes.get(id)) && !shift) store.toggle([id]);
    else if (id !== null || store.state.selection.length) store.select(id, shift);
  });
  network.on("doubleClick", (p) => {
    const id = nodeAt(p.pointer.DOM);
    if (id !== null) store.toggleOpen(id);
  });
  network.on("beforeDrawing", before);
  network.on("dragStart", () => (moved = true));
  network.on("zoom", () => (moved = true));

  function zoomButtons() {
    const step = (factor) => () => {
      network.moveTo({ scale: Math.max(0.2, Math.min(4, network.getScale() * factor)), animation: { duration: duration() } });
      moved = true;
    };
    return element(
      "div", { class: "zoom", role: "group", "aria-label": "Zoom and find" },
      element("button", { type: "button", text: "+", "aria-label": "Zoom in", on: { click: step(1.25) } }),
      element("button", { type: "button", text: "\u2212", "aria-label": "Zoom out", on: { click: step(0.8) } }),
      element("button", { type: "button", text: "\u2922", "aria-label": "Fit to panel", "data-testid": "zoom-fit", on: { click: () => place(true, shown.box.whole) } }),
      element("button", { type: "button", class: "find-open", text: "Find", title: "Find a node or label ( / )", "data-testid": "find-open", on: { click: () => app.find() } }),
    );
  }

  const observer = new ResizeObserver(() => {
    if (!self.drawn || !stage.clientWidth || !app.graph) return;
    self.draw(app.graph);
  });
  observer.observe(stage);
  let gone = false;
  const later = () => gone || network.redraw(); // fonts and themes may come after the canvas went
  palette.onChange(() => setTimeout(later, 60));
  document.fonts?.ready.then(() => {
    forgetWidths();
    later();
  });

  /** Take over a new picture; parts of the same scene glide to their new places. */
  function take(graph, still) {
    const { clientWidth: width, clientHeight: height } = stage;
    rest(); // what still moves is brought to rest, so that gliding starts where things are
    const before = still || moved ? null : shown;
    const scale = shown.box.view;
    shown = geometry(graph, width, height, Boolean(app.data.bar));
    [palette.grow, palette.least] = [shown.grow, shown.least];
    targets = new Map([...shown.nodes].map(([id, n]) => [id, { x: n.px, y: n.py }]));
    return before ? moves(snapshot(before.nodes, before.frames, scale / shown.box.view), shown.nodes, shown.frames, store.chain) : null;
  }

  function start(move) {
    if (!move) return;
    rest = glide((t) => {
      move(t);
      routeEdges(shown.edges, shown.nodes, shown.span);
      network.redraw();
    });
  }

  const self = {
    drawn: false,
    draw(graph, still = true) {
      if (!stage.clientWidth || !stage.clientHeight) return;
      hoverEdge = null;
      store.settle();
      tooltip.quiet();
      network.setSize(`${stage.clientWidth}px`, `${stage.clientHeight}px`);
      const keep = self.drawn && moved ? { position: network.getViewPosition(), scale: network.getScale() } : null;
      const move = take(graph, still || !self.drawn);
      fill();
      if (keep) network.moveTo({ ...keep, animation: false });
      else place(false);
      self.drawn = true;
      legend.describe(shown.nodes, shown.edges, app.graph.least);
      network.redraw();
      start(move);
    },
    refresh() {
      const chosen = store.state.selection.at(-1) ?? null;
      if (chosen !== looked && chosen !== null && outOfSight(chosen)) place(true);
      looked = chosen;
      legend.changed([...store.state.changes.values()].includes(0));
      network.redraw();
    },
    node: (id) => shown.nodes.get(id),
    has: (id) => shown.nodes.has(id),
    /** Neighbour by the strongest edge upwards or downwards, or the nearest to that side. */
    neighbour: walk.neighbour,
    first: walk.first,
    focus: () => stage.focus({ preventScroll: true }),
    /** Centre of a node in the browser window; the hook of the browser tests. */
    pixel(id) {
      if (!targets.has(id)) return null;
      const p = network.canvasToDOM(targets.get(id));
      const rect = stage.getBoundingClientRect();
      return { x: rect.left + p.x, y: rect.top + p.y };
    },
    destroy() {
      gone = true;
      rest();
      observer.disconnect();
      network.destroy();
    },
  };
  app.host.__canvas = { pixel: self.pixel, nodes: () => [...shown.nodes.keys()], edges: () => shown.edges.length, state: () => store.state, shown: () => shown };
  return self;
}
