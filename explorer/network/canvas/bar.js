// The answer bar: three markers on one axis from 0 to 1, the band of random ablations, the changed set.

import { element, probability } from "./dom.js";

const MOST_CHIPS = 3;
const GAP = 8; // px between two words under the axis

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
  /** The band's words end or begin at its end, beside those of chance: where neither is free, chance says less. */
  function settle() {
    const room = axis.clientWidth;
    chance.classList.remove("mute");
    if (band.hidden || !room || !band.offsetWidth) return;
    const [wide, end] = [band.offsetWidth, (parseFloat(band.dataset.end) * room) / 100];
    const [from, to] = chance.hidden ? [0, 0] : [chance.offsetLeft, chance.offsetLeft + chance.offsetWidth + GAP];
    const ways = [end - wide, end, to, from - GAP - wide];
    const inside = ways.filter((left) => left >= 0 && left + wide <= room + GAP);
    const free = inside.find((left) => chance.hidden || left >= to || left + wide + GAP <= from);
    chance.classList.toggle("mute", free === undefined);
    band.style.left = `${free ?? inside[0] ?? Math.max(0, room - wide)}px`;
  }
  const observer = new ResizeObserver(settle);
  observer.observe(axis);
  document.fonts?.ready.then(settle);

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
    destroy: () => observer.disconnect(),
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
      band.hidden = !bar.band;
      band.dataset.end = bar.band ? 100 * bar.band[1] : "";
      band.textContent = bar.band_label ?? "";
      band.title = band.textContent;
      holder.classList.toggle("banded", Boolean(bar.band));
      settle();
      axis.setAttribute("aria-label", `full model ${probability(bar.full)}, circuit ${probability(bar.circuit)}${live ? `, ${store.word()} ${probability(bar.changed)}` : ""}`);
      own.hidden = !bar.top;
      if (bar.top) own.replaceChildren("model says ", element("b", { class: "mono", text: bar.top[0] }), ` ${bar.top[1].toFixed(2)}`);
      then.replaceChildren(...(bar.then ?? []).flatMap(([token, p], i) => [i ? " \u00b7 " : "then ", element("span", { class: "mono", text: token }), " ", element("b", { text: p.toFixed(2) })]));
      refresh();
    },
  };
}
