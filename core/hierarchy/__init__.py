"""Trees of supernodes over a graph: cutting, reading, scoring.

tree        supernodes over the nodes of one graph, read-only
settings    what a person may choose about it
build       cuts a graph into a tree, from the top down
split       one level of cuts
affinity    how alike two nodes are, for cutting
embed       where each node of a block stands
kmeans      clusters with a largest size, many blocks at once
names       A, A1, A1b, ...
coarse      edges between groups of nodes
wire        hierarchy.json
report      whether a tree is better than chance
modularity  how much structure a partition shows
leiden      communities to compare with
"""

from core.hierarchy.build import build_hierarchy, random_tree
from core.hierarchy.coarse import CoarseEdges
from core.hierarchy.leiden import leiden, leiden_of_size
from core.hierarchy.modularity import Modularity, modularity
from core.hierarchy.report import Chance, LevelReport, TreeReport, tree_report
from core.hierarchy.settings import HierarchySettings
from core.hierarchy.tree import Hierarchy

__all__ = [
    "Chance",
    "CoarseEdges",
    "Hierarchy",
    "HierarchySettings",
    "LevelReport",
    "Modularity",
    "TreeReport",
    "build_hierarchy",
    "leiden",
    "leiden_of_size",
    "modularity",
    "random_tree",
    "tree_report",
]
