"""Intervene on a circuit and see what the model answers, prompt by prompt and over the task."""

from explorer.lab import page as lab
from explorer.look import notices

notices.guarded(lab.page)
