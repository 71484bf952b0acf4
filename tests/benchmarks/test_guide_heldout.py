"""The network that studies may ask has seen neither the task nor a model that does it."""

import guide_heldout
import pytest
from guide_heldout import learnable, trained_without
from search_recall import FIXED, NETWORK, SOURCES, lacking

from core.lessons.pairs import Pair, bundled_pairs


def pair(model, task, kind="nested"):
    return Pair(model=model, task=task, kind=kind, family="gpt2", size="small")


def test_a_task_and_every_model_that_does_it_are_held_out():
    """A model that also does another task would bring what it knows of this one."""
    other, program = pair("gpt2-parity", "parity"), pair("hist", "hist", "compiled")
    held = [pair("a", "sorting"), pair("a", "sorting", "topk"), pair("b", "sorting")]
    also = pair("a", "parity")
    assert learnable([*held, also, other, program], "sorting") == [other, program]


@pytest.mark.parametrize("task", sorted({one.task for one in bundled_pairs()}))
def test_no_bundled_model_of_a_task_is_learned_from(task):
    kept = learnable(bundled_pairs(), task)
    assert kept
    assert task not in {one.task for one in kept}
    assert not {one.model for one in bundled_pairs() if one.task == task} & {
        one.model for one in kept
    }


def test_without_lessons_there_is_no_network(tmp_path):
    with pytest.raises(SystemExit, match="holds 0 lessons, .* Run `python -m core.lessons`"):
        trained_without("sorting", tmp_path)


def test_studies_do_not_take_the_weights_that_have_seen_every_pair():
    assert "gnn" not in SOURCES
    assert NETWORK in SOURCES
    assert {"influence", "shifted-influence"} <= set(FIXED)
    assert not hasattr(guide_heldout, "BUNDLED")


def test_a_pair_is_measured_with_the_scores_that_it_lacks():
    known = {"methods": [{"scores": "influence"}, {"scores": "none"}, {"scores": "none"}]}
    assert lacking(known, ("influence", NETWORK, "none")) == [NETWORK]
    assert lacking({}, SOURCES) == list(SOURCES)
