"""Does one model's circuit, carried into another model, do the other's task?

1. Each feature of the first circuit gets its own partner among *all* live features of the second
   model (`matching`), not only among those of the second circuit.
2. The partners alone are live in the second model; everything else is ablated, errors too (strict
   regime), on the second circuit's own test prompts.

    τ_func = F₂(T(C₁)) / F₂(C₂)

The control: as many random features at the same layers, positions and activations as the partners.
Where the dictionary is small this control is strong, so τ is never shown without it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.circuit import Attention, gated_nodes
from core.interventions import JUDGED, Ablation, Evaluator, Gates, Places
from core.tasks import Split
from core.transfer.subject import Subject
from core.validation import Alive, faithfulness, matched_circuits

TEST_PROMPTS = 256
"""Prompts of the test split that carried circuits are run on, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A circuit carried into another model, under one ablation."""

    ablation: str
    faithfulness: float
    """F₂ of the partners alone."""
    own: float
    """F₂ of the second model's own circuit."""
    random: tuple[float, ...]
    """F₂ of the random stand-ins."""

    @property
    def score(self) -> float:
        """F₂(T(C₁)) / F₂(C₂); NaN where the second circuit does nothing."""
        return self.faithfulness / self.own if self.own > 0 else float("nan")

    @property
    def null(self) -> tuple[float, ...]:
        """The random stand-ins in the same unit."""
        return tuple(f / self.own for f in self.random) if self.own > 0 else ()


def carried(
    two: Subject,
    partners: Int[Tensor, "pair 4"],
    *,
    draws: int = 100,
    seed: int = 0,
    ablations: tuple[Ablation, ...] = JUDGED,
) -> tuple[Carried, ...]:
    """Runs the partners alone in the second model.

    Args:
        two: The second circuit.
        partners: Rows (kind, layer, position, feature) in its model; may be empty.
        draws: Random stand-ins.
        seed: Of the draws.
        ablations: What replaces what is not live.
    """
    evaluator = two.prepared.evaluator(two.transcoders, Split.TEST, TEST_PROMPTS)
    alive = Alive.on(evaluator, Attention.LIVE)
    both = _alone([two.nodes, partners], evaluator)
    stand_ins = (
        matched_circuits(gated_nodes(partners), alive, draws=draws, seed=seed).gates
        if len(partners)
        else both[1:]
    )
    return tuple(_carried(evaluator, both, stand_ins, ablation) for ablation in ablations)


def _carried(evaluator: Evaluator, both: Gates, stand_ins: Gates, ablation: Ablation) -> Carried:
    none = Gates(feature=torch.zeros_like(both.feature[:1]), head=both.head[:1])
    model = evaluator.model_outcome().logit_diff[0]
    empty = evaluator.outcome(none, ablation).logit_diff[0]

    def f(gates: Gates) -> Float[Tensor, " circuit"]:
        return faithfulness(evaluator.outcome(gates, ablation).logit_diff, empty, model)

    own, moved = f(both).tolist()
    return Carried(
        ablation=ablation.value, faithfulness=moved, own=own, random=tuple(f(stand_ins).tolist())
    )


def _alone(circuits: list[Int[Tensor, "_ 4"]], evaluator: Evaluator) -> Gates:
    """One circuit a row, heads live."""
    found = [
        Places.of(nodes, evaluator.bounds, Attention.LIVE).gates(torch.ones(1, len(nodes)))
        for nodes in circuits
    ]
    return Gates(
        feature=torch.cat([one.feature for one in found]),
        head=torch.cat([one.head for one in found]),
    )
