"""Trees of supernodes over a graph: cutting, reading, scoring."""

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
