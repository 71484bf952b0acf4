"""What ablating the nodes of a bundled model really does, alone and in groups.

In the strict regime under resample ablation, in shares of the model's mean margin over its empty
circuit:

    noising     what is lost when the nodes alone are ablated among all candidates
    denoising   what is won when the nodes alone are live

1. Every single node, exactly, by `core.lessons.effects` (which runs only what the node changes).
2. Groups by gates, as a search does; each group once, however many searches ask about it.
3. What matters: of the `TOP` nodes with the largest effect on the selection split those whose
   effect there is beyond chance. Chance is what is left of it when the sign of the effect on every
   prompt is a coin, its 95th percentile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.graph import AttributionGraph
from core.guide import Pooled
from core.hierarchy import Hierarchy
from core.interventions import Ablation, Evaluator
from core.lessons.effects import single_effects
from core.pipeline.finding.discovery import candidates_of, dense_nodes
from core.pipeline.finding.pooled import pooled_statistics
from core.pipeline.finding.probes import Probe
from core.pipeline.finding.tree import cut, node_graph
from core.pipeline.prepare import Prepared
from core.pipeline.progress import ignore
from core.pipeline.settings import RunSettings
from core.tasks import Split
from core.transcoders import TranscoderSet

ROWS = 64
"""Circuits run in one call."""
TOP = 100
"""Nodes that may count as important."""
FLIPS = 1000
"""Draws of signs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Searched:
    """What is searched, and what would be found by ablating everything."""

    graph: AttributionGraph
    pooled: Pooled
    """Statistics that guides read."""
    places: Int[Tensor, " node"]
    """Of each candidate in the graph."""
    dense: Bool[Tensor, " node"]
    """In the dense prefix of a nested dictionary."""
    tree: Hierarchy
    search: "Effects"
    """On the labels split, which a search may look at."""
    truth: "Effects"
    """On the selection split."""


class Effects:
    """Effects on one split; groups are kept, so that none is run twice."""

    def __init__(self, evaluator: Evaluator, nodes: Int[Tensor, "node 4"]) -> None:
        """Measures the end points and every single node."""
        self.probe = Probe.on(evaluator, nodes)
        n = len(nodes)
        self.whole, self.empty = self._margins(torch.stack([torch.ones(n), torch.zeros(n)]))
        model = evaluator.model_outcome().logit_diff[0]
        self.span = float(model.mean() - self.empty.mean())
        parts = evaluator._parts  # noqa: SLF001
        found = single_effects(evaluator.model, evaluator.transcoders, parts, nodes[:, 1:])
        self.single = torch.stack([found.noising, found.denoising], 1).double().numpy()
        self._known: dict[bytes, np.ndarray] = {}

    def __call__(self, groups: Sequence[np.ndarray]) -> Float[np.ndarray, "group kind"]:
        """Noising and denoising effect of each group, the mean over prompts."""
        new = [g for g in groups if len(g) > 1 and _key(g) not in self._known]
        if new:
            measured = self.by_prompt(new).mean(-1).astype(np.float64)
            self._known |= {_key(g): row for g, row in zip(new, measured, strict=True)}
        return np.stack(
            [self.single[g[0]] if len(g) == 1 else self._known[_key(g)] for g in groups]
        )

    def by_prompt(self, groups: Sequence[np.ndarray]) -> Float[np.ndarray, "group kind prompt"]:
        """The same, prompt by prompt, without looking anything up."""
        live = torch.zeros(len(groups), len(self.probe.nodes))
        for row, group in zip(live, groups, strict=True):
            row[torch.tensor(group)] = 1.0
        lost = self.whole - self._margins(1 - live)
        won = self._margins(live) - self.empty
        return (torch.stack([lost, won], 1) / self.span).numpy()

    @property
    def strength(self) -> Float[np.ndarray, " node"]:
        """The larger |effect| of each node alone."""
        return np.abs(self.single).max(1)

    def important(self) -> Int[np.ndarray, " important"]:
        """See 3."""
        best = np.argsort(-self.strength, kind="stable")[:TOP]
        effect = self.by_prompt([np.array([i]) for i in best])
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (FLIPS, effect.shape[-1]))
        chance = np.quantile(np.abs(effect @ signs.T) / effect.shape[-1], 0.95, axis=-1)
        return best[(np.abs(effect.mean(-1)) > chance).any(1)]

    @property
    def n_prompts(self) -> int:
        """Prompts each circuit is run on."""
        return len(self.empty)

    def _margins(self, masks: Float[Tensor, "circuit node"]) -> Float[Tensor, "circuit prompt"]:
        gates, run = self.probe.places.gates, self.probe.evaluator.outcome
        parts = [run(gates(some), Ablation.RESAMPLE).logit_diff for some in masks.split(ROWS)]
        return torch.cat(parts)


def _key(group: np.ndarray) -> bytes:
    return np.sort(group).tobytes()


def searched(prepared: Prepared, coders: TranscoderSet, prompts: int) -> Searched:
    """Candidates and tree as in `hagd run`; groups are measured on so many prompts."""
    settings = RunSettings()
    task, whole, _ = candidates_of(prepared, coders, settings, ignore)
    graph = node_graph(whole)
    few = prepared.evaluator(coders, Split.LABELS, prompts)
    return Searched(
        graph=whole,
        pooled=pooled_statistics(prepared, coders, task, whole, settings.graph_prompts),
        places=graph.place,
        dense=dense_nodes(graph.nodes, coders.prefixes),
        tree=cut(graph, settings),
        search=Effects(few, graph.nodes),
        truth=Effects(prepared.evaluator(coders, Split.SELECTION), graph.nodes),
    )
