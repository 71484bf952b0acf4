"""Which nodes and supernodes a search should look at first.

What learned guides read is in `core.guide.hetero`, not imported here: torch_geometric takes
seconds.
"""

from core.guide.guide import Guide, GuideScores, InfluenceGuide

__all__ = ["Guide", "GuideScores", "InfluenceGuide"]
