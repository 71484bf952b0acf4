"""Does a circuit do what is claimed of it? Scores, controls, curves and a verdict."""

from core.validation.bench import Candidate, ValidationSettings
from core.validation.controls import Alive, free_circuits, matched_circuits, plain_circuits
from core.validation.judgement import Judgement, judge
from core.validation.matching import Draws, Pool
from core.validation.metrics import Scores, faithfulness, p_value, scores, smallest_span
from core.validation.validate import validate
from core.validation.verdict import Evidence
from core.verdicts import Verdict

__all__ = [
    "Alive",
    "Candidate",
    "Draws",
    "Evidence",
    "Judgement",
    "Pool",
    "Scores",
    "ValidationSettings",
    "Verdict",
    "faithfulness",
    "free_circuits",
    "judge",
    "matched_circuits",
    "p_value",
    "plain_circuits",
    "scores",
    "smallest_span",
    "validate",
]
