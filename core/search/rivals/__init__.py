"""Other searches than a run's, on the same numbers: benchmarks/ holds them against each other.

`eliminate` ranks by squared gradients; `best_first` (group testing) finds single nodes that matter
and the gates they take part in; `both_ways` finds circuits by noising and by denoising.
"""

from core.search.rivals.eliminate import EliminateSettings, eliminate
from core.search.rivals.groups import GroupSettings, best_first
from core.search.rivals.trace import Gate, SearchTrace, Values, gates_of
from core.search.rivals.twoway import TwoWay, both_ways

__all__ = [
    "EliminateSettings",
    "Gate",
    "GroupSettings",
    "SearchTrace",
    "TwoWay",
    "Values",
    "best_first",
    "both_ways",
    "eliminate",
    "gates_of",
]
