// The keyboard, the list of keys, and find. Keys work when the focus is on the canvas or on nothing.

import { element } from "./dom.js";
import { matches } from "./find.js";
import { canChange } from "./notes.js";

const NO_CHANGE = "Nothing can be ablated on this page: it shows a graph, not a circuit. Open a circuit, or the Lab.";
const SAID_MS = 3200;

/** Rows of the list of keys; what a click does depends on the page. */
const help = (mode) => [
  mode === "ablate" ? ["click", "ablate or put back; Shift selects"] : ["click", "select; Shift adds"],
  ["double click, Enter", "open in place, again closes"],
  ["\u2191 \u2193", "along the strongest edge"], ["\u2190 \u2192", "along the row; \u2192 goes into an opened one"],
  ["U", "up one level"], ["Esc", "clear the selection, close this"],
  ...(mode === "look" ? [] : [["X", "ablate or put back"], ["1 \u2013 9", "scale to 0.1 \u2013 0.9"], ["0", "put back"], ["Z", "undo the last change"]]),
  ["/", "find a node or label"], ["F", "fit to the panel"], ["?", "this list"],
  ["name k 5 \u00b7 x", "tells frequency 5 of the Fourier basis over x"], ["name cos 5\u00b7x", "follows a wave of frequency 5 over x"],
  ["name \u2192 39", "raises these tokens"], ["name with 0:4:7", "told from its siblings by its strongest member, 0:4:7"],
];

const typing = (node) => node?.closest?.("input, textarea, select, [contenteditable='true']");

/** Was the focus last in the hierarchy? Where the page is drawn anew, the focus itself is lost. */
let inHierarchy = false;

export function bindKeys(app) {
  const { root, store } = app;
  const sheet = element("div", { class: "sheet", role: "dialog", "aria-label": "Keys", "data-testid": "canvas-keys" });
  sheet.hidden = true;
  const listKeys = () => sheet.replaceChildren(
    ...help(app.data?.mode).map(([key, does]) => element("div", {}, element("kbd", { text: key }), element("span", { text: does }))));
  const input = element("input", { type: "text", placeholder: "Find node or label", "aria-label": "Find node or label", "data-testid": "find-input", autocomplete: "off" });
  const hits = element("div", { class: "hits", role: "listbox" });
  const find = element("div", { class: "find", "data-testid": "canvas-find" }, input, hits);
  find.hidden = true;
  const said = element("div", { class: "said", role: "status", "data-testid": "canvas-said" });
  said.hidden = true;
  root.append(sheet, find, said);
  let chosen = 0;
  let silence = null;

  /** A word over the network that goes by itself. */
  function say(text) {
    clearTimeout(silence);
    said.textContent = text;
    said.hidden = false;
    silence = setTimeout(() => (said.hidden = true), SAID_MS);
  }

  function selected() {
    const ids = store.state.selection.length ? store.state.selection : store.state.hover ? [store.state.hover] : [];
    return ids.filter((id) => !app.network?.has(id) || canChange(app, app.network.node(id)));
  }

  const fits = () => matches(app.graph?.index ?? [], input.value);

  function list() {
    const found = fits();
    chosen = Math.max(0, Math.min(chosen, found.length - 1));
    hits.replaceChildren(...found.map((entry, i) =>
      element("button", { type: "button", role: "option", class: i === chosen ? "chosen" : "", "aria-selected": String(i === chosen), on: { click: () => goTo(entry) } },
        element("span", { class: "mono", text: entry.id }), element("span", { text: entry.label }))));
    if (!found.length && input.value.trim()) hits.replaceChildren(element("span", { class: "dim none", text: "Nothing by that name in this circuit" }));
    return found;
  }

  function goTo(entry) {
    close();
    store.reveal(entry.id);
  }

  function close() {
    const was = !sheet.hidden || !find.hidden;
    sheet.hidden = true;
    find.hidden = true;
    return was;
  }

  input.addEventListener("input", () => {
    chosen = 0;
    list();
  });
  input.addEventListener("keydown", (event) => {
    const found = fits();
    if (event.key === "Enter" && found[chosen]) goTo(found[chosen]);
    else if (event.key === "ArrowDown") chosen += 1;
    else if (event.key === "ArrowUp") chosen -= 1;
    else if (event.key === "Escape") {
      close();
      root.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
    event.stopPropagation();
    list();
  });

  const open = () => {
    find.hidden = false;
    input.value = "";
    chosen = 0;
    list();
    input.focus();
  };
  app.find = open;
  root.addEventListener("focusin", (event) => (inHierarchy = Boolean(event.target.dataset?.node)));
  /** To the next cell where the focus is in the hierarchy, else to the next node of the network. */
  const move = (way) => {
    const active = root.getRootNode().activeElement;
    const lost = !active || active === document.body;
    const cell = lost && inHierarchy ? store.state.selection.at(-1) : active?.dataset?.node;
    const inTree = cell && app.tree.neighbour(cell, way);
    if (cell && !inTree && !lost) return;
    const from = store.state.selection.at(-1);
    const id = inTree || (from ? app.network?.neighbour(from, way) : app.network?.first());
    if (!id) return;
    store.settle(); // the keyboard leads now, wherever the mouse rests
    app.tooltip.quiet();
    store.select(id);
    if (inTree) app.tree.focus(id);
  };
  const openOrClose = () => {
    const id = store.state.selection.at(-1);
    if (id) store.toggleOpen(id);
  };
  const ACTIONS = {
    x: () => selected().length && store.toggle(selected()),
    0: () => selected().length && store.setScale(selected(), 1),
    u: () => store.up(),
    z: () => store.undo(),
    f: () => root.querySelector('[data-testid="zoom-fit"]')?.click(),
    "/": open,
    "?": () => {
      listKeys();
      sheet.hidden = !sheet.hidden;
    },
    Escape: () => {
      if (!close() && store.state.selection.length) store.select(null);
    },
    Enter: openOrClose,
    ArrowUp: () => move("up"),
    ArrowDown: () => move("down"),
    ArrowLeft: () => move("left"),
    ArrowRight: () => move("right"),
  };
  for (let digit = 1; digit <= 9; digit++) ACTIONS[digit] = () => selected().length && store.setScale(selected(), digit / 10);

  /** Does what has the focus use this key itself? A plain button has no use for arrows. */
  function taken(event, target, inside) {
    const { key } = event;
    const uses = key.startsWith("Arrow") ? "[role='slider'], [role='radio'], [role='option'], [role='listbox'], [role='combobox'], [role='tab'], summary" : key === "Enter" ? "button, a, [role='button'], summary" : null;
    const holder = uses && target?.closest?.(uses);
    return Boolean(holder) && !(inside && holder.classList.contains("cell"));
  }

  /** Arrows scroll the page where nothing is selected and the focus is on nothing of ours. */
  const scrolls = (event, inside) => event.key.startsWith("Arrow") && !inside && !store.state.selection.length;

  function onKey(event) {
    if (!root.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    const inside = event.composedPath().includes(root);
    if (typing(target) || taken(event, target, inside) || scrolls(event, inside)) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = ACTIONS[name];
    if (!act) return;
    if (app.data?.mode === "look" && /^[xz0-9]$/.test(name)) say(NO_CHANGE);
    else act();
    event.preventDefault();
    if (inside) event.stopPropagation();
  }

  document.addEventListener("keydown", onKey);
  return { destroy: () => document.removeEventListener("keydown", onKey) };
}
