// The answer bar: three markers on one axis from 0 to 1, the band of random ablations, the changed set.

import { element, probability } from "./dom.js";

const MOST_CHIPS = 3;

export function createBar(app) {
  const { store } = app;
  const holder = app.parts.bar;
  const value = (name, label) => {
    const number = element("b", { "data-testid": `bar-${name}`, text: "\u2013" });
    const words = element("span", { class: "words", text: label });
    const node = element("div", { class: "value" }, element("span", {}, element("i", { class: `glyph ${name}` }), words), number);
    return { node, number, words };
  };
  const answer = element("b", { class: "mono", "data-testid": "bar-answer" });
  const asked = element("span", { text: "P(answer)" });
  const full = value("full", "full model");
  const circuit = value("circuit", "circuit");
  const changed = value("changed", "ablated");
  const mark = (name) => element("i", { class: `mark ${name}`, "data-testid": `mark-${name}` });
  const marks = { span: mark("span"), band: mark("band"), chance: mark("chance"), full: mark("full"), circuit: mark("circuit"), changed: mark("changed") };
  const chance = element("span", { class: "tick", text: "chance" });
  const band = element("span", { class: "tick band" });
  const axis = element("div", { class: "axis", role: "img" }, element("i", { class: "track" }), marks.band, marks.span, marks.chance, marks.circuit, marks.full, marks.changed, chance, band);
  const chips = element("div", { class: "chips", "aria-label": "Changed nodes" });
  const own = element("span", { class: "then own", "data-testid": "bar-own" });
  const then = element("span", { class: "then wide" });
  const clear = element("button", { type: "button", class: "button", "data-testid": "bar-clear", text: "Clear", on: { click: () => store.clear() } });
  const lab = element("button", { type: "button", class: "button", "data-testid": "bar-lab", text: "Open in Lab", on: { click: () => app.act?.({ name: "lab", at: Date.now() }) } });
  holder.append(
    element("div", { class: "value answer" }, asked, answer),
    full.node, circuit.node, changed.node, own, axis, chips, then, clear, lab,
  );
  holder.setAttribute("aria-live", "polite");

  const put = (node, p) => {
    node.hidden = p === null || p === undefined;
    if (!node.hidden) node.style.left = `${100 * p}%`;
  };
  const spread = (node, from, to) => {
    put(node, from);
    if (!node.hidden) node.style.width = `${100 * Math.max(0, to - from)}%`;
  };

  for (const node of [...Object.values(marks), chance, band]) node.hidden = true;

  /** A changed node; its name alone where many stand beside each other or the room is narrow. */
  function chip(node, factor, many) {
    const title = app.graph?.titles?.[node] ?? node;
    const brief = many > 2 || app.root.classList.contains("narrow");
    return element(
      "span", { class: factor === 0 ? "chip ablated" : "chip", "data-testid": `chip-${node}` },
      factor === 0 ? element("i", { class: "glyph changed" }) : element("b", { text: factor === 1 ? "kept" : `\u00d7 ${+factor.toFixed(2)}` }),
      element("span", { text: brief ? node : title, title }),
      element("button", { type: "button", text: "\u2715", "aria-label": `Put ${node} back`, on: { click: () => store.setScale([node], 1) } }),
    );
  }

  function refresh() {
    const { changes, seq } = store.state;
    const all = [...changes];
    const rest = all.length - MOST_CHIPS;
    chips.replaceChildren(
      ...all.slice(0, MOST_CHIPS).map(([node, factor]) => chip(node, factor, all.length)),
      rest > 0 ? element("span", { class: "chip", text: `+${rest}` }) : "",
    );
    clear.disabled = all.length === 0;
    changed.node.classList.toggle("idle", all.length === 0);
    const word = store.word();
    changed.words.textContent = word;
    holder.classList.toggle("softly", word !== "ablated"); // no hatch: nothing, or not all, is ablated
    holder.classList.toggle("waiting", Boolean(app.data?.bar) && all.length > 0 && (app.data.seq ?? seq) < seq);
  }

  return {
    refresh,
    draw(bar) {
      if (!bar) return;
      const live = bar.changed !== null && bar.changed !== undefined;
      asked.textContent = bar.measure ?? "P(answer)";
      answer.textContent = bar.answer ?? "";
      full.number.textContent = probability(bar.full);
      circuit.number.textContent = probability(bar.circuit);
      changed.number.textContent = live ? probability(bar.changed) : "\u2013";
      put(marks.full, bar.full);
      put(marks.circuit, bar.circuit);
      put(marks.changed, live ? bar.changed : null);
      put(marks.chance, bar.chance);
      put(chance, bar.chance);
      spread(marks.span, live ? Math.min(bar.changed, bar.circuit) : null, live ? Math.max(bar.changed, bar.circuit) : 0);
      spread(marks.band, bar.band ? bar.band[0] : null, bar.band ? bar.band[1] : 0);
      put(band, bar.band ? bar.band[1] : null);
      band.classList.toggle("after", Boolean(bar.band) && bar.band[1] < 0.45);
      band.textContent = bar.band_label ?? "";
      band.title = band.textContent;
      holder.classList.toggle("banded", Boolean(bar.band));
      axis.setAttribute("aria-label", `full model ${probability(bar.full)}, circuit ${probability(bar.circuit)}${live ? `, ${store.word()} ${probability(bar.changed)}` : ""}`);
      own.hidden = !bar.top;
      if (bar.top) own.replaceChildren("model says ", element("b", { class: "mono", text: bar.top[0] }), ` ${bar.top[1].toFixed(2)}`);
      then.replaceChildren(...(bar.then ?? []).flatMap(([token, p], i) => [i ? " \u00b7 " : "then ", element("span", { class: "mono", text: token }), " ", element("b", { text: p.toFixed(2) })]));
      refresh();
    },
  };
}
