"""A stored ranking, read again."""

import torch

from core.circuit import FeatureNode, HeadNode, node_table
from core.pipeline.judging.finished import _ranked


def test_a_ranking_reads_back_with_its_heads_and_as_it_was_once_written():
    nodes = (FeatureNode(1, 2, 3), HeadNode(0, 1), HeadNode(1, 2, 3))
    assert [str(node) for node in _ranked({"order": node_table(nodes)})] == [
        "1:2:3", "L0H1", "L1H2@3"
    ]  # fmt: skip
    assert _ranked({"order": torch.tensor([[1, 2, 3]])}) == (FeatureNode(1, 2, 3),)
    assert _ranked({}) == ()
