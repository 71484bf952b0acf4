"""Rankings beside the method: sites and their shares stay, the most active nodes come first."""

import torch

from core.pipeline.rankings import most_active


def test_every_prefix_keeps_its_sites_and_takes_their_most_active_nodes():
    nodes = torch.tensor([[0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 1, 2], [0, 1, 0, 0], [0, 1, 0, 1]])
    order = torch.tensor([0, 3, 1, 4, 2])
    found = most_active(order, nodes, torch.tensor([1.0, 9.0, 2.0, 3.0, 4.0]))
    assert found.tolist() == [1, 4, 2, 3, 0]
    for k in range(1, 6):
        kept, wanted = (nodes[o[:k], :3].tolist() for o in (found, order))
        assert sorted(kept) == sorted(wanted)
