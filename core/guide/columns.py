"""What is said of each node of a graph before any message is sent: scale-free columns.

1. Magnitudes (activation, influence, effects on the logits, strengths, degrees) as rank quantiles
   within the graph, so that their scale, which differs from model to model, is gone.
2. For the few that rank best alone, also how far below the largest they are, in decades, and their
   quantile within their own layer and position.
3. Shares, frequencies and places, which have no scale to begin with.

`shifted` means times shift over size (`core.guide.pooled`): the part of it that a resample moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata

from core.graph import AttributionGraph, NodeKind, influence, total_effect
from core.guide.pooled import Pooled

RANKED = (
    "activation",
    "shift",
    "influence",
    "influence_of_sizes",
    "shifted_influence",
    "varying_influence",
    "direct_logit_effect",
    "direct_logit_size",
    "shifted_direct",
    "total_effect",
    "shifted_total",
    "strength_in",
    "strength_out",
    "degree_in",
    "degree_out",
)
"""Given as rank quantiles of the absolute value within the graph."""
SCALED = ("shifted_influence", "varying_influence", "shifted_direct", "shifted_total")
"""Of these also the decades below the largest, and the quantile within the site."""
PLACES = (
    "frequency",
    "shift_ratio",
    "sign_agreement",
    "error_share",
    "site_share",
    "layer_share",
    "position_share",
    "at_last_position",
)
FIXED = (
    *(f"decades_{name}" for name in SCALED),
    *(f"in_site_{name}" for name in SCALED),
    *PLACES,
    *(f"kind_{int(kind)}" for kind in NodeKind),
)
"""Columns after the ranked ones."""
DECADES = 5.0
"""Smaller by more decades than this is all the same."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Columns of a graph's nodes, and what edges need of them."""

    x: Float[np.ndarray, "node column"]
    """`RANKED`, then `FIXED`."""
    weight: Float[np.ndarray, " edge"]
    """Direct effect of each edge."""
    edge_size: Float[np.ndarray, " edge"]
    """Mean |direct effect|."""
    total_in: Float[np.ndarray, " node"]
    """Σ edge_size of the edges into each node."""
    total_out: Float[np.ndarray, " node"]
    """The same of the edges out of it."""


def columns_of(graph: AttributionGraph, pooled: Pooled) -> Columns:
    """Every column of a graph.

    Raises:
        GraphError: As `influence`.
    """
    weight, size = graph.direct_effect.double().numpy(), pooled.edge_size.double().numpy()
    raw = magnitudes(graph, pooled)
    ranked = [quantile(raw[name]) for name in RANKED]
    fixed = [*(_decades(raw[name]) for name in SCALED), *_in_site(graph, raw)]
    x = np.stack([*ranked, *fixed, *_places(graph, pooled, raw)], axis=1)
    return Columns(
        x=np.concatenate([x, np.eye(len(NodeKind))[graph.kind.numpy()]], axis=1),
        weight=weight,
        edge_size=size,
        total_in=raw["strength_in"],
        total_out=raw["strength_out"],
    )


def magnitudes(graph: AttributionGraph, pooled: Pooled) -> dict[str, Float[np.ndarray, " node"]]:
    """The ranked columns before ranking, by name; each is a baseline of its own."""
    source, target = graph.edge_index.numpy()
    size, ratio = pooled.edge_size.double().numpy(), pooled.ratio.double().numpy()
    weight, n = graph.direct_effect.double().numpy(), graph.n_nodes
    onto = graph.logit_weight.double().numpy()[target]
    sizes = replace(graph, direct_effect=pooled.edge_size)
    varying = replace(graph, direct_effect=pooled.edge_size * _moving(graph, pooled)[source])
    through, total = influence(sizes).numpy(), _total(graph)
    # Without any edge bincount returns whole numbers.
    directly = np.bincount(source, size * onto, minlength=n).astype(float)
    return {
        "activation": pooled.size.double().numpy(),
        "shift": pooled.shift.double().numpy(),
        "influence": influence(graph).numpy(),
        "influence_of_sizes": through,
        "shifted_influence": through * ratio,
        "varying_influence": influence(varying).numpy(),
        "direct_logit_effect": np.abs(np.bincount(source, weight * onto, minlength=n)).astype(
            float
        ),
        "direct_logit_size": directly,
        "shifted_direct": directly * ratio,
        "total_effect": total,
        "shifted_total": total * ratio,
        "strength_in": np.bincount(target, size, minlength=n).astype(float),
        "strength_out": np.bincount(source, size, minlength=n).astype(float),
        "degree_in": np.bincount(target, minlength=n).astype(float),
        "degree_out": np.bincount(source, minlength=n).astype(float),
    }


def quantile(x: Float[np.ndarray, " item"]) -> Float[np.ndarray, " item"]:
    """Rank quantile of |x|, in (0, 1); equals share theirs."""
    return (rankdata(np.abs(x), method="average") - 0.5) / max(len(x), 1)


def _moving(graph: AttributionGraph, pooled: Pooled) -> torch.Tensor:
    """Shift over size of features; inputs move as a whole, and so does what has no statistics."""
    known = graph.of_kind(NodeKind.FEATURE)
    return torch.where(known, pooled.ratio, 1.0)


def _total(graph: AttributionGraph) -> Float[np.ndarray, " node"]:
    """|Effect over all paths|; 0 where a node that was hardly ever there makes it infinite."""
    return np.nan_to_num(total_effect(graph).abs().numpy(), nan=0.0, posinf=0.0)


def _decades(x: np.ndarray) -> np.ndarray:
    """1 for the largest, falling linearly in the logarithm to 0 at `DECADES` below it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.log10(x / x.max())
    return np.clip(1 + np.nan_to_num(below, nan=-DECADES, neginf=-DECADES) / DECADES, 0, 1)


def _in_site(graph: AttributionGraph, raw: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Quantile of each node among those of its kind, layer and position."""
    keys = torch.stack([graph.kind, graph.layer, graph.position], 1)
    site = torch.unique(keys, dim=0, return_inverse=True)[1].numpy()
    count = np.bincount(site)[site]
    found = []
    for name in SCALED:
        order = np.lexsort((raw[name], site))
        rank = np.empty(len(site))
        first = np.searchsorted(site[order], site[order])
        rank[order] = np.arange(len(site)) - first
        found.append((rank + 0.5) / count)
    return found


def _places(
    graph: AttributionGraph, pooled: Pooled, raw: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    """The columns `PLACES`."""
    source, target = graph.edge_index.numpy()
    weight, size = graph.direct_effect.double().numpy(), pooled.edge_size.double().numpy()
    n, layer, position = graph.n_nodes, graph.layer.numpy(), graph.position.numpy()
    agreed = np.bincount(source, np.abs(weight), minlength=n)
    from_errors = np.where(graph.kind.numpy()[source] == int(NodeKind.ERROR), size, 0.0)
    errors = np.bincount(target, from_errors, minlength=n)
    last = int(position.max())
    return [
        pooled.frequency.double().numpy(),
        pooled.ratio.double().numpy().clip(0, 2) / 2,
        _share(agreed, raw["strength_out"]).clip(0, 1),
        _share(errors, raw["strength_in"]),
        _site_share(layer, position, raw["shifted_influence"]),
        layer.clip(0) / max(int(layer.max()), 1),
        position.clip(0) / max(last, 1),
        (position == last).astype(float),
    ]


def _site_share(layer: np.ndarray, position: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Of the sum of x, what the node's layer and position have together."""
    site = np.unique(np.stack([layer, position]), axis=1, return_inverse=True)[1].ravel()
    return (np.bincount(site, x) / max(x.sum(), 1e-300))[site]


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
