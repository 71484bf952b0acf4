"""Random groups beside the supernodes: what the same predictors make of them.

1. *regrouped*: the circuit's own nodes dealt anew. Of `REGROUPED` draws there are only predictions,
   by the graph, for the p value; one more is intervened on too.
2. *outside*: as many features that the circuit does not have; intervened on too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import GatedNode
from core.figures import number
from core.predictions.expected import group_effects
from core.predictions.groups import outside, regrouped
from core.predictions.score import DIGITS, reliable, scores
from core.predictions.subject import Chosen, Subject, chosen_of, expected_of, measured_of
from core.predictions.trials import Intervention, Trial

PREDICTORS = ("graph", "gradient")
"""The first is the method's own claim, and the one that a run is summed up by."""
REGROUPED = 99
"""Random regroupings that predictions are made of."""


def regrouped_effects(subject: Subject) -> list[np.ndarray]:
    """T of the last level's groups when the circuit's nodes are dealt anew, draw by draw."""
    drawn = [
        group_effects(subject.graph, chosen_of(subject, _dealt(subject, draw)).ends)
        for draw in range(REGROUPED)
    ]
    return [effects.double().numpy() for effects in drawn]


def controls(
    subject: Subject, chosen: Chosen, known: Sequence[Trial], tested: Sequence[Trial]
) -> dict[str, Any]:
    """The same predictors on random groups that are intervened on too, by interchange."""
    how = Intervention.THIRD
    activation = _mean_activation(subject, known)
    random = {
        "regrouped": chosen_of(subject, _dealt(subject, REGROUPED)).ends,
        "outside": outside(chosen.ends, subject.nodes, activation, subject.seed),
    }
    found = {}
    for name, groups in random.items():
        groups = [group for group in groups if group]
        measured = measured_of(subject, tested, groups, how)
        expected = expected_of(subject, known, groups, how)
        # The graph that a bundle keeps has no feature from outside the circuit.
        told = PREDICTORS if name == "regrouped" else ("gradient",)
        found[name] = {
            "n": len(groups),
            "reliable": int(reliable(measured).sum()),
            "mean": number(float(measured.mean.mean()), DIGITS) if groups else None,
            **{predictor: scores(expected[predictor], measured) for predictor in told},
        }
    return found


def _dealt(subject: Subject, draw: int) -> tuple[GatedNode, ...]:
    return regrouped(subject.nodes, 1000 * subject.seed + draw)


def _mean_activation(
    subject: Subject, known: Sequence[Trial]
) -> Float[Tensor, "layer pos feature"]:
    frame = subject.model.n_layers, subject.length, subject.coders.n_features
    total = torch.zeros(frame)
    for trial in known:
        total[:, trial.batch.shift :] += trial.live.activation.abs().sum(1)
    return total / max(1, sum(len(trial.margin) for trial in known))
