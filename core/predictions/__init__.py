"""Predictions of what a circuit's supernodes will do, registered before they are tested.

section   the section of validation.json: predicted, registered, tested, scored
subject   a circuit and its supernodes; what is expected of them and measured
groups    which supernodes, and random groups of nodes in their place
expected  two predictors, from the attribution split alone
trials    interventions on test prompts, with a third prompt for each
controls  the same predictors on random groups
score     sign, order, size and calibration, each beside chance
register  the record and its two hashes
"""

from core.predictions.register import close, intact, register, standing
from core.predictions.section import predictions
from core.predictions.subject import Subject
from core.predictions.trials import Intervention

__all__ = ["Intervention", "Subject", "close", "intact", "predictions", "register", "standing"]
