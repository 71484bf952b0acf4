/* Cards and table of the library. Data comes from explorer/library/gallery.py; text is only ever set as text.
 *
 *   data.cards  [{name, href, title, subtitle, f, pm, size, verdict, tone, drawing, w, h}]
 *   data.rows   [{name, href, task, called (an own one's name), model, nodes, f, pm, phi, phiEmpty, p, verdict, short, why, tone, muted,
 *                 curve: {line: [[x, y]...], low: [...], high: [...], ring: [x, y]}, error}]
 *   data.groups [{title, note, rows, first}]: how many rows stand under each title, and how many of them while it is folded
 *                (0: never folded). Which groups are open is the browser's to remember, for this tab. None: one plain table.
 *   x and y run from 0 to 1; a drawing is a list of [tag, attributes, text].
 *
 * A click on a card or row sends its name as the trigger "opened", one on its dots as "shared"; the title is a real link, so it can
 * be opened in another tab or reached by keyboard.
 */

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["rect", "path", "circle", "text", "line", "g"]);
const MARKS = { ok: "M4 8.4l2.6 2.6L12 5.4", warn: "M8 4v5M8 11.6v.6", bad: "M5 5l6 6M11 5l-6 6", idle: "M5 8h6" };

function html(tag, cls, ...children) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  for (const child of children) if (child != null && child !== "") node.append(child);
  return node;
}

function svg(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, String(value));
  if (text != null) node.textContent = text;
  return node;
}

function canvas(width, height, label) {
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  root.setAttribute("aria-label", label);
  return root;
}

function mark(tone) {
  const root = svg("svg", { width: 14, height: 14, viewBox: "0 0 16 16", "aria-hidden": "true", class: "mark" });
  root.append(svg("circle", { cx: 8, cy: 8, r: 7.2 }), svg("path", { d: MARKS[tone] || MARKS.idle }));
  return root;
}

/** Why the verdict is what it is, and p: a narrow table shows neither. */
const reason = (row) => [row.why, /\d/.test(row.p) && `p ${row.p} against random circuits`].filter(Boolean).join("\n");

const verdict = (row) => Object.assign(html("span", `verdict ${row.tone}`, mark(row.tone), row.verdict), { title: reason(row) });

/** The kind of dictionary, where it is not the usual one: two rows may differ in nothing else. */
const tag = (item) => (item.tag ? Object.assign(html("span", "tag", item.tag), { title: item.tag }) : null);

function link(item, text, open) {
  const anchor = html("a", "name", text);
  anchor.href = item.href;
  anchor.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
    open(item.name);
  });
  return anchor;
}

function spark(curve, tone) {
  const [W, H, P] = [132, 26, 4];
  const root = canvas(W, H, "faithfulness by size, with the band of random circuits");
  const X = (x) => (P + x * (W - 2 * P)).toFixed(1);
  const Y = (y) => (H - P - Math.max(-0.12, Math.min(1.06, y)) * (H - 2 * P)).toFixed(1);
  const points = (list) => list.map(([x, y]) => `${X(x)} ${Y(y)}`);
  if (curve.low.length > 1) {
    const area = [...points(curve.high), ...points(curve.low).reverse()];
    root.append(svg("path", { d: `M${area.join("L")}Z`, class: "band" }));
  }
  if (curve.line.length > 1) root.append(svg("path", { d: `M${points(curve.line).join("L")}`, class: `line ${tone}` }));
  if (curve.ring) root.append(svg("circle", { cx: X(curve.ring[0]), cy: Y(curve.ring[1]), r: 3, class: "ring" }));
  return root;
}

/** The shape of a network, until the engine can draw it. */
const TO_COME = [[0.68, 0.1], [0.5, 0.48], [0.82, 0.48], [0.4, 0.86], [0.68, 0.86]];

function drawing(card) {
  const root = canvas(card.w, card.h, "coarse network");
  if (!card.drawing.length) for (const [x, y] of TO_COME) root.append(svg("rect", { x: x * card.w - 12, y: y * card.h - 9, width: 24, height: 18, rx: 5, class: "to-come" }));
  for (const [tag, attributes, text] of card.drawing) if (DRAWN.has(tag)) root.append(svg(tag, attributes, text));
  return root;
}

function openable(node, item, open) {
  node.addEventListener("click", () => open(item.name));
  node.dataset.name = item.name;
  return node;
}

function cardOf(card, open) {
  const figure = html("div", "figure", html("b", "", card.f), html("span", "pm", card.pm));
  const words = html(
    "div", "words", html("h3", "", link(card, card.title, open)), html("div", "sub", card.subtitle, tag(card)),
    figure, html("div", "size", card.size), verdict(card),
  );
  return openable(html("article", "card", words, html("div", "net", drawing(card))), card, open);
}

const COLUMNS = [
  ["Task", ""], ["Model", "model"], ["Nodes", "n"], ["F", "n"], ["F by size", "spark", ", random band"],
  ["φ", "n"], ["φ(∅)", "n"], ["p", "n wide", ", random"], ["Verdict", ""], ["", "more"],
];
const GROUPED = [["Model", ""], ["Nodes", "n"], ...COLUMNS.slice(3)];

/** The dots at the end of a row: what can be done with the circuit besides opening it. */
function dots(row, share) {
  const button = html("button", "dots", "⋯");
  button.type = "button";
  button.title = row.called ? "Share or remove" : "Share";
  button.setAttribute("aria-label", `${button.title} ${row.called || row.task}`);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    share(row.name);
  });
  return html("td", "more", button);
}

/** What a row is called, and what stands beside: its model under a task's title, its task in a plain table; an own one by the
 * name it was given; nulls and damaged ones keep their own. */
function namesOf(row, grouped) {
  if (row.error) return [row.task, ""];
  if (row.called) return [row.called, grouped && !row.null ? row.model : row.task];
  if (!grouped) return [row.task, ""];
  return row.null ? [row.task, row.model] : [row.model, ""];
}

function nameOf(row, grouped, open) {
  const [text, beside] = namesOf(row, grouped);
  const yours = row.called && Object.assign(html("span", "tag yours", "yours"), { title: "Made or taken in here" });
  const cell = html("td", "task", html("div", "", link(row, text, open), yours, tag(row), beside && html("span", "beside", beside)));
  cell.title = row.title;
  return cell;
}

function cellsOf(row, grouped, open, share) {
  const name = nameOf(row, grouped, open);
  if (row.error) {
    const why = html("td", "error", verdict(row), html("span", "why", row.error));
    why.colSpan = (grouped ? GROUPED : COLUMNS).length - 1;
    why.title = row.error;
    return [name, why];
  }
  return [
    name, grouped ? null : html("td", "model", row.model), html("td", "n", row.nodes),
    html("td", "n", html("b", "", row.f), html("span", "pm", row.pm)),
    html("td", "spark", spark(row.curve, row.muted ? "muted" : "")),
    html("td", "n", row.phi), html("td", "n dim", row.phiEmpty), html("td", "n dim wide", row.p),
    Object.assign(html("td", "verdicts", verdict(row), html("span", "short", row.short)), { title: reason(row) }),
    dots(row, share),
  ];
}

const KEPT = "hagd-library-open";

/** Titles of the groups that were opened in this tab; a browser that keeps nothing starts folded. */
const opened = {
  get: () => {
    try {
      return new Set(JSON.parse(sessionStorage.getItem(KEPT) || "[]"));
    } catch {
      return new Set();
    }
  },
  toggle: (title) => {
    const now = opened.get();
    if (!now.delete(title)) now.add(title);
    try {
      sessionStorage.setItem(KEPT, JSON.stringify([...now]));
    } catch { /* it is open until the page is left */ }
  },
};

function bodyOf(group, rows, lineOf) {
  const folds = group.first > 0 && rows.length > group.first;
  const lines = rows.map(lineOf);
  const title = html(folds ? "button" : "span", "title", folds ? html("i", "chevron") : null, group.title);
  const head = html("th", "", html("div", "", title, html("span", "note", group.note)));
  head.colSpan = GROUPED.length;
  head.scope = "rowgroup";
  const body = html("tbody", "group", html("tr", "grouphead", head), ...lines);
  if (!folds) return body;
  const more = html("button", "more");
  const cell = html("td", "", more);
  cell.colSpan = GROUPED.length;
  const last = html("tr", "rest", cell);
  let open = opened.get().has(group.title);
  const show = () => {
    lines.forEach((line, i) => (line.hidden = !open && i >= group.first));
    for (const button of [title, more]) button.setAttribute("aria-expanded", String(open));
    more.textContent = open ? "Fewer" : `${rows.length - group.first} more`;
  };
  for (const button of [title, more]) {
    button.type = "button";
    button.addEventListener("click", () => {
      open = !open;
      opened.toggle(group.title);
      show();
    });
  }
  body.append(last);
  show();
  return body;
}

function tableOf(rows, groups, open, share) {
  const grouped = groups.length > 0;
  const head = html(
    "tr", "", ...(grouped ? GROUPED : COLUMNS).map(([text, cls, more]) => html("th", cls, text, more && html("span", "wide", more))),
  );
  const lineOf = (row) => {
    const line = html("tr", (row.muted ? "muted " : "") + (row.error ? "damaged" : ""), ...cellsOf(row, grouped, open, share));
    return row.error ? line : openable(line, row, open);
  };
  let from = 0;
  const bodies = groups.map((group) => bodyOf(group, rows.slice(from, (from += group.rows)), lineOf));
  if (!grouped) bodies.push(html("tbody", "", ...rows.map(lineOf)));
  return html("table", grouped ? "grouped" : "", html("thead", "", head), ...bodies);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery");
  const open = (name) => setTriggerValue("opened", name);
  const parts = [];
  if (data.cards.length) parts.push(html("div", "cards", ...data.cards.map((card) => cardOf(card, open))));
  if (data.rows.length) parts.push(tableOf(data.rows, data.groups || [], open, (name) => setTriggerValue("shared", name)));
  root.replaceChildren(...parts);
}
