"""Search for circuits: down the tree and node by node, exchange, gates.

A run takes `descend`, `eliminate_jointly`, `exchange` and `refine`. What else can rank nodes, and
is held against them in benchmarks/, is in `rivals`.
"""

from core.search.descend import DescendSettings, Descent, Survivors, descend
from core.search.exchange import Exchanged, ExchangeSettings, exchange
from core.search.joint import WIDE, Elimination, JointSettings, Response, eliminate_jointly
from core.search.progress import SearchProgress
from core.search.refine import Refinement, RefineSettings, refine

__all__ = [
    "WIDE",
    "DescendSettings",
    "Descent",
    "Elimination",
    "ExchangeSettings",
    "Exchanged",
    "JointSettings",
    "RefineSettings",
    "Refinement",
    "Response",
    "SearchProgress",
    "Survivors",
    "descend",
    "eliminate_jointly",
    "exchange",
    "refine",
]
