"""Attribution graphs of a model with transcoders: exact linear direct effects, without autograd."""

from core.attribution.build import build_graph, build_graphs
from core.attribution.pool import TaskGraph, pool_graphs
from core.attribution.settings import AttributionSettings
from core.attribution.targets import Direction, SalientLogits, TargetChoice, Tokens

__all__ = [
    "AttributionSettings",
    "Direction",
    "SalientLogits",
    "TaskGraph",
    "TargetChoice",
    "Tokens",
    "build_graph",
    "build_graphs",
    "pool_graphs",
]
