"""One row of `frontier`: candidates, rankings, exchanges, and what circuits of every size do."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from frontier_controls import is_head, matched_draws, matched_top, partings
from frontier_table import WANTED
from jaxtyping import Float, Int
from study import masks_of
from torch import Tensor

from core.circuit import Attention
from core.figures import number
from core.graph import NodeKind
from core.interventions import JUDGED, Evaluator
from core.pipeline.finding.discovery import dense_nodes
from core.pipeline.finding.probes import Probe
from core.pipeline.prepare import Batches, Prepared, head
from core.search import WIDE, ExchangeSettings, eliminate_jointly, exchange
from core.tasks import Split
from core.transcoders import TranscoderSet
from core.validation import faithfulness
from core.validation.metrics import behaviour

BESIDE = (30, 57, 100, 200, 347)
"""Sizes at which circuits without a search stand beside, besides the smallest good one."""


class Counting(NamedTuple):
    """What a node is."""

    heads: str
    """`live`, `counted` or `ablated`."""
    everywhere: bool = False


class Effort(NamedTuple):
    """How much a row is given."""

    sizes: tuple[int, ...]
    draws: int
    """Random circuits of a size."""
    prompts: int
    """Of the labels split."""
    limit: int | None
    """Prompts of the other splits; None: all."""
    rounds: int
    """Of exchanges; 0: none."""


class Frontier:
    """One search, and what it found at every size."""

    def __init__(
        self, prepared: Prepared, coders: TranscoderSet, way: Counting, effort: Effort
    ) -> None:
        self.prepared, self.coders, self.way, self.effort = prepared, coders, way, effort
        self.attention = Attention.LIVE if way.heads == "live" else Attention.CIRCUIT
        labels = prepared.evaluator(coders, Split.LABELS, effort.prompts)
        self.nodes = candidates(labels, way)
        self.labels = Probe.on(labels, self.nodes, self.attention)
        self.sizes = [size for size in effort.sizes if size < len(self.nodes)]

    def row(self) -> dict[str, Any]:
        """Everything of one row of the table."""
        selection, found = self._probe(Split.SELECTION), {}
        rankings = self._rankings()
        for name, order in rankings.items():
            self._better(selection, found, {s: order[:s] for s in self.sizes}, name)
        if self.effort.rounds:
            self._better(selection, found, self._exchanged(rankings, found), "exchanged")
        test = self._probe(Split.TEST)
        chosen = {size: found[size][1] for size in self.sizes}
        frontier = self._measured(test, chosen)
        for size, point in zip(self.sizes, frontier, strict=True):
            point |= {"selection_worst": round(found[size][0], 4), "by": found[size][2]}
        good = [size for size in self.sizes if found[size][0] >= WANTED]
        smallest = next((p for p in frontier if good and p["size"] == good[0]), None)
        beside = {s: chosen[s] for s in sorted({*BESIDE, *good[:1]} & set(chosen))}
        return {
            "candidates": len(self.nodes),
            "all_live": self._measured(test, {len(self.nodes): torch.arange(len(self.nodes))})[0],
            "smallest": smallest,
            "firing": self._firing(chosen[good[0] if good else self.sizes[-1]]),
            "random": self._random(test, beside),
            "controls": self._controls(test, beside),
            "swept": self._swept(selection, test),
            "frontier": frontier,
        }

    def _probe(self, split: Split) -> Probe:
        evaluator = self.prepared.evaluator(self.coders, split, self.effort.limit)
        return Probe.on(evaluator, self.nodes, self.attention)

    def _rankings(self) -> dict[str, Int[Tensor, " candidate"]]:
        every = torch.arange(len(self.nodes))
        dense = dense_nodes(self.nodes, self.coders.prefixes)
        parts = {"dense": every[dense]} if any(self.coders.prefixes) else {}
        if not parts or len(every) <= WIDE:
            parts["all"] = self._steepest(every)
        orders = {
            name: eliminate_jointly(len(every), self.labels.respond, candidates=part).order
            for name, part in parts.items()
        }
        return {
            name: torch.cat([order, every[~torch.isin(every, order)]])
            for name, order in orders.items()
        }

    def _steepest(self, every: Tensor) -> Tensor:
        """The candidates that joint elimination can hold, by squared slope with all live."""
        if len(every) <= WIDE:
            return every
        slope = self.labels.respond(torch.ones(len(every))).slope
        return slope.square().sum(0).topk(WIDE).indices.sort().values

    def _exchanged(
        self, rankings: dict[str, Tensor], found: dict[int, tuple[float, Tensor, str]]
    ) -> dict[int, Tensor]:
        options = ExchangeSettings(rounds=self.effort.rounds)
        ask, measure, n = self.labels.respond, self.labels.measure, len(self.nodes)
        return {
            size: exchange(
                n, found[size][1], rankings[found[size][2]], ask, measure, options
            ).chosen
            for size in self.sizes
        }

    def _better(
        self,
        selection: Probe,
        found: dict[int, tuple[float, Tensor, str]],
        circuits: dict[int, Tensor],
        name: str,
    ) -> None:
        """Takes, at each size, the circuit that does better on the selection split."""
        f, phi = selection.scores(masks_of(circuits.values(), len(self.nodes)))
        worst = torch.minimum(f, phi).amin(0).tolist()
        for (size, nodes), value in zip(circuits.items(), worst, strict=True):
            if size not in found or value > found[size][0]:
                found[size] = (value, nodes, name)

    def _measured(self, test: Probe, circuits: dict[int, Tensor]) -> list[dict[str, Any]]:
        f, phi, right = scores(test, masks_of(circuits.values(), len(self.nodes)))
        heads = self.prepared.model.n_layers * self.prepared.model.n_heads
        heads *= 1 if self.way.everywhere else self.prepared.length
        uncounted = heads if self.way.heads == "live" else 0
        return [
            {
                "size": size,
                "heads": int(is_head(self.nodes[chosen]).sum()),
                "features": self._by_layer(chosen),
                "live": size + uncounted,
                "bits": round(log2_choose(len(self.nodes), size)),
                **{f"f_{a.value}": _figure(f[j, i]) for j, a in enumerate(JUDGED)},
                **{f"phi_{a.value}": _figure(phi[j, i]) for j, a in enumerate(JUDGED)},
                **{f"right_{a.value}": _figure(right[j, i]) for j, a in enumerate(JUDGED)},
            }
            for i, (size, chosen) in enumerate(circuits.items())
        ]

    def _by_layer(self, chosen: Tensor) -> list[int]:
        """How many features a circuit has in each layer."""
        features = self.nodes[chosen][~is_head(self.nodes[chosen])]
        return torch.bincount(features[:, 1], minlength=self.coders.n_layers).tolist()

    def _random(
        self, test: Probe, circuits: dict[int, Tensor], prefer: Tensor | None = None
    ) -> list[dict[str, Any]]:
        """The best random circuit with as many nodes of each kind, layer and position."""
        found = []
        for size, chosen in circuits.items():
            draws = matched_draws(self.nodes, chosen, self.effort.draws, prefer)
            f, phi, _ = scores(test, draws)
            rows = [("f", f), ("phi", phi)]
            found.append(
                {"size": size, "n": len(draws)}
                | {
                    f"{name}_{a.value}_max": _figure(values[j].max())
                    for name, values in rows
                    for j, a in enumerate(JUDGED)
                }
            )
        return found

    def _controls(self, test: Probe, circuits: dict[int, Tensor]) -> dict[str, Any]:
        """By name, circuits without a search that have as many nodes at every site.

        None where there is no span to take a share of, as of permuted answers.
        """
        worth = {"first": -self.nodes[:, 3].float(), "most active": self._activity()}
        if scores(test, torch.ones(1, len(self.nodes))).f.isnan().any():
            return {}
        found: dict[str, Any] = {
            name: self._measured(
                test, {s: matched_top(self.nodes, one, by) for s, one in circuits.items()}
            )
            for name, by in worth.items()
        }
        if any(self.coders.prefixes):
            dense = dense_nodes(self.nodes, self.coders.prefixes)
            found["prefix random"] = self._random(test, circuits, dense)
        return found

    def _swept(self, selection: Probe, test: Probe) -> dict[str, Any] | None:
        """All heads and the first features of two layers, at each size as best on selection.

        None where a node is at one position, or the dictionary has no order.
        """
        two = self.coders.n_layers == 2 and any(self.coders.prefixes)
        if not (two and self.way.everywhere):
            return None
        sizes = []
        for size in (s for s in self.sizes if s >= is_head(self.nodes).sum()):
            ways = partings(self.nodes, size)
            f, phi = selection.scores(masks_of(ways.values(), len(self.nodes)))
            value, at = torch.minimum(f, phi).amin(0).max(0)
            counts, chosen = list(ways.items())[int(at)]
            sizes.append({"size": size, "layers": counts, "selection_worst": _figure(value)})
            if value >= WANTED:
                point = self._measured(test, {size: chosen})[0]
                return {"smallest": sizes[-1] | point, "sizes": sizes}
        return {"smallest": None, "sizes": sizes}

    def _activity(self) -> Float[Tensor, " node"]:
        """Mean |activation| of each feature where it is a node, clean labels prompts; heads: 0."""
        batches = head(self.prepared.batches[Split.LABELS], self.effort.prompts)
        mean = averaged(self.prepared, self.coders, batches, torch.abs)
        _, layer, position, index = self.nodes.T
        index = index.clamp(max=self.coders.n_features - 1)
        there = mean[layer, position.clamp(min=0), index]
        worth = torch.where(position < 0, mean.mean(1)[layer, index], there)
        return torch.where(is_head(self.nodes), 0.0, worth)

    def _firing(self, chosen: Tensor) -> dict[str, float]:
        """How often the kept features fire, on clean prompts of the selection split."""
        batches = self.prepared.batches[Split.SELECTION]
        rates = averaged(self.prepared, self.coders, batches, lambda a: a != 0)
        kind, layer, position, index = self.nodes[chosen].T
        kept = kind == int(NodeKind.FEATURE)
        everywhere = rates.mean(1)[layer[kept], index[kept]]
        there = rates[layer[kept], position[kept].clamp(min=0), index[kept]]
        rate = torch.where(position[kept] < 0, everywhere, there)
        low, middle, high = torch.quantile(rate, torch.tensor([0.1, 0.5, 0.9])).tolist()
        return {"p10": round(low, 3), "median": round(middle, 3), "p90": round(high, 3)}


class Measured(NamedTuple):
    """NaN where there is no span, or no right answer, to take a share of."""

    f: Float[Tensor, "ablation circuit"]
    phi: Float[Tensor, "ablation circuit"]
    right: Float[Tensor, "ablation circuit"]
    """Share of the prompts answered right."""


def scores(probe: Probe, masks: Float[Tensor, "circuit node"]) -> Measured:
    """F, φ and accuracy under both ablations, strict regime."""
    gates, found = probe.places.gates(masks), []
    for ablation in JUDGED:
        empty, model = probe.end_points[ablation]
        outcome = probe.evaluator.outcome(gates, ablation)
        f = faithfulness(outcome.logit_diff, empty.logit_diff[0], model.logit_diff[0])
        found.append((f, behaviour(outcome, model), outcome.correct.float().mean(1)))
    return Measured(*map(torch.stack, zip(*found, strict=True)))


def candidates(evaluator: Evaluator, way: Counting) -> Int[Tensor, "node 4"]:
    """Rows (kind, layer, position, index) that a search may choose from; -1: all positions."""
    active, bounds = evaluator.active(), evaluator.bounds
    rows = active.any(1).nonzero() if way.everywhere else active.nonzero()
    if way.everywhere:
        rows = torch.stack([rows[:, 0], torch.full_like(rows[:, 0], -1), rows[:, 1]], 1)
    parts = [torch.cat([torch.full((len(rows), 1), int(NodeKind.FEATURE)), rows], 1)]
    if way.heads == "counted":
        at = torch.tensor([-1]) if way.everywhere else torch.arange(bounds.n_positions)
        kind = torch.tensor([int(NodeKind.HEAD)])
        layers, heads = torch.arange(bounds.n_layers), torch.arange(bounds.n_heads)
        parts.append(torch.cartesian_prod(kind, layers, at, heads))
    return torch.cat(parts)


def averaged(
    prepared: Prepared, coders: TranscoderSet, batches: Batches, of: Callable[[Tensor], Tensor]
) -> Float[Tensor, "layer pos feature"]:
    """Mean, over clean prompts, of something of each feature's activation."""
    total = torch.zeros(coders.n_layers, prepared.length, coders.n_features)
    for batch in batches:
        activation = coders.encode(prepared.model.trace(batch.clean).mlp_in)
        total[:, prepared.length - batch.clean.shape[1] :] += of(activation).float().sum(1)
    return total / sum(len(batch.clean) for batch in batches)


def log2_choose(n: int, k: int) -> float:
    """Bits that say which k of n."""
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)


def _figure(value: Tensor) -> float | None:
    return number(float(value), 4)
