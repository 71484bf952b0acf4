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
]
