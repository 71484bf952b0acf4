"""Circuits of one dictionary in `transcoder_study`: F and φ by size, beside random ones."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from study import first_of
from torch import Tensor

from core.choices import JUDGED
from core.circuit import Attention
from core.graph import NodeKind
from core.pipeline.finding.probes import Probe
from core.pipeline.prepare import Prepared
from core.search import Response, eliminate_jointly
from core.tasks import Split

SIZES = (25, 40, 49, 57, 75, 100, 150, 200, 347)
RANDOM_SIZES = (25, 49, 100, 200, 347)
DRAWS = 10
"""Random circuits of each size."""
COUNTED = (30, 40, 49, 53, 57, 65, 75, 85, 100)
"""Sizes where heads count and positions do not."""


class Asked(Protocol):
    """What is asked of a basis: how circuits of its nodes answer."""

    @property
    def nodes(self) -> Int[Tensor, "node 4"]: ...

    def respond(self, mask: Float[Tensor, " node"], /) -> Response: ...

    def scores(self, masks: Float[Tensor, "circuit node"], /) -> tuple[Tensor, Tensor]: ...


def anywhere(prepared: Prepared, asked: Mapping[Split, Asked]) -> dict[str, Any]:
    """Circuits of features and heads at all positions, all else ablated; ranked on labels."""
    labels, model = asked[Split.LABELS], prepared.model
    assert isinstance(labels, Probe)
    features = labels.nodes.clone()
    features[:, 2] = -1
    layer, head = torch.cartesian_prod(*map(torch.arange, (model.n_layers, model.n_heads))).T
    kind, everywhere = torch.full_like(layer, int(NodeKind.HEAD)), torch.full_like(layer, -1)
    heads = torch.stack([kind, layer, everywhere, head], 1)
    nodes = torch.cat([features.unique(dim=0), heads])
    found, order = {}, torch.arange(0)
    for split, one in asked.items():
        assert isinstance(one, Probe)
        probe = Probe.on(one.evaluator, nodes, Attention.CIRCUIT)
        if split is Split.LABELS:
            order = eliminate_jointly(len(nodes), probe.respond).order
            continue
        f, phi = probe.scores(first_of(order, COUNTED, len(nodes)))
        is_head = nodes[:, 0] == int(NodeKind.HEAD)
        found[f"anywhere_{split.value}"] = {
            str(size): {
                **_figures(f[:, i : i + 1], phi[:, i : i + 1]),
                "heads": int(is_head[order[:size]].sum()),
            }
            for i, size in enumerate(COUNTED)
        }
    return found


def circuits(asked: Asked, order: Int[Tensor, " node"], seed: int) -> dict[str, Any]:
    """F and φ of the first n nodes, of all, of none but chance: random circuits of some sizes."""
    n = len(order)
    sizes = [size for size in SIZES if size <= n]
    f, phi = asked.scores(first_of(order, [*sizes, n], n))
    found: dict[str, Any] = {
        str(size): _figures(f[:, i : i + 1], phi[:, i : i + 1])
        for i, size in enumerate([*sizes, "all"])
    }
    generator = torch.Generator().manual_seed(seed)
    for size in RANDOM_SIZES:
        if size <= n:
            drawn = torch.stack([_draw(asked.nodes, order[:size], generator) for _ in range(DRAWS)])
            found[str(size)]["random"] = _figures(*asked.scores(drawn))
    return found


def _figures(
    f: Float[Tensor, "ablation circuit"], phi: Float[Tensor, "ablation circuit"]
) -> dict[str, float]:
    """The best of the circuits given."""
    best = {"f": f.amax(1).tolist(), "phi": phi.amax(1).tolist()}
    return {
        f"{name}_{how}": round(value, 4)
        for name, values in best.items()
        for how, value in zip(JUDGED, values, strict=True)
    }


def _draw(
    nodes: Int[Tensor, "node 4"], circuit: Int[Tensor, " chosen"], generator: torch.Generator
) -> Float[Tensor, " node"]:
    """A random circuit with equally many nodes at each (layer, position)."""
    site = nodes[:, 1] * (1 + int(nodes[:, 2].max())) + nodes[:, 2]
    mask = torch.zeros(len(nodes))
    for one, count in zip(*site[circuit].unique(return_counts=True), strict=True):
        pool = (site == one).nonzero()[:, 0]
        mask[pool[torch.randperm(len(pool), generator=generator)[: int(count)]]] = 1
    return mask
