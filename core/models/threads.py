"""How many threads a model is worth.

Products of a small model are over before a second thread has woken up; waiting threads then spin
and take the processor from each other. On two busy cores `hagd run` on a model of width 64 took
37 s with one thread and 215 s with two.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from core.models.language_model import LanguageModel

SMALL = 512
"""Widths of the residual stream below this run on one thread."""


@contextmanager
def suited_threads(model: LanguageModel) -> Iterator[None]:
    """One thread inside the block for a small model, as many as before for a large one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if model.d_model < SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(model: LanguageModel) -> int:
    """How many independent passes of a model are best run at once, each on a thread of its own.

    Two where one thread suits each pass and a second processor would stand idle.
    """
    alone = torch.get_num_threads() == 1 and model.d_model < SMALL
    return min(2, os.cpu_count() or 1) if alone else 1
