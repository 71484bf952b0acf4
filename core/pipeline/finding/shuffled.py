"""The null *shuffled-features*: what was found, its features exchanged for random ones.

`core.pipeline.nulls` says what it is for, beside the other nulls.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Int
from torch import Tensor

from core.circuit import FeatureNode, GatedNode
from core.graph import NodeKind
from core.pipeline.finding.discovery import Discovery, candidates_of
from core.pipeline.finding.graphs import edge_columns, restricted
from core.pipeline.finding.tree import node_graph
from core.pipeline.prepare import Prepared
from core.pipeline.progress import OnProgress
from core.pipeline.settings import RunSettings
from core.transcoders import TranscoderSet


def shuffled(
    order: Sequence[GatedNode], nodes: Int[Tensor, "node 4"], seed: int
) -> tuple[GatedNode, ...]:
    """A ranking with each feature exchanged for a random one of its layer and position; heads stay.

    Args:
        order: The ranking.
        nodes: (kind, layer, aligned position, feature or head) of all that are drawn from, without
            repeats; the ranking's own are among them.
        seed: Of the draw.
    """
    draw = random.Random(f"shuffled features {seed}")
    pools: dict[tuple[int, int], list[int]] = defaultdict(list)
    features = nodes[nodes[:, 0] == int(NodeKind.FEATURE), 1:]
    for layer, position, feature in features.tolist():
        pools[layer, position].append(feature)
    for pool in pools.values():
        draw.shuffle(pool)
    return tuple(
        FeatureNode(node.layer, node.position, pools[node.layer, node.position].pop())
        if isinstance(node, FeatureNode)
        else node
        for node in order
    )


def shuffle_features(
    found: Discovery,
    prepared: Prepared,
    transcoders: TranscoderSet,
    settings: RunSettings,
    progress: OnProgress,
) -> Discovery:
    """What a search found, its features `shuffled` among all of the task graph; the size stays."""
    pooled, whole, _ = candidates_of(prepared, transcoders, settings, progress)
    order = shuffled(found.order, node_graph(whole).nodes, settings.seed)
    graph, places = restricted(whole, order[: found.size])
    return replace(found, order=order, graph=graph, columns=edge_columns(pooled, places))
