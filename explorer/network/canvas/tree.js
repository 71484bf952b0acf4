// The hierarchy as an icicle: height (width, when it lies on its side) is the number of nodes.
//
// The cells are built once per tree and never change their size; what a cell says is fitted to it.
// Hovering, selecting and ablating only paint.

import { element, roleOf } from "./dom.js";
import { dropTwins, fitted, measure } from "./treefit.js";

const PAD = 8;
const LINE = 15; // height of a line of a label, px

export function createTree(app) {
  const { store, tooltip } = app;
  const holder = app.parts.tree;
  const cells = new Map(); // id -> the cell's parts
  let drawnFor = null;
  let drawnTree = null;

  /** Tree nodes from the root down to the one opened last. */
  function trail(root, id) {
    if (root.id === id) return [root];
    for (const child of root.children ?? []) {
      const found = trail(child, id);
      if (found) return [root, ...found];
    }
    return null;
  }

  /** Two levels are shown; a supernode opened deeper moves the root down to its parent. */
  function shownRoot(tree) {
    const { opened } = store.state;
    const path = opened.length ? trail(tree, opened[opened.length - 1]) : null;
    if (!path) return tree;
    const last = path[path.length - 1];
    const depth = path.length - 1;
    return last.children?.length ? path[Math.max(0, depth - 1)] : path[Math.max(0, depth - 2)];
  }

  function cell(node, level, above) {
    const parts = {
      node, level, above,
      name: element("span", { class: level ? "name" : "badge", text: node.name }),
      label: element("span", { class: "label" }),
      count: element("span", { class: "count", text: node.count }),
      sub: element("span", { class: "sub" }),
    };
    const pointer = {
      click: (event) => {
        if (app.data.mode === "ablate" && !event.shiftKey) store.toggle([node.id]);
        else store.select(node.id, event.shiftKey);
      },
      dblclick: () => store.toggleOpen(node.id),
      mousemove: (event) => {
        if (!tooltip.stirred(event)) return;
        store.hover(node.id);
        tooltip.show(note(node), event.clientX, event.clientY);
      },
      mouseleave: () => {
        store.hover(null);
        tooltip.hide();
      },
    };
    parts.button = element(
      "button",
      {
        type: "button", class: `cell level-${level}`, "data-testid": `tree-${node.id}`, "data-node": node.id,
        "aria-label": `Supernode ${node.name}, ${node.label}, ${node.count} nodes`,
        style: { "--role": `var(--${roleOf(node.name)})` }, on: pointer,
      },
      element("span", { class: "line" }, parts.name, parts.label, parts.count), parts.sub,
    );
    cells.set(node.id, parts);
    return parts.button;
  }

  function note(node) {
    const lines = [[[node.name, "strong mono"], [` ${node.label}`, "strong"]], [[`${node.count} node${node.count === 1 ? "" : "s"}`, "dim"]]];
    const last = app.data.effects?.[node.id];
    if (last) lines.push([["ablating it: ", "dim"], [last, ""]]);
    const state = stateOf(node.id);
    if (state) lines.push([[state, "dim"]]);
    return lines;
  }

  /** "ablated", "× 0.5", or how much inside it is changed; empty where nothing is. */
  function stateOf(id) {
    const factor = store.scale(id);
    if (factor === 0) return "ablated";
    if (factor !== 1) return `\u00d7 ${+factor.toFixed(2)}`;
    const part = store.partly(id);
    const scaled = store.scaledIn(id).length;
    if (part > 0) return `${Math.max(1, Math.round(100 * part))} % ablated`;
    return scaled ? `${scaled} scaled` : "";
  }

  function branch(node) {
    return element(
      "div", { class: "branch", style: { "flex-grow": node.count } },
      cell(node, 0, ""),
      element("div", { class: "children" }, ...(node.children ?? []).map((child) =>
        element("div", { class: "leafcell", style: { "flex-grow": child.count } }, cell(child, 1, node.id)))),
    );
  }

  function rebuild(tree) {
    const root = shownRoot(tree);
    cells.clear();
    const title = element(
      "button",
      {
        type: "button", class: "trunk", "data-testid": "tree-root",
        "aria-label": `${root.label}, ${root.count} nodes${root === tree ? "" : ", up one level"}`,
        on: { click: () => (root === tree ? store.select(null) : store.up()) },
      },
      element("span", { text: root === tree ? root.label : `${root.name} ${root.label}` }),
      element("span", { text: ` \u00b7 ${root.count} nodes` }),
    );
    const focused = app.root.getRootNode().activeElement?.dataset?.node;
    store.settle();
    tooltip.quiet();
    holder.replaceChildren(title, element("div", { class: "branches" }, ...(root.children ?? []).map(branch)));
    drawnFor = root.id;
    fit();
    cells.get(focused)?.button.focus({ preventScroll: true });
  }

  // ---- words ------------------------------------------------------------------------------------------
  /** Fit the words of every cell to its room. */
  function fit() {
    const family = app.palette.ui;
    const narrow = app.root.classList.contains("narrow");
    const plans = [...cells.values()].map((parts) => plan(parts, family, narrow));
    dropTwins(plans);
    for (const p of plans) write(p);
  }

  /** What fits: the name at all, lines of the label, and whether a line is left under them. */
  function plan(parts, family, narrow) {
    const { node, level, above, button } = parts;
    const slim = narrow && level === 1 && button.clientWidth < 44;
    button.classList.toggle("slim", slim);
    const room = { w: button.clientWidth - 2 * (slim ? 1 : narrow ? 5 : PAD), h: button.clientHeight };
    const name = level ? measure(node.name, `700 12px ${family}`) : Math.max(18, measure(node.name, `700 12px ${family}`) + 8);
    const text = node.short || node.label || "";
    const font = level ? `400 12.5px ${family}` : `600 13px ${family}`;
    const tall = level ? (narrow ? 15 : 14) : 18;
    const p = { parts, level, above, lines: [], whole: true, named: name <= room.w + 4 && room.h >= tall };
    if (!p.named) return p;
    const inset = level && narrow ? 3 : level ? 6 : 12;
    const under = !level !== narrow; // the label stands below the name, not beside it
    const left = room.h - inset - (under ? tall + 2 : 0);
    const most = narrow ? Math.min(1, Math.floor(left / LINE)) : Math.max(under ? 0 : 1, Math.min(3, Math.floor((left + 3) / LINE)));
    const wide = under ? room.w : room.w - name - 7;
    Object.assign(p, fitted(text, wide, Math.max(0, most), font), { text, room: wide, font });
    p.leftOf = (lines) => left - LINE * Math.max(lines, under ? 0 : 1);
    p.counted = !narrow && level === 0 && room.w - name > 26;
    return p;
  }

  function write(p) {
    const { name, label, count } = p.parts;
    p.parts.button.classList.toggle("thin", p.level === 1 && p.parts.button.clientHeight < 21);
    name.hidden = !p.named;
    label.hidden = !p.lines.length;
    label.textContent = p.lines.join("\n");
    count.hidden = !p.counted;
    p.parts.room = p.named && p.leftOf(p.lines.length) >= LINE - 2;
    sayState(p.parts);
  }

  /** The last line of a cell: its state, or else how many nodes it holds. */
  function sayState(parts) {
    const { node, level, sub } = parts;
    const words = stateOf(node.id) || (level ? `${node.count} node${node.count === 1 ? "" : "s"}` : "");
    const wide = measure(words, `400 12px ${app.palette.ui}`) <= parts.button.clientWidth - 12;
    sub.hidden = !words || !parts.room || !wide;
    if (sub.textContent !== words) sub.textContent = words;
  }

  // ---- state --------------------------------------------------------------------------------------------
  function refresh() {
    const tree = app.graph?.tree;
    if (!tree || holder.hidden) return;
    if (shownRoot(tree).id !== drawnFor) rebuild(tree);
    const { selection, hover, opened } = store.state;
    for (const [id, parts] of cells) {
      const { button } = parts;
      const factor = store.scale(id);
      const part = store.partly(id);
      button.classList.toggle("ablated", factor === 0);
      button.classList.toggle("scaled", factor !== 0 && factor !== 1);
      button.classList.toggle("partly", part > 0);
      button.classList.toggle("touched", factor === 1 && store.scaledIn(id).length > 0);
      button.style.setProperty("--part", `${Math.max(10, 100 * part).toFixed(0)}%`);
      button.classList.toggle("selected", selection.includes(id));
      button.classList.toggle("opened", opened.includes(id));
      button.classList.toggle("hovered", hover !== null && (id === hover || store.chain(hover).includes(id)));
      button.setAttribute("aria-pressed", String(selection.includes(id)));
      sayState(parts);
    }
  }

  const observer = new ResizeObserver(() => cells.size && fit());
  observer.observe(holder);
  document.fonts?.ready.then(() => cells.size && fit());

  /** Cell reached from one by an arrow key: siblings along the stack, parent and first child across. */
  function neighbour(id, way) {
    const parts = cells.get(id);
    if (!parts) return null;
    const narrow = app.root.classList.contains("narrow");
    const [back, on, out, into] = narrow ? ["left", "right", "up", "down"] : ["up", "down", "left", "right"];
    const row = [...cells.values()].filter((c) => c.level === parts.level).map((c) => c.node.id);
    if (way === out) return parts.above || null;
    if (way === into) return parts.level === 0 ? parts.node.children?.[0]?.id ?? null : null;
    return row[row.indexOf(id) + (way === on ? 1 : way === back ? -1 : 0)] ?? null;
  }

  return {
    refresh,
    neighbour,
    focus: (id) => cells.get(id)?.button.focus({ preventScroll: true }),
    destroy: () => observer.disconnect(),
    draw(graph) {
      const tree = JSON.stringify(graph.tree);
      if (tree !== drawnTree) drawnFor = null; // cells stay where only the network changed
      drawnTree = tree;
      if (graph.tree) refresh();
      else holder.replaceChildren();
    },
  };
}
