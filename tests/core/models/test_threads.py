"""Work on two threads comes out as work on one, in order, and stops when nobody reads on."""

from threading import Event, get_ident

import pytest
import torch

from core.models.threads import beside, mapped, side_by_side, suited_threads
from tests.tiny import tiny_model

SLIM = tiny_model("gpt2")


def test_a_small_model_runs_on_one_thread():
    before = torch.get_num_threads()
    with suited_threads(SLIM):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_a_large_model_runs_on_all_threads_and_one_pass_after_another(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("core.models.threads.SMALL", SLIM.d_model)
    before = torch.get_num_threads()
    with suited_threads(SLIM):
        assert torch.get_num_threads() == before
        assert side_by_side(SLIM) == 1


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


def test_one_item_alone_needs_no_thread(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.models.threads.side_by_side", lambda _model: 2)
    assert list(mapped(SLIM, lambda _: get_ident(), [0])) == [get_ident()]
    assert get_ident() not in mapped(SLIM, lambda _: get_ident(), [0, 1])


def test_work_beside_goes_on_while_the_block_runs():
    begun, go_on = Event(), Event()

    def work() -> int:
        begun.set()
        assert go_on.wait(10)
        return get_ident()

    with beside(work) as found:
        assert begun.wait(10)
        go_on.set()
        assert found.result(10) != get_ident()


def test_a_block_that_fails_does_not_wait_for_the_work_beside_it():
    go_on, kept = Event(), []

    def fail() -> None:
        with beside(lambda: go_on.wait(10)) as found:
            kept.append(found)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not kept[0].done()
    go_on.set()
    assert kept[0].result(10)
