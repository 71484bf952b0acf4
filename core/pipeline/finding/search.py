"""From a task graph to a circuit.

1. The tree: supernodes cut from the task graph's edges among features, and heads where they count
   (`core.pipeline.finding.tree`).
2. `hierarchical`: from the full circuit down, first the sparse part of a nested dictionary, site
   by site (its dense features reconstruct alone), then down the tree, supernodes are dropped while
   real ablations on the labels split say that the task does without them (`core.search.descend`);
   what is left is ranked by joint elimination (`core.search.joint`), so that circuits of all sizes
   are nested. The guide says which supernodes are tried closed first and which last, and orders
   what was dropped, behind it, and so which of those an exchange may bring back.
3. Beside it, for comparison: joint elimination without the tree (`flat`, where there are not too
   many candidates) and, in a nested dictionary, of its dense features alone, which reconstruct by
   themselves (`dense`); the most active nodes of the same sites (`active`); and the guide's score
   alone (`guide`). `core.pipeline.finding.rankings` makes all of them.
4. The size: the one asked for, or the smallest that reaches the aim on the selection split under
   resample and mean ablation both (`core.pipeline.finding.sizes`). The ranking that needs the
   fewest nodes is taken (or, where none gets there, the one that comes closest); among equals the
   hierarchical one.
5. Exchange at that size; then at smaller sizes, as long as the aim is still reached.
6. Hard-concrete gates, started from there. Exchanges and gates look at the labels split, and are
   taken only if the circuit does better on the selection split; otherwise it stands.

`python benchmarks/search_study.py` compares these with group testing and with elimination by
squared gradients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from core.circuit import GatedNode, gated_nodes
from core.guide import GuideScores
from core.hierarchy import Hierarchy
from core.pipeline.finding.probes import Probe
from core.pipeline.finding.rankings import MEASURE_COST, RESPONSE_COST, OnSearch, rankings_of
from core.pipeline.finding.sizes import SIZES, Choice, choose_size, worst
from core.pipeline.progress import Clock, RunProgress
from core.pipeline.settings import RunSettings
from core.search import (
    RefineSettings,
    SearchProgress,
    exchange,
    refine,
)

GATED = 3
"""Nodes whose gates are trained, in circuits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What a search found."""

    order: tuple[GatedNode, ...]
    """Every candidate, strongest first; each prefix is a circuit."""
    size: int
    """Nodes of the circuit."""
    forwards: int
    """Circuits run by the ranking that was taken; a backward pass counts as two."""
    record: Mapping[str, Any]
    """What was tried and how it did on the selection split, as JSON values."""

    @property
    def circuit(self) -> tuple[GatedNode, ...]:
        """The nodes of the circuit."""
        return self.order[: self.size]


def search(
    probe: Probe,
    selection: Probe,
    tree: Hierarchy,
    prior: GuideScores,
    dense: Bool[Tensor, " node"],
    settings: RunSettings,
    clock: Clock,
) -> Found:
    """Finds a circuit.

    Args:
        probe: On the labels split: what the search may look at.
        selection: On the selection split, over the same nodes: chooses size and refinement.
        tree: Over the nodes of the probes.
        prior: The guide's scores over the tree; see 2.
        dense: Nodes in the dense prefix of a nested dictionary; all false for others.
        settings: Of the run.
        clock: Told of every step, and where ranking ends and refinement begins.
    """

    def tell(step: SearchProgress) -> None:
        stage = "refine" if step.stage in ("exchange", "refine") else "search"
        clock.progress(RunProgress(stage=stage, done=step.done, total=step.total, note=step.stage))

    rankings = rankings_of(probe, tree, prior, dense, settings, tell)
    choices = {name: choose_size(selection, r.nodes, settings) for name, r in rankings.items()}
    best = min(choices, key=lambda name: choices[name].rank)
    clock.finish(
        "search", f"{choices[best].size} nodes, ranked in {rankings[best].forwards} forwards"
    )
    ranking, size, steps = _exchanged(
        probe, selection, rankings[best].nodes, choices[best], settings, tell
    )
    ranking, note = _refined(probe, selection, ranking, size, settings, tell)
    return Found(
        order=gated_nodes(probe.nodes[ranking]),
        size=size,
        forwards=rankings[best].forwards,
        record={
            "taken": best,
            "forwards": {name: r.forwards for name, r in rankings.items()},
            "selection": {name: choice.scan for name, choice in choices.items()},
            "tree": rankings["hierarchical"].rounds,
            "exchange": steps,
            "refinement": note,
            "candidates": len(ranking),
        },
    )


def _exchanged(
    probe: Probe,
    selection: Probe,
    ranking: Tensor,
    choice: Choice,
    settings: RunSettings,
    tell: OnSearch,
) -> tuple[Tensor, int, list[dict[str, Any]]]:
    """Exchanges at the chosen size, then at smaller ones while they reach the aim."""
    size, steps = choice.size, []
    best = worst(selection, ranking, size)
    smaller = [s for s in reversed(SIZES) if s < size]
    if settings.size is not None or best < settings.aim:
        smaller = []
    for asked in (size, *smaller):
        found = exchange(
            len(probe.nodes), ranking[:asked], ranking, probe.respond, probe.measure, progress=tell
        )
        changed = in_front(ranking, found.chosen)
        after = worst(selection, changed, asked)
        taken = after > best if asked == choice.size else after >= settings.aim
        steps.append(
            {
                "size": asked,
                "worst_after": round(after, 4),
                "forwards": RESPONSE_COST * found.responses + MEASURE_COST * found.forwards,
                "taken": taken,
            }
        )
        if taken:
            ranking, size = changed, asked
        elif asked < choice.size:
            break
    return ranking, size, steps


def in_front(ranking: Tensor, chosen: Tensor) -> Tensor:
    """The ranking with these nodes first; either part keeps its order."""
    inside = torch.isin(ranking, chosen)
    return torch.cat([ranking[inside], ranking[~inside]])


def _refined(
    probe: Probe,
    selection: Probe,
    ranking: Tensor,
    size: int,
    settings: RunSettings,
    tell: OnSearch,
) -> tuple[Tensor, dict[str, float | bool]]:
    """The ranking with the gates' circuit in front, if that is better on the selection split."""
    start = torch.zeros(len(probe.nodes))
    start[ranking] = torch.linspace(1, 0, len(ranking))
    # With the default spread most gates start half open, and what they let through by chance
    # drowns what the loss says of each: a good circuit comes out worse (benchmarks/search_study).
    options = RefineSettings(steps=settings.refine_steps, seed=settings.seed, spread=4.0, lr=0.03)
    # Nodes far down the ranking only add noise: every gate that is open by chance is.
    near = ranking[: GATED * size]
    gates = refine(probe.loss, size, start, options, candidates=near, progress=tell)
    changed = in_front(ranking, gates.chosen)
    before, after = (worst(selection, order, size) for order in (ranking, changed))
    note = {"worst_before": before, "worst_after": after, "taken": after > before}
    return (changed if after > before else ranking), note
