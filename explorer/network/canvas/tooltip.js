// One floating note. It waits 120 ms, so that crossing the picture stays calm.

import { element } from "./dom.js";

const WAIT_MS = 120;

export function createTooltip(root) {
  const note = element("div", { class: "tooltip", role: "tooltip", "data-testid": "canvas-tooltip" });
  note.hidden = true;
  root.append(note);
  let timer = null;
  let rest = null; // where the mouse lay when things moved under it
  let last = { x: -1, y: -1 };

  function place(x, y) {
    const box = root.getBoundingClientRect();
    const size = note.getBoundingClientRect();
    const after = x + 14;
    const left = after + size.width > window.innerWidth - 8 || after + size.width > box.right ? x - size.width - 14 : after;
    const below = y + 16;
    const top = below + size.height > window.innerHeight - 8 ? y - size.height - 12 : below;
    note.style.left = `${Math.max(8, left) - box.left}px`;
    note.style.top = `${Math.max(8, top) - box.top}px`;
  }

  return {
    /** Hide, and stay silent until the mouse itself moves. */
    quiet() {
      clearTimeout(timer);
      note.hidden = true;
      rest = { ...last };
    },
    /** Did the mouse move, or only what lies under it? */
    stirred(event) {
      const away = rest === null || Math.abs(event.clientX - rest.x) + Math.abs(event.clientY - rest.y) > 2;
      last = { x: event.clientX, y: event.clientY };
      if (away) rest = null;
      return away;
    },
    /** `lines`: array of lines, each an array of [text, class]. */
    show(lines, x, y) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        note.replaceChildren(
          ...lines.map((line) =>
            element("div", {}, ...line.map(([text, kind]) => element("span", { class: kind ?? "", text }))),
          ),
        );
        note.hidden = false;
        place(x, y);
      }, WAIT_MS);
    },
    hide() {
      clearTimeout(timer);
      note.hidden = true;
    },
  };
}
