"""Search for circuits: down the tree and node by node, exchange, gates, group testing."""

from core.search.combined import Order, Probes, SearchSettings, find
from core.search.descend import DescendSettings, Descent, Survivors, descend
from core.search.eliminate import EliminateSettings, Elimination, eliminate, squared_gradient
from core.search.exchange import Exchanged, ExchangeSettings, exchange
from core.search.groups import GroupSettings, SearchTrace, best_first, recall_at
from core.search.joint import JointSettings, Response, eliminate_jointly
from core.search.progress import SearchProgress
from core.search.refine import Refinement, RefineSettings, refine

__all__ = [
    "DescendSettings",
    "Descent",
    "EliminateSettings",
    "Elimination",
    "ExchangeSettings",
    "Exchanged",
    "GroupSettings",
    "JointSettings",
    "Order",
    "Probes",
    "RefineSettings",
    "Refinement",
    "Response",
    "SearchProgress",
    "SearchSettings",
    "SearchTrace",
    "Survivors",
    "best_first",
    "descend",
    "eliminate",
    "eliminate_jointly",
    "exchange",
    "find",
    "recall_at",
    "refine",
    "squared_gradient",
]
