"""The Lab: interventions on a circuit or its model, and what they do."""

from core.lab.contents import (
    Change,
    Comparison,
    LabSettings,
    Prediction,
    PromptView,
    RandomTest,
    Series,
    TaskEffect,
    TokenRow,
)
from core.lab.lab import Lab
from core.lab.prompts import means_to_tensors

__all__ = [
    "Change",
    "Comparison",
    "Lab",
    "LabSettings",
    "Prediction",
    "PromptView",
    "RandomTest",
    "Series",
    "TaskEffect",
    "TokenRow",
    "means_to_tensors",
]
