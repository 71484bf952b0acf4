"""What a circuit is tested on: one evaluator under one ablation and error regime, and how hard.

1. End points of F: the empty circuit in the strict regime, and the model.
2. Necessity: all but the circuit, with the model's own errors. Where heads are nodes, also of its
   features alone, all heads live: a layer has few heads, a circuit most of the useful ones, and a
   random circuit then has the same, so that only features can be held against random ones.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import Attention, GatedNode
from core.errors import SettingsError
from core.interventions import Ablation, ErrorRegime, Evaluator, Gates, Outcome
from core.validation.controls import Alive
from core.validation.metrics import faithfulness

FEW = 128
"""Prompts for random circuits that no verdict is read from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSettings:
    """How hard a circuit is tested."""

    draws: int = 100
    """Random circuits of each kind in a block; at least 100 for p < 0.01."""
    curve_draws: int = 20
    """Random circuits behind each point of a curve."""
    seed: int = 0
    """Seed of random circuits and bootstraps."""

    def __post_init__(self) -> None:
        if self.draws < 100:
            raise SettingsError(
                f"draws is {self.draws}; at least 100 random circuits are required, or p cannot "
                "fall below 0.01. Raise draws."
            )


class Candidate(NamedTuple):
    """What is validated."""

    order: tuple[GatedNode, ...]
    """All candidate nodes, strongest first."""
    size: int
    """The circuit is the first `size` of them."""
    n_edges: int
    """Edges between its nodes in the task graph."""
    attention: Attention = Attention.LIVE
    """Whether heads are among the nodes."""

    def first(self, size: int) -> tuple[GatedNode, ...]:
        """The circuit of that size."""
        return self.order[:size]


class Bench(NamedTuple):
    """One evaluator under one ablation and error regime, with its end points."""

    evaluator: Evaluator
    ablation: Ablation
    regime: ErrorRegime
    model: Outcome
    none: Gates
    """Nothing kept."""
    empty: Outcome
    """Of nothing kept, strict."""
    alive: Alive

    @classmethod
    def of(
        cls,
        evaluator: Evaluator,
        ablation: Ablation,
        regime: ErrorRegime,
        none: Gates,
        alive: Alive,
    ) -> "Bench":
        empty = evaluator.outcome(none, ablation, ErrorRegime.ABLATED)
        return cls(evaluator, ablation, regime, evaluator.model_outcome(), none, empty, alive)

    def few(self) -> "Bench":
        """The same on fewer prompts; what is alive is still told by all of them."""
        few = self.evaluator.few(FEW)
        return Bench.of(few, self.ablation, self.regime, self.none, self.alive)

    def run(self, gates: Gates) -> Outcome:
        return self.evaluator.outcome(gates, self.ablation, self.regime)

    def f(self, gates: Gates) -> Float[Tensor, " circuit"]:
        return self.f_of(self.run(gates))

    def f_of(self, outcome: Outcome) -> Float[Tensor, " circuit"]:
        return faithfulness(outcome.logit_diff, self.empty.logit_diff[0], self.model.logit_diff[0])


def necessity(bench: Bench, circuits: Gates, attention: Attention) -> Float[Tensor, " circuit"]:
    """1 − F of everything but each circuit, with the errors of the clean run; NaN where F is."""
    rest = circuits.complement(attention)
    return 1 - bench.f_of(bench.evaluator.outcome(rest, bench.ablation, ErrorRegime.KEPT))


def needed_features(bench: Bench, circuits: Gates) -> Float[Tensor, " circuit"]:
    """As `necessity`, of each circuit's features alone; all heads stay live."""
    live = Gates(feature=circuits.feature, head=torch.ones_like(circuits.head))
    return necessity(bench, live, Attention.LIVE)
