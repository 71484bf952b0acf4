// Where the arrow keys lead in the network.
//
// Up and down follow the strongest edge out of or into the node, left and right go along its row. On
// an opened supernode, right goes inside; its edges are those of all it holds.

/** Neighbours among the drawn `nodes` and `edges`; `chain` gives the supernodes a node lies in. */
export function createWalk({ nodes, edges, chain }) {
  const within = (n, id) => n.id !== id && chain(n.id).includes(id);

  function neighbourOf(id, way) {
    const inside = [...nodes().values()].filter((n) => within(n, id)).sort((a, b) => a.px - b.px);
    if (way === "right" && inside.length) return firstOf(inside, id);
    if (way === "up" || way === "down") {
      const [mine, theirs] = way === "up" ? ["from", "to"] : ["to", "from"];
      const own = new Set([id, ...inside.map((n) => n.id)]);
      const found = edges().filter((e) => own.has(e[mine]) && !own.has(e[theirs])).sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
      if (found.length) return found[0][theirs];
    }
    return nearest(nodes().get(id), way, inside);
  }

  /** The leftmost of what lies directly inside, be it opened itself. */
  const firstOf = (inside, id) => (inside.find((n) => chain(n.id)[1] === id) ?? inside[0]).id;

  /** The nearest node to one side; those in the same row, or the same column, come first. */
  function nearest(here, way, inside) {
    const along = way === "left" || way === "right";
    const side = way === "left" || way === "up" ? -1 : 1;
    const ahead = (n) => side * (along ? n.px - here.px : n.py - here.py);
    const aside = (n) => Math.abs(along ? n.py - (inside[0] ?? here).py : n.px - here.px);
    const found = [...nodes().values()]
      .filter((n) => n.kind !== "frame" && n.id !== here.id && !inside.includes(n) && ahead(n) > 2)
      .sort((a, b) => ahead(a) + 4 * aside(a) - ahead(b) - 4 * aside(b));
    return found[0]?.id ?? null;
  }

  /** Where the keyboard starts: the answer, or any node. */
  const first = () => [...nodes().values()].find((n) => n.lead)?.id ?? nodes().keys().next().value ?? null;

  return {
    first,
    neighbour(id, way) {
      const from = chain(id).find((at) => nodes().has(at)); // what is folded stands in its supernode
      return from ? neighbourOf(from, way) : first();
    },
  };
}
