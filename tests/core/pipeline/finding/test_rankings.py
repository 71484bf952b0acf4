"""Rankings beside the method: sites and their shares stay, the most active nodes come first."""

import torch

from core.pipeline.finding.rankings import most_active, tails
from tests.core.pipeline.parts import features


def test_every_prefix_keeps_its_sites_and_takes_their_most_active_nodes():
    nodes = torch.tensor([[0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 1, 2], [0, 1, 0, 0], [0, 1, 0, 1]])
    order = torch.tensor([0, 3, 1, 4, 2])
    found = most_active(order, nodes, torch.tensor([1.0, 9.0, 2.0, 3.0, 4.0]))
    assert found.tolist() == [1, 4, 2, 3, 0]
    for k in range(1, 6):
        kept, wanted = (nodes[o[:k], :3].tolist() for o in (found, order))
        assert sorted(kept) == sorted(wanted)


def test_the_sparse_part_is_grouped_by_site():
    nodes = features([[0, 1, 0], [0, 1, 9], [0, 2, 9], [0, 1, 8], [1, 2, 0]])
    dense = torch.tensor([True, False, False, False, True])
    assert [group.tolist() for group in tails(nodes, dense)] == [[1, 3], [2]]
    assert tails(nodes, torch.zeros(5, dtype=torch.bool)) == []
