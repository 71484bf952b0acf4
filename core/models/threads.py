"""How many threads a model is worth.

Products of a small model are over before a second thread has woken up; waiting threads then spin
and take the processor from each other. On two busy cores `hagd run` on a model of width 64 took
37 s with one thread and 215 s with two.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from typing import TypeVar

import torch

from core.models.language_model import LanguageModel

Item = TypeVar("Item")
Result = TypeVar("Result")

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


@contextmanager
def beside(work: Callable[[], Result]) -> Iterator[Future[Result]]:
    """Work that goes on while the block runs, on a thread of its own; ask it for its result there.

    Leaving the block early does not wait for it: a run that is cancelled ends at once.
    """
    pool = ThreadPoolExecutor(1)
    try:
        yield pool.submit(work)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def mapped(
    model: LanguageModel, run: Callable[[Item], Result], items: Iterable[Item]
) -> Generator[Result, None, None]:
    """`run` of each item, in order, `side_by_side` of them at once and one more begun ahead.

    One item alone is run where it is asked for: it would only wait for its thread. A thread has its
    own grad mode: `run` has to say for itself that it takes no gradient. Closing the iterator drops
    what has not begun.
    """
    at_once, items = side_by_side(model), iter(items)
    first = list(islice(items, at_once))
    items = chain(first, items)
    if len(first) < 2:
        yield from map(run, items)
        return
    pool, begun = ThreadPoolExecutor(at_once), deque[Future[Result]]()
    try:
        for item in items:
            begun.append(pool.submit(run, item))
            if len(begun) > at_once:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
