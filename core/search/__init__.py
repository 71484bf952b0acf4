"""Search for circuits: group testing, elimination, gates, and the three together."""

from core.search.combined import Order, Probes, SearchSettings, find
from core.search.eliminate import EliminateSettings, Elimination, eliminate, squared_gradient
from core.search.groups import GroupSettings, SearchTrace, best_first, recall_at
from core.search.progress import SearchProgress
from core.search.refine import Refinement, RefineSettings, refine

__all__ = [
    "EliminateSettings",
    "Elimination",
    "GroupSettings",
    "Order",
    "Probes",
    "RefineSettings",
    "Refinement",
    "SearchProgress",
    "SearchSettings",
    "SearchTrace",
    "best_first",
    "eliminate",
    "find",
    "recall_at",
    "refine",
    "squared_gradient",
]
