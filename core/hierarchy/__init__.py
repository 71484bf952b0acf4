"""Trees of supernodes over a graph: cutting, reading, restricting, scoring."""

from core.hierarchy.build import build_hierarchy, random_tree
from core.hierarchy.coarse import CoarseEdges
from core.hierarchy.modularity import (
    Modularity,
    ModularityReport,
    modularity,
    modularity_report,
)
from core.hierarchy.settings import HierarchySettings
from core.hierarchy.tree import Hierarchy

__all__ = [
    "CoarseEdges",
    "Hierarchy",
    "HierarchySettings",
    "Modularity",
    "ModularityReport",
    "build_hierarchy",
    "modularity",
    "modularity_report",
    "random_tree",
]
