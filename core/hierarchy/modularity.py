"""How modular a partition is, beside its controls.

Two numbers that are easily taken for one another:
*directed Newman Q* = Σ_c (w_cc / w - out_c in_c / w²) over clusters c, w the sum of |W|;
*intra share* = Σ_c w_cc / w, what the HAGD paper calls modularity; it rises with cluster size.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from core.hierarchy.tree import Hierarchy


@dataclass(frozen=True, slots=True, kw_only=True)
class Modularity:
    """Both numbers of one partition."""

    clusters: int
    """Clusters in it."""
    newman: float
    """Directed Newman Q of |W|, at most 1."""
    intra_share: float
    """Share of |W| inside clusters, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModularityReport:
    """A level of a hierarchy beside two controls with as many clusters."""

    hierarchy: Modularity
    """The level asked for."""
    random: Modularity
    """Mean over random partitions with the same cluster sizes."""
    louvain: Modularity | None
    """Louvain brought to the same number of clusters; None if the graph is too large for it."""


def modularity(
    labels: Int[np.ndarray, " node"],
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
) -> Modularity:
    """Directed Newman Q and intra share of a partition, on |weight|; 0 where there is no weight."""
    raise NotImplementedError


def modularity_report(
    hierarchy: Hierarchy, level: int, *, draws: int = 20, seed: int = 0
) -> ModularityReport:
    """A level of a hierarchy, random partitions of the same sizes, and Louvain."""
    raise NotImplementedError
