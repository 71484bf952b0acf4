"""Which nodes and supernodes look important before anything is ablated.

What the learned guide needs (`core.guide.hetero`, `network`, `gnn`) is not imported here:
torch_geometric takes seconds. `guide_named` imports it where it is asked for.
"""

from core.guide.guide import Guide, GuideScores, InfluenceGuide, ShiftedInfluenceGuide
from core.guide.named import guide_named
from core.guide.pooled import Pooled

__all__ = [
    "Guide",
    "GuideScores",
    "InfluenceGuide",
    "Pooled",
    "ShiftedInfluenceGuide",
    "guide_named",
]
