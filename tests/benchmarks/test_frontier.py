"""What the frontier runs, and the circuits that it draws beside its own."""

import pytest
import torch
from frontier import COUNTINGS, NULL, ROWS, possible, split
from frontier_controls import matched_draws, matched_top, partings
from frontier_measure import Counting, log2_choose

from core.graph import NodeKind
from core.zoo.catalogue import TASKS


def test_every_task_has_a_row_with_live_heads_and_one_with_heads_counted():
    found = {(pair.task, counting) for pair, counting in map(split, ROWS)}
    assert {(task, way) for task in TASKS for way in ("features", "heads")} <= found
    assert {task for task, way in found if way == NULL} == set(TASKS) - {"parity"}
    assert len(ROWS) == len(set(ROWS))


def test_rows_that_could_be_run_have_the_usual_ones_first_and_own_dictionaries_last():
    found = possible(["mine"])
    usual = [name for name in ROWS if name in found]
    assert found[: len(usual)] == usual
    assert {"gpt2-parity/topk/without heads", "gpt2-parity/mine/null"} <= set(found)
    assert len(found) == len(set(found))


def test_split_takes_the_way_of_counting_off():
    pair, counting = split("llama-modadd/nested/heads anywhere")
    assert pair.name == "llama-modadd/nested"
    assert COUNTINGS[counting] == Counting("counted", everywhere=True)


FEATURE, HEAD = int(NodeKind.FEATURE), int(NodeKind.HEAD)
NODES = torch.tensor([
    *([FEATURE, 0, 3, i] for i in range(5)),
    *([FEATURE, 1, 3, i] for i in range(4)),
    *([HEAD, 0, 3, i] for i in range(4)),
])  # fmt: skip
CIRCUIT = torch.tensor([0, 1, 5, 9, 10, 11])
"""Two features, one, and three heads."""


def test_random_circuits_have_as_many_nodes_of_each_kind_layer_and_position():
    drawn = matched_draws(NODES, CIRCUIT, 20)
    sites = (slice(0, 5), slice(5, 9), slice(9, 13))
    assert [drawn[:, site].sum(1).unique().tolist() for site in sites] == [[2.0], [1.0], [3.0]]
    assert len(drawn.unique(dim=0)) > 10


def test_random_circuits_take_the_preferred_first_and_others_once_these_are_used_up():
    prefer = torch.zeros(len(NODES), dtype=torch.bool)
    prefer[[3, 6, 7]] = True
    drawn = matched_draws(NODES, CIRCUIT, 20, prefer)
    assert drawn[:, 3].eq(1).all()
    assert drawn[:, :5].sum(1).eq(2).all()
    assert drawn[:, 6:8].sum(1).eq(1).all()


def test_top_circuits_have_the_worthiest_features_of_each_site_and_the_heads_of_the_circuit():
    worth = torch.tensor([0, 3, 1, 2, 0, 0, 0, 0, 9, 5, 5, 5, 9.0])
    assert sorted(matched_top(NODES, CIRCUIT, worth).tolist()) == [1, 3, 8, 9, 10, 11]


def test_partings_are_all_heads_and_the_first_features_of_both_layers():
    found = {counts: sorted(one.tolist()) for counts, one in partings(NODES, 4 + 6).items()}
    assert list(found) == [(2, 4), (3, 3), (4, 2), (5, 1)]
    assert found[3, 3] == [0, 1, 2, 5, 6, 7, 9, 10, 11, 12]


@pytest.mark.parametrize(("n", "k", "ways"), [(5, 2, 10), (10, 5, 252), (7, 0, 1)])
def test_bits_say_which_of_all_circuits_it_is(n, k, ways):
    assert 2 ** log2_choose(n, k) == pytest.approx(ways)
