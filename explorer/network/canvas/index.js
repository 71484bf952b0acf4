// The circuit canvas: hierarchy, network and answer bar in one Streamlit component.
//
// Streamlit calls the default export on every run of the script with the newest data. The changed
// set, the selection and the opened supernodes live here, in the browser, and are sent whole, so a
// burst of clicks loses nothing; `view.rev` from Python overrides them.

import { createBar } from "./bar.js";
import { keepHeight } from "./height.js";
import { bindKeys } from "./keys.js";
import { createNetwork } from "./network.js";
import { createPalette } from "./palette.js";
import { bindRows } from "./rows.js";
import { createStore } from "./store.js";
import { createTooltip } from "./tooltip.js";
import { createTree } from "./tree.js";
import { element } from "./dom.js";

const instances = new WeakMap();
const graphs = new Map(); // graph key -> graph; survives a remount of the component
const KEPT = 12;
let library = null;

/** vis-network, taken from the installed pyvis package; fetched once for all instances. */
function loadLibrary() {
  library ??= globalThis.vis?.Network
    ? Promise.resolve(globalThis.vis)
    : import(new URL("../hagd.vis/vis-network.min.js", import.meta.url)).then(() => globalThis.vis);
  return library;
}

function remember(key, graph) {
  graphs.delete(key);
  graphs.set(key, graph);
  while (graphs.size > KEPT) graphs.delete(graphs.keys().next().value);
}

function build(parentElement) {
  const host = parentElement.host ?? parentElement;
  parentElement.querySelector?.('[data-testid="canvas"]')?.remove();
  const root = element("div", { class: "canvas", "data-testid": "canvas", tabindex: "-1" });
  parentElement.append(root);
  const parts = {
    tree: element("div", { class: "panel tree", "data-testid": "canvas-tree" }),
    network: element("div", { class: "panel network", "data-testid": "canvas-network" }),
    bar: element("div", { class: "bar", "data-testid": "canvas-bar" }),
  };
  const spoken = element("div", { class: "spoken", "aria-live": "polite", "data-testid": "canvas-spoken" });
  root.append(parts.tree, parts.network, parts.bar, spoken);
  const app = { host, root, parts, data: null, graph: null, send: null, act: null };
  app.store = createStore(app);
  app.palette = createPalette(root);
  app.tooltip = createTooltip(root);
  app.tree = createTree(app);
  app.bar = createBar(app);
  app.keys = bindKeys(app);
  app.rows = bindRows(app);
  app.store.subscribe((state) => {
    const words = sentence(app, state);
    if (spoken.textContent !== words) spoken.textContent = words;
    app.tree.refresh();
    app.bar.refresh();
    app.network?.refresh();
  });
  fitParts(app);
  app.height = keepHeight(app);
  return app;
}

/** The choice in words, for those who cannot see the ring and the hatch. */
function sentence(app, state) {
  if (!state.selection.length) return "";
  return state.selection
    .map((id) => {
      const label = app.graph?.index.find((entry) => entry.id === id)?.label;
      const factor = app.store.scale(id);
      const how = factor === 0 ? ", ablated" : factor === 1 ? "" : `, times ${factor}`;
      return `${app.graph?.titles[id] ?? id}${label ? ` ${label}` : ""}${how}`;
    })
    .join("; ");
}

/** The tree stands beside the network on a wide page and lies above it on a narrow one. */
function fitParts(app) {
  const place = () => app.root.classList.toggle("narrow", window.innerWidth < 1200);
  place();
  window.addEventListener("resize", place);
  app.unplace = () => window.removeEventListener("resize", place);
}

async function update(app, component) {
  const { data, setStateValue, setTriggerValue } = component;
  app.data = data;
  app.send = (view) => setStateValue("view", view);
  app.act = (action) => setTriggerValue("action", action);
  if (data.scene) remember(data.scene_key, data.scene);
  if (data.graph) remember(data.key, { ...data.graph });
  const graph = graphs.get(data.key);
  const scene = graphs.get(data.scene_key);
  if (!graph || !scene) {
    // a remounted page forgot what Python believes it has: ask for it again
    app.store.ask();
    return;
  }
  const parts = data.parts ?? ["network"];
  for (const [name, part] of Object.entries(app.parts)) part.hidden = !parts.includes(name);
  app.root.classList.toggle("with-tree", parts.includes("tree"));
  app.root.classList.toggle("compact", graph.density === "compact");
  app.root.classList.toggle("with-bar", parts.includes("bar"));
  app.root.style.setProperty("--canvas-h", data.height);
  app.height.measure();
  Object.assign(graph, scene);
  const fresh = app.graph !== graph;
  const still = app.sceneKey !== data.scene_key; // another prompt or circuit: nothing to glide from
  app.sceneKey = data.scene_key;
  app.graph = graph;
  app.store.receive(data.view, [...graphs.keys()], data.seq);
  if (fresh) app.tree.draw(graph);
  app.bar.draw(data.bar);
  app.network ??= createNetwork(app, await loadLibrary());
  if (app.graph !== graph) return; // a newer run overtook this one while the library loaded
  if (fresh || !app.network.drawn) app.network.draw(graph, still);
  app.store.notify();
  app.host.dataset.ready = data.key;
}

export default function circuitCanvas(component) {
  const { parentElement } = component;
  let app = instances.get(parentElement);
  if (!app || !app.root.isConnected) {
    app?.destroy?.();
    app = build(parentElement);
    instances.set(parentElement, app);
    app.destroy = () => {
      app.unplace();
      app.height.stop();
      app.keys.destroy();
      app.rows.destroy();
      app.tree.destroy();
      app.bar.destroy();
      app.palette.destroy();
      app.network?.destroy();
      app.root.remove();
      instances.delete(parentElement);
    };
  }
  update(app, component).catch((error) => {
    app.root.dataset.error = String(error);
    console.error("circuit canvas", error);
  });
  return app.destroy;
}
