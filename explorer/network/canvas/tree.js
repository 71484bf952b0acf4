// The hierarchy as an icicle: height (width, when it lies on its side) is the number of nodes.

import { element, roleOf } from "./dom.js";

const LONG = 11; // letters, with the name, that surely fit on one line of a cell

/** Text that may also go on to the next line after an underscore. */
const breakable = (text) => text.replaceAll("_", "_\u200b");

export function createTree(app) {
  const { store, tooltip } = app;
  const holder = app.parts.tree;
  const cells = new Map();
  let drawnFor = null;

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

  function cell(node, level) {
    const text = node.short || node.label;
    const name = element("span", { class: level ? "name" : "badge", text: node.name });
    const button = element(
      "button",
      {
        type: "button", class: `cell level-${level}${node.name.length + text.length > LONG ? " long" : ""}`, "data-testid": `tree-${node.id}`,
        "aria-label": `Supernode ${node.name}, ${node.label}, ${node.count} nodes`,
        style: { "--role": `var(--${roleOf(node.name)})` },
        on: {
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
        },
      },
      element("span", { class: "line" }, name, element("span", { class: text || !level ? "label" : "label unnamed", text: breakable(text) || (level ? `${node.count} nodes` : "") }), element("span", { class: "count", text: node.count })),
      element("span", { class: "sub", text: node.sub || (level && node.label ? `${node.count} nodes` : "") }),
      element("span", { class: "state", text: "ablated" }),
    );
    if (!cells.has(node.id)) cells.set(node.id, []);
    cells.get(node.id).push(button);
    return button;
  }

  const note = (node) => [
    [[node.name, "strong mono"], [` ${node.label}`, "strong"]],
    [[`${node.count} nodes${node.sub ? ` \u00b7 ${node.sub}` : ""}`, "dim"]],
  ];

  function branch(node) {
    const children = node.children?.length ? node.children : [];
    return element(
      "div", { class: "branch", style: { "flex-grow": node.count } },
      cell(node, 0),
      element("div", { class: "children" }, ...children.map((child) =>
        element("div", { class: "leafcell", style: { "flex-grow": child.count } }, cell(child, 1)))),
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
    store.settle();
    tooltip.quiet();
    holder.replaceChildren(title, element("div", { class: "branches" }, ...(root.children ?? []).map(branch)));
    drawnFor = root.id;
  }

  function refresh() {
    const tree = app.graph?.tree;
    if (!tree || holder.hidden) return;
    if (shownRoot(tree).id !== drawnFor) rebuild(tree);
    const { selection, hover, opened } = store.state;
    for (const [id, buttons] of cells) {
      const factor = store.scale(id);
      for (const button of buttons) {
        const part = store.partly(id);
        button.classList.toggle("ablated", factor === 0);
        button.classList.toggle("partly", part > 0);
        button.style.setProperty("--part", `${Math.max(10, 100 * part).toFixed(0)}%`);
        button.classList.toggle("selected", selection.includes(id));
        button.classList.toggle("opened", opened.includes(id));
        button.classList.toggle("hovered", hover !== null && (id === hover || store.chain(hover).includes(id)));
        button.setAttribute("aria-pressed", String(selection.includes(id)));
      }
    }
  }

  return {
    refresh,
    draw(graph) {
      drawnFor = null;
      if (graph.tree) refresh();
      else holder.replaceChildren();
    },
  };
}
