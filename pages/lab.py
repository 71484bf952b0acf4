"""Intervene on a circuit and see what the model answers, prompt by prompt and over the task."""

from explorer import lab

lab.page()
