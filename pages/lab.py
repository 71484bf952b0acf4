"""Intervene on a circuit and see what the model answers, prompt by prompt and over the task."""

from explorer import lab, notices

notices.guarded(lab.page)
