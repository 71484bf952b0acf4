"""Which nodes and supernodes look important before anything is ablated.

A run only orders by it what its search has dropped (`core.pipeline.rankings`); the order in which
supernodes are tried comes from slopes at the circuit itself. Group testing
(`core.search.best_first`), which no run takes, does look first where a guide points.

What learned guides read is in `core.guide.hetero`, not imported here: torch_geometric takes
seconds.
"""

from core.guide.guide import Guide, GuideScores, InfluenceGuide

__all__ = ["Guide", "GuideScores", "InfluenceGuide"]
