"""The whole search: group testing, then elimination, then gates; each may be left out.

1. *Groups* picks the candidates: nodes by value, those that measured below epsilon left out.
2. *Eliminate* orders the candidates, so that circuits of all sizes are nested.
3. *Refine* may exchange nodes to make the circuit of `size` better; the nodes it chose come first,
   in the order of elimination, so that the sizes stay nested.

A step left out passes on what it was given; the first order is then that of the prior.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from core.hierarchy.tree import Hierarchy
from core.search.eliminate import EliminateSettings, Importance
from core.search.groups import GroupEffect, GroupSettings, SearchTrace
from core.search.progress import OnProgress, ignore
from core.search.refine import Loss, Refinement, RefineSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Which steps to take, None leaves one out."""

    size: int = 49
    """Nodes of the circuit asked for."""
    candidates: int | None = None
    """Keep at most this many after group testing; None keeps all with an effect."""
    groups: GroupSettings | None = field(default_factory=GroupSettings)
    """Group testing; None takes every node as a candidate."""
    eliminate: EliminateSettings | None = field(default_factory=EliminateSettings)
    """Backward elimination; None orders by value."""
    refine: RefineSettings | None = None
    """Gates; None keeps the order of elimination."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probes:
    """What a search may ask of the model; it knows nothing else about it."""

    group_effect: GroupEffect | None = None
    """Needed by group testing."""
    importance: Importance | None = None
    """Needed by elimination; made from `loss` if None."""
    loss: Loss | None = None
    """Needed by refinement."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """A ranking whose every prefix is a circuit."""

    ranking: Int[np.ndarray, " candidate"]
    """Node indices, strongest first."""
    size: int
    """Size asked for, or the number of candidates if that is smaller."""
    forwards: int
    """Forwards used by group testing."""
    gradients: int
    """Importance and loss evaluations used by the other two."""
    trace: SearchTrace | None
    """Group testing, if it was run."""
    refinement: Refinement | None
    """Gate training, if it was run."""

    def circuit(self, size: int | None = None) -> Int[np.ndarray, " kept"]:
        """The first `size` nodes (the size asked for if None); smaller ones are inside larger."""
        return self.ranking[: self.size if size is None else size]


def find(
    hierarchy: Hierarchy,
    prior: Float[np.ndarray, " node"],
    probes: Probes,
    settings: SearchSettings | None = None,
    progress: OnProgress = ignore,
) -> Order:
    """Search a circuit.

    Args:
        hierarchy: Over the nodes of `prior`.
        prior: Score of each node from a guide.
        probes: What the steps that are on need.
        progress: Called by every step; raise in it to stop.

    Raises:
        SettingsError: If a step is on whose probe is missing.
    """
    raise NotImplementedError
