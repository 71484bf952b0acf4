"""Ablations: what replaces what is taken out, and how circuits are run alone."""

from core.interventions.edits import ErrorRegime, circuit_edit, regime_base, skip_edit
from core.interventions.evaluator import Evaluator, Outcome
from core.interventions.references import (
    Ablation,
    State,
    corrupt_state,
    mean_state,
    observe,
    zero_state,
)

__all__ = [
    "Ablation",
    "ErrorRegime",
    "Evaluator",
    "Outcome",
    "State",
    "circuit_edit",
    "corrupt_state",
    "mean_state",
    "observe",
    "regime_base",
    "skip_edit",
    "zero_state",
]
