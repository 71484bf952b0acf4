// The network of a report: supernodes between tokens and answer, opened by click. No library, no
// request; text is only ever set as text. The hash of the address (#C/C1 or #C/C1@1:4:2) says what
// is open and what is chosen, so Back goes back and a link can be kept.
//
// 1. `groups` splits the circuit into what is drawn as one: the children of the opened supernode
//    (its strongest features where it has none), the siblings of what is open as context, tokens
//    and answers; on demand errors, biases and positions.
// 2. `flows` sums the effects between them; `drawn` keeps the strongest that make up most of it.
// 3. `place` gives rows by layer and columns by position, wraps full rows and pushes boxes apart.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  unpack(data.edges);
  const net = document.getElementById("net");
  const SVG = net.namespaceURI;
  const crumbs = document.getElementById("crumbs");
  const about = document.getElementById("about");
  const context = document.getElementById("context");
  const W = 800, LEAVES = 40, EDGES = 48, KEPT = 0.9;
  const ROW = { box: 62, dot: 34, token: 44, logit: 44, other: 40 };
  const CONTEXT = { error: "ε errors", bias: "biases", position: "positions" };
  const children = data.names.map(() => []);
  data.parent.forEach((above, s) => { if (above >= 0) children[above].push(s); });
  const number = new Map(data.names.map((name, s) => [name, s]));
  const nodeOf = new Map(data.ids.map((id, n) => [id, n]));
  const strength = new Float64Array(data.ids.length);
  data.effect.forEach((w, e) => {
    strength[data.source[e]] += Math.abs(w);
    strength[data.target[e]] += Math.abs(w);
  });
  const top = Math.max(0, ...data.layer.filter((_, n) => ["feature", "head", "error"].includes(data.kind[n]))) + 1;

  /** Edges by source (a count for each node), targets as steps, effects in units. */
  function unpack({ count, step, unit, effect }) {
    data.source = count.flatMap((many, n) => Array(many).fill(n));
    data.effect = effect.map((many) => many * unit);
    let at = 0;
    data.target = step.map((far, e) => (at = (data.source[e] === data.source[e - 1] ? at : 0) + far));
  }

  // ---- what is drawn as one ----
  const members = (s) => data.order.slice(data.start[s], data.stop[s]).filter((n) => n >= 0);
  const line = (s) => { const all = []; for (let at = s; at > 0; at = data.parent[at]) all.unshift(at); return all; };

  function mean(nodes, column) {
    let sum = 0, weight = 1e-12;
    for (const n of nodes) { sum += (strength[n] + 1e-9) * data[column][n]; weight += strength[n] + 1e-9; }
    return sum / weight;
  }

  function boxOf(s, far) {
    const inside = members(s);
    return { key: data.names[s], kind: "box", nodes: inside, open: s, far, name: data.names[s], words: shortLabel(s),
      row: Math.round(mean(inside, "layer")), column: mean(inside, "position"), w: far ? 96 : 148 };
  }

  /** A label without the parts that the one above it has already. */
  function shortLabel(s) {
    let parts = data.said[s].split(" · ");
    const above = data.parent[s] > 0 ? data.said[data.parent[s]].split(" · ") : [];
    while (parts.length > 1 && parts[0] === above.shift()) parts = parts.slice(1);
    return parts.join(" · ");
  }

  const leaf = (n) => ({ key: data.ids[n], kind: "dot", nodes: [n], name: data.label[n] || data.ids[n], words: "",
    row: data.layer[n], column: data.position[n], w: 128 });
  const role = (p) => data.roles[p] || `pos ${p}`;

  function groups(at) {
    const open = line(at), out = [];
    let above = 0;
    for (const step of open) {
      for (const s of children[above]) if (s !== step && members(s).length) out.push(boxOf(s, true));
      above = step;
    }
    const below = children[at];
    if (below.length) out.push(...below.filter((s) => members(s).length).map((s) => boxOf(s, false)));
    else {
      const ranked = members(at).sort((a, b) => strength[b] - strength[a]);
      out.push(...ranked.slice(0, LEAVES).map(leaf));
      const rest = ranked.slice(LEAVES);
      if (rest.length) out.push({ key: "rest", kind: "other", nodes: rest, name: `${rest.length} weaker`, words: "",
        row: Math.round(mean(rest, "layer")), column: mean(rest, "position"), w: 90 });
    }
    const others = {};
    data.kind.forEach((kind, n) => {
      if (kind === "token") out.push({ key: data.ids[n], kind, nodes: [n], name: role(data.position[n]), words: "", row: -1, column: data.position[n], w: 0 });
      else if (kind === "logit") out.push({ key: data.ids[n], kind, nodes: [n], name: data.label[n] || (data.ids[n] === "out:direction" ? "answer" : data.ids[n]), words: "", row: top, column: data.position[n], w: 0 });
      else if (kind === "head" && !inTree.has(n)) out.push({ ...leaf(n), kind: "other", name: data.ids[n] });
      else if (CONTEXT[kind] && context.checked) {
        const key = kind === "error" ? `ε L${data.layer[n]}` : CONTEXT[kind];
        (others[key] ??= { key, kind: "other", nodes: [], name: key, words: "", row: kind === "error" ? data.layer[n] : -1, column: 0, w: 74 }).nodes.push(n);
      }
    });
    for (const item of Object.values(others)) { item.column = mean(item.nodes, "position"); out.push(item); }
    for (const item of out) if (item.w === 0) item.w = Math.max(34, 8 * item.name.length + 16);
    return out;
  }
  const inTree = new Set(data.order);

  // ---- effects between them ----
  function flows(items) {
    const of = new Int32Array(data.ids.length).fill(-1), sums = new Map();
    items.forEach((item, i) => item.nodes.forEach((n) => { of[n] = i; }));
    data.effect.forEach((w, e) => {
      const s = of[data.source[e]], t = of[data.target[e]];
      if (s < 0 || t < 0 || s === t) return;
      const key = s * items.length + t, sum = sums.get(key) ?? { s, t, w: 0, count: 0 };
      sum.w += w; sum.count += 1;
      sums.set(key, sum);
    });
    return [...sums.values()].sort((a, b) => Math.abs(b.w) - Math.abs(a.w));
  }

  function drawn(edges, items) {
    const all = edges.reduce((sum, e) => sum + Math.abs(e.w), 0), kept = [], seen = new Set();
    let so_far = 0;
    for (const e of edges) {
      const room = kept.length < EDGES && so_far < KEPT * all;
      // no box that seems to do nothing: its strongest way in and out is always there
      const first = [`>${e.t}`, `${e.s}>`].some((end) => !seen.has(end)) && [e.s, e.t].some((i) => items[i].kind === "box" && !items[i].far);
      if (!room && !first) continue;
      kept.push(e); so_far += Math.abs(e.w); seen.add(`>${e.t}`); seen.add(`${e.s}>`);
    }
    return kept;
  }

  // ---- places ----
  function place(items) {
    const rows = [...new Set(items.map((item) => item.row))].sort((a, b) => b - a);
    const low = Math.min(...items.map((i) => i.column)), span = Math.max(...items.map((i) => i.column)) - low || 1;
    const marks = [];
    let y = 14;
    for (const row of rows) {
      const mine = items.filter((item) => item.row === row).sort((a, b) => a.column - b.column || (a.key < b.key ? -1 : 1));
      const lines = [[]];
      let used = 0;
      for (const item of mine) {
        if (used + item.w + 10 > W - 84 && lines.at(-1).length) { lines.push([]); used = 0; }
        lines.at(-1).push(item); used += item.w + 10;
      }
      marks.push({ y, row, many: lines.length });
      for (const one of lines) {
        const height = Math.max(...one.map((item) => ROW[item.kind]));
        one.forEach((item) => { item.x = 74 + (W - 84) * ((item.column - low) / span); item.y = y + height / 2; item.h = height - 14; });
        spread(one);
        y += height + (row === top || row < 0 ? 0 : 6);
      }
      y += 40;
    }
    return { marks, height: y - 30 };
  }

  function spread(one) {
    const least = 74, most = W - 4;
    for (let pass = 0; pass < 60; pass++) {
      for (let i = 1; i < one.length; i++) {
        const gap = (one[i].w + one[i - 1].w) / 2 + 8 - (one[i].x - one[i - 1].x);
        if (gap > 0) { one[i - 1].x -= gap / 2; one[i].x += gap / 2; }
      }
      for (const item of one) item.x = Math.min(Math.max(item.x, least + item.w / 2), most - item.w / 2);
    }
  }

  // ---- drawing ----
  function svg(tag, attributes = {}, ...inside) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
    node.append(...inside);
    return node;
  }
  const html = (tag, cls, ...inside) => { const node = document.createElement(tag); if (cls) node.className = cls; node.append(...inside); return node; };
  const hue = (name) => `r${"abcdef"[(name.toUpperCase().charCodeAt(0) - 65 + 600) % 6]}`;
  const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
  const signed = (w) => `${w < 0 ? "−" : "+"}${Math.abs(w) >= 100 ? Math.abs(w).toFixed(0) : Math.abs(w).toPrecision(2)}`;

  function arrows() {
    return svg("defs", {},
      svg("marker", { id: "up", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" }, svg("path", { d: "M0 0L8 4L0 8Z", class: "plus" })),
      svg("marker", { id: "bar", viewBox: "0 0 4 10", refX: 3, refY: 5, markerWidth: 4, markerHeight: 11, markerUnits: "userSpaceOnUse", orient: "auto" }, svg("path", { d: "M2 0V10", class: "minus", "stroke-width": 2.5 })));
  }

  function edgeShape(e, a, b, widest) {
    const down = a.y > b.y + 4, x1 = a.x, x2 = b.x;
    const y1 = a.y + (down ? -1 : 1) * (a.h / 2), y2 = down ? b.y + b.h / 2 : b.y + b.h / 2;
    const bend = Math.max(24, Math.abs(y1 - y2) / 2);
    const d = down ? `M${x1} ${y1}C${x1} ${y1 - bend} ${x2} ${y2 + bend} ${x2} ${y2}` : `M${x1} ${y1}C${x1} ${y1 + 34} ${x2} ${y2 + 34} ${x2} ${y2}`;
    const shape = svg("path", { d, class: `edge ${e.w > 0 ? "plus" : "minus"}`, "stroke-width": (1 + 6 * Math.abs(e.w) / widest).toFixed(2), "marker-end": e.w > 0 ? "url(#up)" : "url(#bar)" });
    shape.append(svg("title", {}, `${a.name} → ${b.name}: ${signed(e.w)}${e.count > 1 ? `, Σ of ${e.count}` : ""}`));
    return shape;
  }

  function nodeShape(item) {
    const x = item.x - item.w / 2, y = item.y - item.h / 2;
    const shape = svg("g", { class: `node ${item.kind} ${item.far ? "far" : ""} ${hue(item.kind === "box" ? item.name : rootOf(item.nodes[0]))}`, tabindex: 0, role: "button",
      "data-key": item.key, "aria-label": `${item.name} ${item.words}`.trim() });
    if (item.kind === "dot") {
      shape.append(svg("rect", { class: "hit", x, y, width: item.w, height: item.h, fill: "transparent" }), svg("circle", { class: "body", cx: x + 8, cy: item.y, r: 6.5 }),
        svg("text", { class: "words", x: x + 20, y: item.y + 4 }, cut(item.name, 17)));
    } else {
      const round = { box: 6, logit: 13, token: 4, other: 4 }[item.kind];
      shape.append(svg("rect", { class: "body", x, y, width: item.w, height: item.h, rx: round }));
      if (item.kind === "box") {
        const wide = 10 + 7.5 * item.name.length;
        shape.append(svg("rect", { class: "badge", x: x + 7, y: y + 6, width: wide, height: 16, rx: 4 }), svg("text", { class: "letter", x: x + 7 + wide / 2, y: y + 18 }, item.name),
          svg("text", { class: "words end", x: x + item.w - 8, y: y + 18 }, String(item.nodes.length)),
          svg("text", { class: "words", x: x + 8, y: y + 38 }, cut(item.words, item.far ? 13 : 23)));
      } else shape.append(svg("text", { class: "words mid", x: item.x, y: item.y + 4 }, item.name));
    }
    shape.append(svg("title", {}, `${item.name}${item.words ? ` ${item.words}` : ""}${item.nodes.length > 1 ? ` · ${item.nodes.length} nodes` : ""}`));
    return shape;
  }

  const rootName = new Map();
  for (const s of children[0]) for (const n of members(s)) rootName.set(n, data.names[s]);
  const rootOf = (n) => rootName.get(n) ?? "A";
  const rowName = (row) => (row < 0 ? "tokens" : row >= top ? "logits" : `layer ${row}`);

  // ---- beside the network ----
  function bars(title, found, name) {
    if (!found.length) return [];
    const most = Math.abs(found[0].w);
    const list = html("div", "bars");
    for (const one of found.slice(0, 6)) {
      const width = Math.max(1, 84 * Math.abs(one.w) / most);
      const bar = svg("svg", { viewBox: "0 0 84 9" }, svg("rect", { width, height: 9, rx: 2, class: one.w > 0 ? "plus" : "minus" }));
      list.append(html("div", "", html("span", "", name(one)), bar, html("b", "", signed(one.w))));
    }
    return [html("h4", "", title), list];
  }

  function cardOf(id) {
    const card = data.cards[id];
    if (!card) return [];
    const rows = html("div", "contexts");
    for (const c of card.contexts) {
      const code = html("code", "");
      c.tokens.forEach((token, i) => code.append(html("span", `t${Math.round(5 * Math.min(1, Math.max(0, c.tint[i])))}`, token), " "));
      rows.append(html("div", "", html("em", "", c.name), Object.assign(code, { title: c.answer }), html("b", "", c.value.toFixed(2))));
    }
    const tokens = [...card.promoted, ...card.suppressed].slice(0, 8).map(([text, w]) => ({ text, w })).sort((a, b) => Math.abs(b.w) - Math.abs(a.w));
    return [html("h4", "", `Where it fires · ${Math.round(100 * card.rate)} % of prompts`), rows, ...bars("Promotes, suppresses", tokens, (t) => t.text)];
  }

  function tell(item, items, edges, at) {
    const named = (i) => `${items[i].name}${items[i].kind === "box" && items[i].words ? ` ${items[i].words}` : ""}`;
    const parts = [];
    if (item) {
      const i = items.indexOf(item), n = item.nodes[0];
      parts.push(html("h3", "", item.kind === "box" ? `${item.name} ${data.said[item.open]}` : item.name));
      const single = item.nodes.length === 1;
      parts.push(html("p", "note", single ? `${data.ids[n]}${data.kind[n] === "feature" ? ` · at ${role(data.position[n])} · mean activation ${data.activation[n]}` : ""}` : `${item.nodes.length} nodes`));
      if (single) parts.push(...cardOf(data.ids[n]));
      parts.push(...bars("In", edges.filter((e) => e.t === i), (e) => named(e.s)), ...bars("Out", edges.filter((e) => e.s === i), (e) => named(e.t)));
    } else {
      const many = members(at), ranked = [...many].sort((a, b) => strength[b] - strength[a]);
      parts.push(html("h3", "", at ? `${data.names[at]} ${data.said[at]}` : "The whole circuit"), html("p", "note", `${many.length} nodes in ${children[at].length || "no"} ${children[at].length === 1 ? "part" : "parts"}`));
      parts.push(html("h4", "", "Strongest nodes"));
      for (const n of ranked.slice(0, 8)) parts.push(html("div", "", html("code", "", data.ids[n]), ` ${data.label[n]}`));
    }
    about.replaceChildren(...parts);
  }

  // ---- where one is ----
  function here() {
    const [path, node] = decodeURIComponent(location.hash.slice(1)).split("@");
    return { at: number.get(path.split("/").at(-1)) ?? 0, node: node ?? "" };
  }
  function go(at, node = "") {
    const path = line(at).map((s) => data.names[s]).join("/");
    location.hash = node ? `${path}@${node}` : path;
    if (!path && !node) draw();
  }

  function draw() {
    const { at, node } = here();
    const items = groups(at), edges = flows(items), shown = drawn(edges, items), { marks, height } = place(items);
    const widest = Math.max(1e-9, ...shown.map((e) => Math.abs(e.w)));
    net.setAttribute("viewBox", `0 0 ${W} ${height}`);
    const lines = marks.map((m) => svg("text", { x: 2, y: m.y + 24 }, rowName(m.row)));
    const paths = shown.map((e) => edgeShape(e, items[e.s], items[e.t], widest));
    const shapes = items.map(nodeShape);
    const light = (i) => {
      net.classList.toggle("lit", i >= 0);
      shown.forEach((e, k) => paths[k].classList.toggle("on", e.s === i || e.t === i));
    };
    const chosen = items.find((item) => item.key === node) ?? null;
    shapes.forEach((shape, i) => {
      const item = items[i];
      const press = () => (item.open !== undefined && item.kind === "box" ? go(item.open) : go(at, chosen === item ? "" : item.key));
      shape.addEventListener("click", press);
      shape.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); press(); } });
      for (const name of ["mouseenter", "focus"]) shape.addEventListener(name, () => { light(i); if (!chosen) tell(item, items, edges, at); });
      for (const name of ["mouseleave", "blur"]) shape.addEventListener(name, () => { light(items.indexOf(chosen)); tell(chosen, items, edges, at); });
      shape.classList.toggle("on", item === chosen);
    });
    net.replaceChildren(arrows(), ...lines, ...paths, ...shapes);
    light(items.indexOf(chosen));
    tell(chosen, items, edges, at);
    document.getElementById("counted").textContent = `${items.length} boxes, ${shown.length} of ${edges.length} edges` + (data.left_out ? `; ${data.left_out} weakest not in this file` : "");
    trail(at);
  }

  function trail(at) {
    const way = [0, ...line(at)];
    const parts = way.flatMap((s, i) => {
      const button = html("button", "", s ? `${data.names[s]} ${shortLabel(s)}`.trim() : "Circuit");
      button.type = "button";
      button.addEventListener("click", () => go(s));
      return i ? ["/", button] : [button];
    });
    if (at) {
      const up = html("button", "up", "Up");
      up.type = "button";
      up.addEventListener("click", () => go(Math.max(0, data.parent[at])));
      parts.push(up);
    }
    crumbs.replaceChildren(...parts);
  }

  addEventListener("hashchange", draw);
  context.addEventListener("change", draw);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" || event.key === "u") { const { at } = here(); if (at) go(Math.max(0, data.parent[at])); } });
  draw();
})();
