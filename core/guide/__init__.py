"""Which nodes and supernodes a search should look at first.

What learned guides read is in `core.guide.hetero`, not imported here: torch_geometric takes
seconds.
"""

from core.guide.influence import Guide, GuideScores, InfluenceGuide, path_influence
from core.guide.view import GraphView, graph_view

__all__ = [
    "GraphView",
    "Guide",
    "GuideScores",
    "InfluenceGuide",
    "graph_view",
    "path_influence",
]
