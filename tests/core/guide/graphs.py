"""Graphs that the tests of guides share."""

import torch
from torch import Tensor

from core.graph import AttributionGraph, NodeKind
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy


def by_hand() -> AttributionGraph:
    """0 -> 2 (3), 1 -> 2 (-1), 2 -> 3 (2), 0 -> 3 (2); 3 is the only logit."""
    return AttributionGraph(
        kind=torch.tensor([0, 0, 0, int(NodeKind.LOGIT)]),
        layer=torch.tensor([0, 0, 1, 2]),
        position=torch.tensor([0, 1, 1, 1]),
        index=torch.arange(4),
        activation=torch.tensor([1.0, 2.0, 0.5, 0.0]),
        logit_weight=torch.tensor([0.0, 0.0, 0.0, 1.0]),
        edge_index=torch.tensor([[0, 1, 2, 0], [2, 2, 3, 3]]),
        direct_effect=torch.tensor([3.0, -1.0, 2.0, 2.0]),
    )


def larger(n: int = 90, seed: int = 0) -> AttributionGraph:
    """Random edges upwards among nodes of all kinds; the last three are logits."""
    rng = torch.Generator().manual_seed(seed)
    ends = torch.randint(n, (2, 600), generator=rng).sort(0).values
    ends = ends[:, ends[0] < ends[1]]
    logit = torch.arange(n) >= n - 3
    kind = torch.randint(6, (n,), generator=rng)
    return AttributionGraph(
        kind=torch.where(logit, int(NodeKind.LOGIT), kind),
        layer=torch.arange(n) * 4 // n,
        position=torch.randint(5, (n,), generator=rng),
        index=torch.arange(n),
        activation=torch.rand(n, generator=rng),
        logit_weight=torch.where(logit, 1 / 3, 0.0),
        edge_index=ends,
        direct_effect=torch.randn(ends.shape[1], generator=rng),
    )


def tree(graph: AttributionGraph, leaf_size: int = 4) -> Hierarchy:
    """Over all of a graph's nodes."""
    weight = graph.direct_effect.double().numpy()
    settings = HierarchySettings(leaf_size=leaf_size)
    return build_hierarchy(graph.n_nodes, graph.edge_index.numpy(), weight, settings)


def part_of_tree(graph: AttributionGraph) -> tuple[Hierarchy, Tensor]:
    """The tree over a graph's features alone, and the node of each leaf."""
    leaves = graph.of_kind(NodeKind.FEATURE).nonzero().squeeze(1)
    number = torch.full((graph.n_nodes,), -1)
    number[leaves] = torch.arange(len(leaves))
    ends = number[graph.edge_index]
    inside = (ends >= 0).all(0)
    weight = graph.direct_effect[inside].double().numpy()
    settings = HierarchySettings(leaf_size=4)
    return build_hierarchy(len(leaves), ends[:, inside].numpy(), weight, settings), leaves
