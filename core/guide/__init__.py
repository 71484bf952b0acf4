"""Which nodes and supernodes a search should look at first."""

from core.guide.hetero import EDGE_FEATURES, NODE_FEATURES, SUPERNODE_FEATURES, to_hetero
from core.guide.influence import Guide, GuideScores, InfluenceGuide, path_influence
from core.guide.view import GraphView, graph_view

__all__ = [
    "EDGE_FEATURES",
    "NODE_FEATURES",
    "SUPERNODE_FEATURES",
    "GraphView",
    "Guide",
    "GuideScores",
    "InfluenceGuide",
    "graph_view",
    "path_influence",
    "to_hetero",
]
