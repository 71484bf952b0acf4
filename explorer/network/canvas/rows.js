// Lines of the page that stand for a node (`data-go`): a click selects it in the network and opens
// what holds it, the pointer or the keyboard on it lights it. No round trip: the page's HTML is
// drawn by Python, and only the document is listened to.

const lineOf = (event) => event.target?.closest?.("[data-go]");

export function bindRows(app) {
  const { root, store, tooltip } = app;
  const alive = () => root.isConnected && app.graph;

  function point(event) {
    if (!alive()) return;
    const line = lineOf(event);
    if (line) store.hover(line.dataset.go);
  }

  function leave(event) {
    if (alive() && lineOf(event) && !event.relatedTarget?.closest?.("[data-go]")) store.hover(null);
  }

  function go(event) {
    const line = alive() && lineOf(event);
    if (!line) return;
    tooltip.quiet();
    store.reveal(line.dataset.go);
  }

  const heard = { click: go, mouseover: point, focusin: point, mouseout: leave, focusout: leave };
  for (const [name, act] of Object.entries(heard)) document.addEventListener(name, act);
  return { destroy: () => Object.entries(heard).forEach(([name, act]) => document.removeEventListener(name, act)) };
}
