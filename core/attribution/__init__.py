"""Attribution graphs of a model with transcoders: exact linear direct effects, without autograd.

settings      how many features, how exact
targets       what a graph explains: tokens, or a direction between them
frozen        the model made linear around one prompt
ends          what writes into the residual stream, and what reads from it
select        which active features become nodes
build         the graph of one prompt
sweep         every direct effect, as dense products
downward      targets carried down to a layer boundary
upward        sources carried up to one
stream        what each source contributes at a block's entry
wave          many vectors carried at once
matmul        one product at the machine's full speed
head_nodes    heads as nodes: paths split at every head
heads         which heads carry an edge
paths         the edges at one node, each as the sum of its paths
explain       a prompt in words, its graph and scores
pool          the graph of a whole task
"""

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
