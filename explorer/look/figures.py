"""Plotly figures from plain numbers: a palette in, a figure out, all pure.

    plot               template, axes, fills of the series
    prompt_bars        the next token before and after
    task_strip         P(answer) on every prompt
    random_histogram   a selection beside random ones

Labels stand at the data where there is room, and every score has its control in the same figure.
"""

from explorer.look.plot import (
    CONFIG,
    DATA,
    MONO,
    SMALL,
    TICK,
    UI,
    Palette,
    axis,
    dot,
    fill,
    signed,
    template,
)
from explorer.look.prompt_bars import Bars, prompt_bars
from explorer.look.random_histogram import against_random
from explorer.look.task_strip import Dots, task_strip

__all__ = [
    "CONFIG",
    "DATA",
    "MONO",
    "SMALL",
    "TICK",
    "UI",
    "Bars",
    "Dots",
    "Palette",
    "against_random",
    "axis",
    "dot",
    "fill",
    "prompt_bars",
    "signed",
    "task_strip",
    "template",
]
