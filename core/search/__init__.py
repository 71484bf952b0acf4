"""Search for circuits: down the tree and node by node, exchange, gates.

A run takes `descend`, `eliminate_jointly`, `exchange` and `refine`; `best_first` (group testing)
and `eliminate` (squared gradients) are there to be compared (benchmarks/search_study.py).
"""

from core.search.descend import DescendSettings, Descent, Survivors, descend
from core.search.eliminate import EliminateSettings, Elimination, eliminate, squared_gradient
from core.search.exchange import Exchanged, ExchangeSettings, exchange
from core.search.groups import GroupSettings, SearchTrace, best_first, recall_at
from core.search.joint import WIDE, JointSettings, Response, eliminate_jointly
from core.search.progress import SearchProgress
from core.search.refine import Refinement, RefineSettings, refine

__all__ = [
    "WIDE",
    "DescendSettings",
    "Descent",
    "EliminateSettings",
    "Elimination",
    "ExchangeSettings",
    "Exchanged",
    "GroupSettings",
    "JointSettings",
    "RefineSettings",
    "Refinement",
    "Response",
    "SearchProgress",
    "SearchTrace",
    "Survivors",
    "best_first",
    "descend",
    "eliminate",
    "eliminate_jointly",
    "exchange",
    "recall_at",
    "refine",
    "squared_gradient",
]
