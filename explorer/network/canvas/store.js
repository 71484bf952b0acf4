// What the reader has chosen: changed set, selection, opened supernodes, hover, and one step back.
//
// `changes` maps a node or supernode id to a factor: 0 ablated, 1 put back, anything else scaled.
// The nearest entry up the tree holds for a node, so C ablated with C1 put back leaves C1 live.

const PATIENCE = 600; // ms that the app may take to hear of the last choice once it has answered an older one

export function createStore(app) {
  const listeners = new Set();
  const past = [];
  const state = { rev: -1, seq: 0, changes: new Map(), selection: [], opened: [], hover: null, have: [] };

  const parentOf = (id) => app.graph?.parents[id] ?? null;

  function chain(id) {
    const ids = [];
    for (let at = id; at && ids.length < 64; at = parentOf(at)) ids.push(at);
    return ids;
  }

  let known = { graph: null, heads: new Map() };
  /** Nodes that an id names: itself, or, of a head without a position, the head wherever the circuit has it. */
  function places(id) {
    if (known.graph !== app.graph) known = { graph: app.graph, heads: new Map() };
    if (!/^L\d+H\d+$/.test(id) || !app.graph) return [id];
    if (!known.heads.has(id)) known.heads.set(id, [id, ...Object.keys(app.graph.parents).filter((node) => node.startsWith(`${id}@`))]);
    return known.heads.get(id);
  }

  /** Factor that holds for this node and where it was set. */
  function scale(id) {
    for (const at of chain(id)) if (state.changes.has(at)) return state.changes.get(at);
    return 1;
  }

  /** Share of a supernode's nodes that entries inside it ablate; 0 where it is ablated itself. */
  function partly(id) {
    const sizes = app.graph?.sizes ?? {};
    if (!sizes[id] || scale(id) === 0) return 0;
    let gone = 0;
    for (const [node, factor] of state.changes) {
      const above = chain(node).slice(1);
      if (!above.includes(id)) continue;
      const before = above.find((at) => state.changes.has(at));
      const was = before === undefined ? 1 : state.changes.get(before);
      if ((factor === 0) !== (was === 0)) gone += (factor === 0 ? 1 : -1) * (sizes[node] ?? 1);
    }
    return Math.max(0, Math.min(1, gone / sizes[id]));
  }

  /** Scaled nodes inside a supernode that is not itself changed: [id, factor] of each. */
  function scaledIn(id) {
    if (!app.graph?.sizes?.[id] || scale(id) !== 1) return [];
    return [...state.changes].filter(([node, factor]) => factor !== 0 && factor !== 1 && node !== id && chain(node).includes(id));
  }

  /** What was done to the changed set, in one word. */
  function word() {
    const done = new Set([...state.changes.values()].filter((f) => f !== 1).map((f) => (f === 0 ? "ablated" : "scaled")));
    return done.size === 1 ? [...done][0] : done.size ? "changed" : "ablated";
  }

  const notify = () => listeners.forEach((f) => f(state));

  const chase = { timer: null, seq: -1 };
  /** Two choices within milliseconds can lose the second on the way: where only the older one was heard, say it again. */
  function makeSure(heard) {
    clearTimeout(chase.timer);
    if ((heard ?? state.seq) >= state.seq || chase.seq === state.seq) return;
    chase.timer = setTimeout(() => {
      send();
      chase.seq = state.seq; // once is enough: an app that does not count would be asked for ever
    }, PATIENCE);
  }

  function send() {
    state.seq += 1;
    app.send?.({
      rev: state.rev,
      seq: state.seq,
      have: state.have,
      changes: [...state.changes].map(([node, factor]) => ({ node, scale: factor })),
      selection: state.selection,
      opened: state.opened,
    });
    notify();
  }

  function changeTo(change) {
    past.push(new Map(state.changes));
    if (past.length > 100) past.shift();
    change(state.changes);
    send();
  }

  /** Python changed the set (Clear all, a chip taken back): a step like any other. */
  function note(changes) {
    const same = changes.size === state.changes.size && [...changes].every(([node, factor]) => state.changes.get(node) === factor);
    if (!same) past.push(new Map(state.changes));
  }

  /** One factor for a node; a factor that says nothing new removes its entry. */
  function setScale(ids, factor) {
    changeTo((changes) => {
      for (const id of ids) {
        changes.delete(id);
        if (scale(id) !== factor) changes.set(id, factor);
      }
    });
  }

  return {
    state,
    chain,
    places,
    scale,
    partly,
    scaledIn,
    word,
    notify,
    subscribe: (f) => listeners.add(f),
    ask() {
      state.have = [];
      send();
    },
    /** Python's view counts only when its revision is newer than ours. */
    receive(view, have, seq) {
      state.have = have; // what Python need not send again
      state.seq = Math.max(state.seq, seq ?? 0); // after a remount, go on counting
      makeSure(seq);
      if (!view || view.rev <= state.rev) return;
      const changes = new Map((view.changes ?? []).map((c) => [c.node, c.scale]));
      if (state.rev >= 0) note(changes);
      state.rev = view.rev;
      state.changes = changes;
      state.selection = [...(view.selection ?? [])];
      state.opened = [...(view.opened ?? [])];
    },
    select(id, add = false) {
      const had = state.selection.includes(id);
      if (id === null) state.selection = [];
      else if (!add) state.selection = [id];
      else state.selection = had ? state.selection.filter((x) => x !== id) : [...state.selection, id];
      send();
    },
    /** Select a node and open the supernodes that hold it. */
    reveal(id) {
      const above = chain(id).slice(1).reverse();
      state.opened = [...state.opened, ...above.filter((x) => !state.opened.includes(x))];
      state.selection = [id];
      send();
    },
    /** Things move under the mouse: what it pointed at is no longer there. No redraw by itself. */
    settle() {
      state.hover = null;
    },
    hover(id) {
      if (state.hover === id) return;
      state.hover = id;
      notify();
    },
    /** Ablate what is live; put back what is not. */
    toggle(ids) {
      const all = ids.every((id) => scale(id) === 0);
      setScale(ids, all ? 1 : 0);
    },
    setScale,
    clear() {
      if (state.changes.size) changeTo((changes) => changes.clear());
    },
    undo() {
      if (!past.length) return;
      state.changes = past.pop();
      send();
    },
    isOpen: (id) => state.opened.includes(id),
    /** Open a supernode in place (with its ancestors); again closes it and what is in it. */
    toggleOpen(id) {
      if (!app.graph?.openable.includes(id)) return;
      if (state.opened.includes(id)) {
        state.opened = state.opened.filter((x) => !chain(x).includes(id));
      } else {
        const lineage = chain(id).reverse();
        state.opened = [...new Set([...state.opened.filter((x) => !lineage.includes(x)), ...lineage])];
      }
      send();
    },
    /** One level up: close the supernode opened last. */
    up() {
      if (!state.opened.length) return;
      const last = state.opened[state.opened.length - 1];
      state.opened = state.opened.filter((x) => !chain(x).includes(last));
      state.selection = [last];
      send();
    },
  };
}
