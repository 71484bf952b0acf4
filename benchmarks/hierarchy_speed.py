"""Seconds to cut planted hierarchical graphs of several sizes.

    OMP_NUM_THREADS=1 python benchmarks/hierarchy_speed.py

On a quiet machine. The budget is 1 s at 16,384 nodes and about 500,000 edges.
"""

import time

import numpy as np
from rich.console import Console
from rich.table import Table
from study import arguments

from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy

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
    """Prints the best of three for every size."""
    arguments(__doc__).parse_args()
    table = Table("nodes", "edges", "discounted s", "plain s", "supernodes", "depth")
    for n, edges in SIZES:
        ends, weight = planted(n, edges, np.random.default_rng(0))
        discounted, plain = (
            [timed(n, ends, weight, HierarchySettings(affinity=kind)) for _ in range(3)]
            for kind in ("degree_discounted", "plain")
        )
        best = [f"{min(seconds for seconds, _ in runs):.3f}" for runs in (discounted, plain)]
        tree = plain[0][1]
        table.add_row(f"{n:,}", f"{edges:,}", *best, str(tree.n_supernodes), str(tree.depth))
    Console().print(table)


def timed(
    n: int, ends: np.ndarray, weight: np.ndarray, settings: HierarchySettings
) -> tuple[float, Hierarchy]:
    """Seconds that a tree took, and the tree."""
    begun = time.perf_counter()
    tree = build_hierarchy(n, ends, weight, settings)
    return time.perf_counter() - begun, tree


if __name__ == "__main__":
    main()
