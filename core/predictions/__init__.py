"""Predictions of what a circuit's supernodes will do, registered before they are tested."""

from core.predictions.register import close, intact, register, standing
from core.predictions.section import Subject, predictions
from core.predictions.trials import Intervention

__all__ = ["Intervention", "Subject", "close", "intact", "predictions", "register", "standing"]
