/* The Lab's log: one entry a test, newest first. A click sends its key as the trigger "reopened".
 *   data.tests  [{key, title, before, after, share (0..1), when, how, setting, open,
 *                 compared: null | {verdict, draws, rows: [[name, value, best random, p]]}}]
 */
function html(tag, cls, ...children) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  for (const child of children) if (child != null) node.append(child);
  return node;
}

/** Necessity and sufficiency, each beside the best of the random selections. */
function comparison(found) {
  const cells = found.rows.flatMap(([name, value, random, p]) => [
    html("span", "", name), html("b", "", value), html("span", "dim", `random \u2264 ${random}`), html("span", "dim", p),
  ]);
  return html("span", "compared", html("span", "verdict", found.verdict), html("span", "figures", ...cells));
}

export default function ({ data, parentElement, setTriggerValue }) {
  const entries = data.tests.map((test) => {
    const fill = html("i", "");
    fill.style.width = `${100 * test.share}%`;
    const outcome = html("span", "outcome", `${test.before} \u2192 `, html("b", "", test.after));
    const action = html("span", "action", test.open ? "open now" : "reopen");
    const entry = html(
      "button", test.open ? "entry open" : "entry",
      html("span", "title", test.title), outcome,
      html("span", "when", `${test.when} \u00b7 ${test.how}`), html("span", "bar", fill), action,
      test.compared ? comparison(test.compared) : null,
    );
    entry.type = "button";
    if (test.open) entry.setAttribute("aria-current", "true");
    entry.title = `${test.title}, ${test.setting}\nmedian P(right answer) ${test.before} \u2192 ${test.after}`;
    entry.onclick = () => { if (!test.open) setTriggerValue("reopened", test.key); };
    return entry;
  });
  parentElement.querySelector(".log").replaceChildren(...entries);
}
