"""The whole search: group testing, then elimination, then gates; each may be left out.

1. *Groups* picks the candidates: nodes by value, those that measured below epsilon left out.
2. *Eliminate* orders the candidates, so that circuits of all sizes are nested.
3. *Refine* may exchange nodes to make the circuit of `size` better; the nodes it chose come first,
   in the order of elimination, so that the sizes stay nested.

A step left out passes on what it was given; the first order is then that of the prior.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int

from core.errors import SettingsError
from core.hierarchy.tree import Hierarchy
from core.search.eliminate import EliminateSettings, Importance, eliminate, squared_gradient
from core.search.groups import GroupEffect, GroupSettings, SearchTrace, best_first
from core.search.progress import OnProgress, ignore
from core.search.refine import Loss, Refinement, RefineSettings, refine


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

    def __post_init__(self) -> None:
        """Refuse sizes that have no meaning."""
        if self.size < 1 or (self.candidates is not None and self.candidates < 1):
            raise SettingsError(
                f"Search sizes are out of range: got size {self.size} and candidates "
                f"{self.candidates}; both must be 1 or more. Change them."
            )


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
    settings = settings or SearchSettings()
    _check_probes(probes, settings)
    trace = None
    if settings.groups and probes.group_effect:
        trace = best_first(hierarchy, prior, probes.group_effect, settings.groups, progress)
    ranking = _candidates(prior, trace, settings)
    gradients = 0
    if settings.eliminate:
        ranking, gradients = _eliminated(ranking, len(prior), probes, settings, progress)
    refinement, size = None, min(settings.size, len(ranking))
    if settings.refine and probes.loss:
        refinement = _refined(ranking, size, len(prior), hierarchy, probes.loss, settings, progress)
        chosen = np.isin(ranking, refinement.chosen.numpy())
        ranking = np.concatenate([ranking[chosen], ranking[~chosen]])
        gradients += len(refinement.loss)
    return Order(
        ranking=ranking,
        size=size,
        forwards=trace.forwards if trace else 0,
        gradients=gradients,
        trace=trace,
        refinement=refinement,
    )


def _candidates(
    prior: np.ndarray, trace: SearchTrace | None, settings: SearchSettings
) -> np.ndarray:
    """Nodes by value. Without a trace, or if nothing was found, all of them by prior."""
    value, floor = np.abs(prior), -np.inf
    if trace is not None and settings.groups is not None:
        # Nodes that were never measured alone stay in: nothing was held against them.
        held = np.where(trace.measured, settings.groups.epsilon, 0.0)
        value, floor = trace.value, np.where(_gone(trace), np.inf, held)
        if not (value >= floor).any():
            value, floor = np.abs(prior), -np.inf
    ranking = np.argsort(-value, kind="stable")
    ranking = ranking[(value >= floor)[ranking]]
    if settings.candidates is None:
        return ranking
    return ranking[: max(settings.candidates, settings.size)]


def _gone(trace: SearchTrace) -> np.ndarray:
    """True for nodes of a discarded group."""
    gone = np.zeros(len(trace.value), dtype=bool)
    for place in trace.discarded:
        gone[list(trace.order[place])] = True
    return gone


def _eliminated(
    ranking: np.ndarray, n: int, probes: Probes, settings: SearchSettings, progress: OnProgress
) -> tuple[np.ndarray, int]:
    importance = probes.importance
    if importance is None and probes.loss is not None:
        importance = squared_gradient(probes.loss)
    assert importance is not None  # checked with the probes
    found = eliminate(
        n,
        importance,
        settings.eliminate,
        candidates=torch.from_numpy(ranking),
        progress=progress,
    )
    return found.order.numpy(), found.rounds


def _refined(
    ranking: np.ndarray,
    size: int,
    n: int,
    hierarchy: Hierarchy,
    loss: Loss,
    settings: SearchSettings,
    progress: OnProgress,
) -> Refinement:
    scores = torch.zeros(n)
    scores[torch.from_numpy(ranking)] = torch.arange(len(ranking), 0, -1, dtype=torch.float32)
    return refine(
        loss,
        size,
        scores,
        settings.refine,
        candidates=torch.from_numpy(ranking),
        hierarchy=hierarchy,
        progress=progress,
    )


def _check_probes(probes: Probes, settings: SearchSettings) -> None:
    for step, on, ready, needs in (
        ("groups", settings.groups, probes.group_effect, "group_effect"),
        ("eliminate", settings.eliminate, probes.importance or probes.loss, "importance or loss"),
        ("refine", settings.refine, probes.loss, "loss"),
    ):
        if on is not None and ready is None:
            raise SettingsError(
                f"The search step {step} is on and cannot run: got no probe for it; it needs "
                f"{needs}. Pass that in Probes, or set {step}=None in SearchSettings."
            )
