"""What the frontier runs, and the circuits that it draws beside its own."""

import pytest
import torch
from frontier import COUNTINGS, NULL, ROWS, possible, split
from frontier_measure import Counting, log2_choose, matched_draws

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


def test_random_circuits_have_as_many_nodes_of_each_kind_layer_and_position():
    feature, head = int(NodeKind.FEATURE), int(NodeKind.HEAD)
    nodes = torch.tensor([
        *([feature, 0, 3, i] for i in range(5)),
        *([feature, 1, 3, i] for i in range(4)),
        *([head, 0, 3, i] for i in range(4)),
    ])  # fmt: skip
    drawn = matched_draws(nodes, torch.tensor([0, 1, 5, 9, 10, 11]), 20)
    sites = (slice(0, 5), slice(5, 9), slice(9, 13))
    assert [drawn[:, site].sum(1).unique().tolist() for site in sites] == [[2.0], [1.0], [3.0]]
    assert len(drawn.unique(dim=0)) > 10


@pytest.mark.parametrize(("n", "k", "ways"), [(5, 2, 10), (10, 5, 252), (7, 0, 1)])
def test_bits_say_which_of_all_circuits_it_is(n, k, ways):
    assert 2 ** log2_choose(n, k) == pytest.approx(ways)
