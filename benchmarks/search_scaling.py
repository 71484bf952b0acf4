"""What a search costs as the number of nodes grows.

    OMP_NUM_THREADS=1 python benchmarks/search_scaling.py [--quick]

1. Planted problems of 10² to 10⁵ nodes: blocks of 16 nodes with dense edges inside and a few
   between; effects add up, and only the 32 nodes of a planted circuit have one. `modular` circuits
   lie within 64 consecutive nodes, `distributed` ones anywhere. The prior is the effect with noise.
2. For each: cutting the tree, group testing with and without the prior, and the way down the tree,
   with an oracle that costs nothing, so that seconds are the search's own work. Group testing goes
   on until its queue is empty; told as well is when 90 % of the circuit had been measured alone.
3. Forwards and seconds are fitted by c n^k (least squares on logarithms; 95 % intervals from
   resampling the problems) and held against n, n log n and n² log n: the cost over each law, its
   largest value over its smallest (1 is a perfect fit).

Seconds are processor time, which other work on the machine moves less; wall-clock is kept beside
it. Results: benchmarks/results/search_scaling.json and .md.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from study import Results, arguments, results_file
from torch import Tensor

from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.search import DescendSettings, Response, descend
from core.search.rivals import GroupSettings, best_first

SIZES = (100, 316, 1000, 3162, 10_000, 31_623, 100_000)
SEEDS = 3
BLOCK, CIRCUIT, PROMPTS = 16, 32, 32
INSIDE, BETWEEN = 4, 1
"""Edges a node has within its block, and to others."""
EPSILON = 1e-3
FIGURES = ("forwards", "forwards to 90 %", "seconds")
OUT = results_file("search_scaling")
MODELS = {
    "n": lambda n: n,
    "n log n": lambda n: n * np.log(n),
    "n² log n": lambda n: n**2 * np.log(n),
}


def main() -> None:
    """Runs every size and fits."""
    parser = arguments(__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 3,162 nodes, one seed; printed")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    sizes, seeds = (SIZES[:4], 1) if given.quick else (SIZES, SEEDS)
    points: list[dict[str, Any]] = []
    for n in sizes:
        for seed in range(seeds):
            points += measured(n, seed)
        print(n, points[-1], flush=True)
    found = {
        "command": "OMP_NUM_THREADS=1 python benchmarks/search_scaling.py",
        "fits": fits(points),
        "points": points,
    }
    results = Results(given.out, page, kept=not given.quick)
    results.found = found
    results.write()
    if given.quick:
        print(page(found))


def measured(n: int, seed: int) -> list[dict[str, Any]]:
    """Forwards and seconds of every method on one graph with either circuit."""
    rng = np.random.default_rng([seed, n])
    clock = Clock()
    tree = build_hierarchy(n, *planted_graph(n, rng), HierarchySettings(seed=seed))
    cut = clock.read()
    found = []
    for locality in ("modular", "distributed"):
        effect = planted_circuit(n, locality, rng)
        prior = np.abs(effect) + np.abs(rng.normal(0, 0.3 * np.abs(effect).max(), n))
        found.append({
            "n": n,
            "seed": seed,
            "locality": locality,
            "tree": cut,
            "groups, no prior": group_testing(tree, np.zeros(n), effect, 0.0),
            "groups": group_testing(tree, prior, effect, 0.0),
            "groups, 75 % by score": group_testing(tree, prior, effect, 0.75),
            "descend": down(tree, effect, rng),
        })  # fmt: skip
    return found


class Clock:
    """Processor time and wall-clock since it was made."""

    def __init__(self) -> None:
        """Starts."""
        self.start = time.process_time(), time.perf_counter()

    def read(self) -> dict[str, float]:
        """Seconds of either."""
        now = time.process_time(), time.perf_counter()
        processor, wall = (round(b - a, 4) for a, b in zip(self.start, now, strict=True))
        return {"seconds": processor, "wall": wall}


def planted_graph(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Edges mostly within blocks of consecutive nodes; always from the lower number."""
    inside, between = np.repeat(np.arange(n), INSIDE), np.repeat(np.arange(n), BETWEEN)
    near = inside // BLOCK * BLOCK + rng.integers(0, BLOCK, len(inside))
    far = rng.integers(0, n, len(between))
    source = np.concatenate([inside, between])
    target = np.concatenate([near.clip(max=n - 1), far])
    kept = source != target
    edges = np.sort(np.stack([source[kept], target[kept]]), axis=0)
    return edges, rng.lognormal(0, 0.5, edges.shape[1])


def planted_circuit(n: int, locality: str, rng: np.random.Generator) -> np.ndarray:
    """Effects of 32 nodes; 0 elsewhere."""
    if locality == "modular":
        first = rng.integers(0, max(1, n - 2 * CIRCUIT))
        pool = np.arange(first, min(n, first + 2 * CIRCUIT))
    else:
        pool = np.arange(n)
    effect = np.zeros(n)
    effect[rng.choice(pool, min(CIRCUIT, n // 3), replace=False)] = 1.0
    return effect * rng.lognormal(0, 0.5, n) * 0.05


def group_testing(
    tree: Hierarchy, prior: np.ndarray, effect: np.ndarray, trust: float
) -> dict[str, float]:
    """Until the queue is empty."""
    settings, clock = GroupSettings(epsilon=EPSILON, trust=trust), Clock()
    trace = best_first(
        tree, prior, lambda groups: np.array([effect[g].sum() for g in groups]), settings
    )
    spent, wanted = clock.read(), set(np.flatnonzero(effect).tolist())
    alone = np.cumsum([len(group) == 1 and group[0] in wanted for group in trace.order])
    return {
        "forwards": trace.forwards,
        "forwards to 90 %": int(np.argmax(alone >= 0.9 * len(wanted))) + 1,
        **spent,
        "recall": float(alone[-1]) / len(wanted),
    }


def down(tree: Hierarchy, effect: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Down the tree, each node's effect dealt to the prompts at random; circuits and slopes."""
    slope = torch.zeros(PROMPTS, len(effect))
    alive = np.flatnonzero(effect)
    dealt = rng.normal(effect[alive], effect[alive], (PROMPTS, len(alive)))
    slope[:, alive] = torch.from_numpy(dealt).float()
    target = slope.sum(1)

    def respond(mask: Tensor) -> Response:
        return Response(residual=slope @ mask - target, slope=slope)

    def measure(masks: Tensor) -> Tensor:
        return (masks @ slope.T - target).square().mean(1)

    clock = Clock()
    found = descend(tree, respond, measure, DescendSettings(floor=1e-5, keep=len(alive)))
    return {
        "forwards": found.forwards + 3 * found.responses,
        **clock.read(),
        "recall": float(np.isin(alive, found.live.numpy()).mean()),
        "live": len(found.live),
    }


def fits(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Exponents of every cost, per locality."""
    found = []
    for locality in ("modular", "distributed"):
        some = [point for point in points if point["locality"] == locality]
        n = np.array([point["n"] for point in some], dtype=float)
        costs = {}
        for name in [key for key in some[0] if isinstance(some[0][key], dict)]:
            for figure in FIGURES:
                if figure in some[0][name]:
                    costs[f"{name}, {figure}"] = np.array([point[name][figure] for point in some])
        rows = [{"cost": name, **fit(n, cost)} for name, cost in costs.items()]
        found += [{"locality": locality, **row} for row in rows]
    return found


def fit(n: np.ndarray, cost: np.ndarray) -> dict[str, Any]:
    """c n^k; small problems, whose seconds are overhead, are left out."""
    large = n >= 1000
    if large.sum() > 3:
        n, cost = n[large], cost[large]
    x, y = np.log(n), np.log(np.maximum(cost, 1e-4))
    rng = np.random.default_rng(0)
    draws = []
    while len(draws) < 500:
        rows = rng.integers(0, len(x), len(x))
        if len(np.unique(x[rows])) > 1:
            draws.append(np.polyfit(x[rows], y[rows], 1)[0])
    spread = {}
    for name, law in MODELS.items():
        ratio = np.exp(y) / law(n)
        spread[name] = round(float(ratio.max() / ratio.min()), 2)
    return {
        "exponent": round(float(np.polyfit(x, y, 1)[0]), 3),
        "interval": np.quantile(draws, [0.025, 0.975]).round(3).tolist(),
        "spread": spread,
        "at most": round(float(cost[n == n.max()].mean()), 4),
    }


def page(found: Mapping[str, Any]) -> str:
    """Markdown."""
    lines = [
        "# Cost of a search by the number of nodes",
        "",
        f"`{found['command']}`; from 1,000 nodes on. Spread: the cost over each law, largest to",
        "smallest; 1 is a perfect fit. The last column is the mean cost at the largest size.",
        "",
        "| circuit | cost | exponent (95 %) | spread over n | n log n | n² log n | largest |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found["fits"]:
        low, high = row["interval"]
        spread = " | ".join(f"{value:g}" for value in row["spread"].values())
        exponent = f"{row['exponent']:.2f} ({low:.2f} to {high:.2f})"
        cells = (row["locality"], row["cost"], exponent, spread, f"{row['at most']:g}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
