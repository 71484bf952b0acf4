"""A search from a tree and its scores to a ranking and a size."""

from itertools import groupby

import numpy as np
import torch

from core.guide import GuideScores
from core.guide.guide import largest_member
from core.hierarchy import build_hierarchy
from core.pipeline.finding.search import search
from core.pipeline.finding.sizes import choose_size
from core.pipeline.progress import Clock, RunProgress, ignore
from core.pipeline.settings import RunSettings


def guessed(tree):
    """Scores that mean nothing."""
    leaf = np.random.default_rng(0).random(tree.n_leaves)
    return GuideScores(leaf=leaf, supernode=largest_member(tree, leaf))


def test_a_search_ranks_nested_circuits_and_says_what_each_method_did(probe):
    n = len(probe.nodes)
    tree = build_hierarchy(n, np.zeros((2, 0), dtype=np.int64), np.zeros(0))
    settings = RunSettings(size=5, max_size=8, refine_steps=3)
    dense = probe.nodes[:, 3] < 3
    told: list[RunProgress] = []
    clock = Clock(told.append)
    found = search(probe, probe, tree, guessed(tree), dense, settings, clock)
    assert found.size == 5
    assert len(set(found.order)) == len(found.order) == found.record["candidates"] <= 4 * 8
    named = {"hierarchical", "flat", "dense", "active", "guide"}
    assert set(found.record["selection"]) == named
    assert found.forwards == found.record["forwards"][found.record["taken"]] > 0
    # exchanges and gates are refinement: "search" has ended before the first of them is told
    assert [stage for stage, _ in groupby(told, lambda step: step.stage)] == ["search", "refine"]
    notes = {stage: {s.note for s in told if s.stage == stage} for stage in ("search", "refine")}
    assert notes["search"] & {"descend", "rank"}
    assert "refine" in notes["refine"]
    assert not notes["search"] & notes["refine"]
    assert set(clock.seconds) == {"search"}
    again = search(probe, probe, tree, guessed(tree), dense, settings, Clock(ignore))
    assert again.order[:5] == found.order[:5]


def test_the_size_asked_for_is_the_size_given(probe):
    ranking = torch.arange(len(probe.nodes))
    choice = choose_size(probe, ranking, RunSettings(size=7))
    assert choice.size == 7
    assert [row["size"] for row in choice.scan] == [7]
