"""Ablations: what replaces what is taken out, and how circuits are run alone."""

from core.interventions.edits import circuit_edit, head_edit, regime_base, skip_edit
from core.interventions.errors import ErrorRegime, Errors
from core.interventions.evaluator import Evaluator
from core.interventions.gates import Gates, Places, all_gates, circuit_gates, gradients
from core.interventions.outcome import Outcome
from core.interventions.prepared import (
    PreparedBatch,
    active_features,
    mean_activation,
    prepare_batch,
)
from core.interventions.references import (
    JUDGED,
    Ablation,
    State,
    corrupt_state,
    mean_state,
    observe,
    zero_state,
)

__all__ = [
    "JUDGED",
    "Ablation",
    "ErrorRegime",
    "Errors",
    "Evaluator",
    "Gates",
    "Outcome",
    "Places",
    "PreparedBatch",
    "State",
    "active_features",
    "all_gates",
    "circuit_edit",
    "circuit_gates",
    "corrupt_state",
    "gradients",
    "head_edit",
    "mean_activation",
    "mean_state",
    "observe",
    "prepare_batch",
    "regime_base",
    "skip_edit",
    "zero_state",
]
