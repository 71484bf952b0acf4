"""Attribution graphs of a model with transcoders: exact linear direct effects, without autograd."""

from core.attribution.build import build_graph, build_graphs
from core.attribution.explain import Explanation, explain_prompt, target_choice
from core.attribution.heads import HeadSplit, split_by_head
from core.attribution.paths import Paths, paths_at, split_every_edge, splittable
from core.attribution.pool import TaskGraph, pool_graphs
from core.attribution.settings import AttributionSettings
from core.attribution.targets import Direction, SalientLogits, TargetChoice, Tokens

__all__ = [
    "AttributionSettings",
    "Direction",
    "Explanation",
    "HeadSplit",
    "Paths",
    "SalientLogits",
    "TargetChoice",
    "TaskGraph",
    "Tokens",
    "build_graph",
    "build_graphs",
    "explain_prompt",
    "paths_at",
    "pool_graphs",
    "split_by_head",
    "split_every_edge",
    "splittable",
    "target_choice",
]
