"""Search for circuits: down the tree and node by node, exchange, gates.

A run takes `descend`, `eliminate_jointly`, `exchange` and `refine`. `best_first` (group testing)
finds single nodes that matter and the gates they take part in, `both_ways` circuits by noising and
by denoising; they and `eliminate` (squared gradients) are compared in benchmarks/.
"""

from core.search.descend import DescendSettings, Descent, Survivors, descend
from core.search.eliminate import EliminateSettings, Elimination, eliminate, squared_gradient
from core.search.exchange import Exchanged, ExchangeSettings, exchange
from core.search.groups import GroupSettings, best_first
from core.search.joint import WIDE, JointSettings, Response, eliminate_jointly
from core.search.progress import SearchProgress
from core.search.refine import Refinement, RefineSettings, refine
from core.search.trace import Gate, SearchTrace, Values, gates_of
from core.search.twoway import TwoWay, both_ways

__all__ = [
    "WIDE",
    "DescendSettings",
    "Descent",
    "EliminateSettings",
    "Elimination",
    "ExchangeSettings",
    "Exchanged",
    "Gate",
    "GroupSettings",
    "JointSettings",
    "RefineSettings",
    "Refinement",
    "Response",
    "SearchProgress",
    "SearchTrace",
    "Survivors",
    "TwoWay",
    "Values",
    "best_first",
    "both_ways",
    "descend",
    "eliminate",
    "eliminate_jointly",
    "exchange",
    "gates_of",
    "refine",
    "squared_gradient",
]
