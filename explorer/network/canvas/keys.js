// The keyboard, the list of keys, and find. Keys work when the focus is on the canvas or on nothing.

import { element } from "./dom.js";
import { canChange } from "./notes.js";

const HELP = [
  ["click", "select; Shift adds"], ["double click, Enter", "open in place, again closes"], ["X", "ablate or put back"],
  ["1 \u2013 9", "scale to 0.1 \u2013 0.9"], ["0", "put back"], ["U", "up one level"], ["\u2190 \u2191 \u2192 \u2193", "neighbour by the strongest edge"],
  ["/", "find a node or label"], ["Z", "undo the last change"], ["F", "fit to the panel"], ["?", "this list"], ["Esc", "close, clear the selection"],
];
const MOST_HITS = 9;

const typing = (node) => node?.closest?.("input, textarea, select, [contenteditable='true']");

export function bindKeys(app) {
  const { root, store } = app;
  const sheet = element("div", { class: "sheet", role: "dialog", "aria-label": "Keys", "data-testid": "canvas-keys" },
    ...HELP.map(([key, does]) => element("div", {}, element("kbd", { text: key }), element("span", { text: does }))));
  sheet.hidden = true;
  const input = element("input", { type: "text", placeholder: "Find node or label", "aria-label": "Find node or label", "data-testid": "find-input", autocomplete: "off" });
  const hits = element("div", { class: "hits", role: "listbox" });
  const find = element("div", { class: "find", "data-testid": "canvas-find" }, input, hits);
  find.hidden = true;
  root.append(sheet, find);
  let chosen = 0;

  function selected() {
    const ids = store.state.selection.length ? store.state.selection : store.state.hover ? [store.state.hover] : [];
    const visible = app.network?.nodes;
    return ids.filter((id) => !visible?.has(id) || canChange(app, visible.get(id)));
  }

  function matches(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    return (app.graph?.index ?? []).filter((entry) => `${entry.id} ${entry.label}`.toLowerCase().includes(wanted)).slice(0, MOST_HITS);
  }

  function list() {
    const found = matches(input.value);
    chosen = Math.max(0, Math.min(chosen, found.length - 1));
    hits.replaceChildren(...found.map((entry, i) =>
      element("button", { type: "button", role: "option", class: i === chosen ? "chosen" : "", "aria-selected": String(i === chosen), on: { click: () => goTo(entry) } },
        element("span", { class: "mono", text: entry.id }), element("span", { text: entry.label }))));
    if (!found.length && input.value.trim()) hits.replaceChildren(element("span", { class: "dim none", text: "Nothing by that name in this circuit" }));
    return found;
  }

  function goTo(entry) {
    close();
    const { state } = store;
    for (const id of [...(entry.path ?? [])]) if (!state.opened.includes(id)) state.opened = [...state.opened, id];
    store.select(entry.id);
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
    const found = matches(input.value);
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
  const move = (way) => {
    const from = store.state.selection[0];
    const id = from ? app.network?.neighbour(from, way) : app.network?.first();
    if (id) store.select(id);
  };
  const ACTIONS = {
    x: () => selected().length && store.toggle(selected()),
    0: () => selected().length && store.setScale(selected(), 1),
    u: () => store.up(),
    z: () => store.undo(),
    f: () => root.querySelector('[data-testid="zoom-fit"]')?.click(),
    "/": open,
    "?": () => (sheet.hidden = !sheet.hidden),
    Escape: () => {
      if (!close() && store.state.selection.length) store.select(null);
    },
    Enter: () => store.state.selection.length === 1 && store.toggleOpen(store.state.selection[0]),
    ArrowUp: () => move("up"),
    ArrowDown: () => move("down"),
    ArrowLeft: () => move("left"),
    ArrowRight: () => move("right"),
  };
  for (let digit = 1; digit <= 9; digit++) ACTIONS[digit] = () => selected().length && store.setScale(selected(), digit / 10);

  /** Is the focus on nothing? A click beside everything gives it to the page, which then scrolls. */
  function onGround() {
    const at = document.activeElement;
    return at === document.body || (at?.tagName === "MAIN" && store.state.selection.length > 0);
  }

  function onKey(event) {
    if (!root.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    const inside = event.composedPath().includes(root);
    if (typing(target)) return;
    const button = target?.closest?.("button, a, [role='slider'], [role='radio']");
    if (!inside && button && ["Enter", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"].includes(event.key)) return;
    if (inside && button && event.key === "Enter" && !button.classList.contains("cell")) return;
    const act = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    if (event.key.startsWith("Arrow") && !inside && !onGround()) return;
    act();
    event.preventDefault();
    if (inside) event.stopPropagation();
  }

  document.addEventListener("keydown", onKey);
  return { destroy: () => document.removeEventListener("keydown", onKey) };
}
