"""Seconds to cut planted hierarchical graphs of several sizes.

    OMP_NUM_THREADS=1 python benchmarks/hierarchy_speed.py

On a quiet machine. The budget is 1 s at 16,384 nodes and about 500,000 edges; the best of three
counts. Results: benchmarks/results/hierarchy_speed.json and .md.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from study import Results, arguments, line, results_file, rule

from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy

OUT = results_file("hierarchy_speed")
KINDS = ("degree_discounted", "plain")
"""Affinities; the first is what trees are cut from."""
REPEAT = 3
SIZES = ((347, 9_000), (1_024, 31_000), (4_096, 125_000), (16_384, 500_000), (65_536, 2_000_000))
LOCALITY = 0.7
"""Chance that an edge stays one level further down in the planted 4-ary tree."""


def planted(n: int, edges: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Edges whose target shares a random number of leading base-4 digits with the source."""
    depth = int(np.log(n / 8) / np.log(4))
    source = rng.integers(n, size=edges)
    shared = np.minimum(rng.geometric(1 - LOCALITY, size=edges) - 1, depth)
    width = np.ceil(n / 4.0**shared).astype(np.int64)
    target = np.minimum(source // width * width + rng.integers(width), n - 1)
    ends = rng.permutation(n)[np.stack([source, target])]
    return ends, rng.standard_normal(edges)


def main() -> None:
    given = arguments(__doc__, OUT).parse_args()
    about = {"command": "OMP_NUM_THREADS=1 python benchmarks/hierarchy_speed.py"}
    results = Results(given.out, page, under="sizes", about=about)
    sizes = {str(n): (n, edges) for n, edges in SIZES}
    for name in results.missing(sizes, again=given.again):
        results.put(name, measured(*sizes[name]))
    print(page(results.found))


def measured(n: int, edges: int) -> dict[str, Any]:
    """One size: the best seconds of either affinity, and the tree."""
    load = os.getloadavg()[0]
    ends, weight = planted(n, edges, np.random.default_rng(0))
    row: dict[str, Any] = {"nodes": n, "edges": edges, "load_before": round(load, 2)}
    for kind in KINDS:
        runs = [timed(n, ends, weight, HierarchySettings(affinity=kind)) for _ in range(REPEAT)]
        row[kind] = round(min(seconds for seconds, _ in runs), 3)
        row |= {"supernodes": runs[0][1].n_supernodes, "depth": runs[0][1].depth}
    return row


def timed(
    n: int, ends: np.ndarray, weight: np.ndarray, settings: HierarchySettings
) -> tuple[float, Hierarchy]:
    """Seconds that a tree took, and the tree."""
    begun = time.perf_counter()
    tree = build_hierarchy(n, ends, weight, settings)
    return time.perf_counter() - begun, tree


def page(found: Mapping[str, Any]) -> str:
    """The table."""
    head = ("nodes", "edges", "discounted s", "plain s", "supernodes", "depth", "load before")
    lines = [
        line(
            [
                *(f"{row[name]:,}" for name in ("nodes", "edges")),
                *(f"{row[kind]:.2f}" for kind in KINDS),
                *(str(row[name]) for name in ("supernodes", "depth", "load_before")),
            ]
        )
        for row in found["sizes"].values()
    ]
    says = f"`{found['command']}`; the budget is 1 s at 16,384 nodes."
    return "\n".join(
        ["# Seconds of a hierarchy", "", says, "", line(head), rule(len(head)), *lines, ""]
    )


if __name__ == "__main__":
    main()
