"""Work on two threads comes out as work on one, in order, and stops when nobody reads on."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from core.models.threads import SMALL, mapped, side_by_side, suited_threads

SLIM = cast("Any", SimpleNamespace(d_model=SMALL - 1))
WIDE = cast("Any", SimpleNamespace(d_model=SMALL))


def test_a_small_model_runs_on_one_thread_and_a_large_one_on_all():
    before = torch.get_num_threads()
    with suited_threads(SLIM):
        assert torch.get_num_threads() == 1
    with suited_threads(WIDE):
        assert torch.get_num_threads() == before
    assert torch.get_num_threads() == before


def test_passes_of_a_large_model_are_never_run_at_once():
    assert side_by_side(WIDE) == 1


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_results_come_in_order(monkeypatch: pytest.MonkeyPatch, at_once: int):
    monkeypatch.setattr("core.models.threads.side_by_side", lambda _model: at_once)
    assert list(mapped(SLIM, lambda n: n * n, range(20))) == [n * n for n in range(20)]
    assert list(mapped(SLIM, str, [])) == []


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_failure_reaches_the_reader_after_what_came_before_it(
    monkeypatch: pytest.MonkeyPatch, at_once: int
):
    monkeypatch.setattr("core.models.threads.side_by_side", lambda _model: at_once)
    found = mapped(SLIM, lambda n: 1 / n, [1, 2, 0, 4])
    assert [next(found), next(found)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_what_nobody_reads_is_not_begun(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.models.threads.side_by_side", lambda _model: 2)
    begun: list[int] = []
    found = mapped(SLIM, begun.append, range(100))
    next(found)
    found.close()
    assert len(begun) <= 4
