"""Intervene on a circuit and see what the model answers, prompt by prompt and over the task."""

from explorer import menu
from explorer.lab import page as lab

menu.circuit_page(lab.page)
