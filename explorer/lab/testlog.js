/* The Lab's log: one entry a test, newest first. A click sends its key as the trigger "reopened".
 *   data.tests  [{key, title, before, after, share (0..1), when, how, open}]
 */
function html(tag, cls, ...children) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  for (const child of children) if (child != null) node.append(child);
  return node;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const entries = data.tests.map((test) => {
    const fill = html("i", "");
    fill.style.width = `${100 * test.share}%`;
    const outcome = html("span", "outcome", `${test.before} → `, html("b", "", test.after));
    const action = html("span", "action", test.open ? "open now" : "reopen");
    const entry = html(
      "button", test.open ? "entry open" : "entry",
      html("span", "title", test.title), outcome,
      html("span", "when", `${test.when} · ${test.how}`), html("span", "bar", fill), action,
    );
    entry.type = "button";
    entry.title = `${test.title}: median P(answer) ${test.before} → ${test.after}`;
    entry.onclick = () => { if (!test.open) setTriggerValue("reopened", test.key); };
    return entry;
  });
  parentElement.querySelector(".log").replaceChildren(...entries);
}
