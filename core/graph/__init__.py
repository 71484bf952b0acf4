"""Attribution graphs: the value itself, influence, pruning and scores."""

from core.graph.attribution_graph import (
    INPUTS,
    LEAVES,
    LEFT_OUT,
    AttributionGraph,
    NodeKind,
    load_graph,
    save_graph,
    subgraph,
)
from core.graph.influence import edge_shares, influence, total_effect
from core.graph.prune import EDGE_THRESHOLD, Pruned, cumulative_influence, prune
from core.graph.scores import (
    completeness_score,
    completeness_score_without_leaves,
    replacement_score,
)

__all__ = [
    "EDGE_THRESHOLD",
    "INPUTS",
    "LEAVES",
    "LEFT_OUT",
    "AttributionGraph",
    "NodeKind",
    "Pruned",
    "completeness_score",
    "completeness_score_without_leaves",
    "cumulative_influence",
    "edge_shares",
    "influence",
    "load_graph",
    "prune",
    "replacement_score",
    "save_graph",
    "subgraph",
    "total_effect",
]
