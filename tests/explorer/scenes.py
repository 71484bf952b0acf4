"""A scene made by hand in the shape of the modular addition circuit: 5 tokens, 2 layers."""

import numpy as np
import torch

from core.circuit import FeatureNode
from core.graph import AttributionGraph, NodeKind
from core.hierarchy import Hierarchy
from explorer.network.visible import Scene, scene_of_graph

TOKENS = ("<bos>", "17", "+", "40", "=")
SIZES = {"A": (4, 4, 4), "B": (4, 4, 3), "C": (8, 7, 8, 4), "D": (6, 5, 3)}
PLACES = {"A": (0, 1), "B": (0, 3), "C": (0, 4), "D": (1, 4)}
LABELS = {
    "A": "operand a",
    "B": "operand b",
    "C": "sum phase",
    "D": "logit readout",
    "A1": "a: cos ω₅",
    "A2": "a: sin ω₅",
    "B1": "b: cos ω₅",
    "C1": "cos ω₅s",
    "C2": "sin ω₅s",
    "C3": "ω₁₁s",
    "C4": "heads",
    "D1": "k = 5",
    "D2": "k = 11",
}


def tree_nodes() -> list[FeatureNode]:
    """(layer, position, feature) of the circuit's features in tree order."""
    out = []
    for letter, parts in SIZES.items():
        layer, position = PLACES[letter]
        start = 100 + len(out)
        out += [FeatureNode(layer, position, start + i * 7) for i in range(sum(parts))]
    return out


def hierarchy(edge_index: np.ndarray, weight: np.ndarray) -> Hierarchy:
    """Root, four supernodes, their parts."""
    parent, start, stop, at = [-1], [0], [len(tree_nodes())], 0
    groups = list(SIZES.values())
    for parts in groups:
        parent.append(0)
        start.append(at)
        at += sum(parts)
        stop.append(at)
    for i, parts in enumerate(groups):
        at = start[1 + i]
        for size in parts:
            parent.append(1 + i)
            start.append(at)
            at += size
            stop.append(at)
    return Hierarchy(
        parent=np.array(parent),
        start=np.array(start),
        stop=np.array(stop),
        order=np.arange(len(tree_nodes())),
        edge_index=edge_index,
        weight=weight,
    )


def graph(seed: int = 0) -> AttributionGraph:
    """Features, heads, errors, tokens, positions and two logits with plausible effects."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, int, int, int, float]] = []
    for layer, position, feature in tree_nodes():
        rows.append((NodeKind.FEATURE, layer, position, feature, rng.uniform(0.5, 4)))
    heads = [(0, 0), (0, 2), (1, 1), (1, 3)]
    rows += [(NodeKind.HEAD, layer, 4, head, 1.0) for layer, head in heads]
    rows += [(NodeKind.ERROR, layer, 4, -1, 1.0) for layer in (0, 1)]
    rows += [(NodeKind.TOKEN, -1, p, 10 + p, 1.0) for p in range(5)]
    rows += [(NodeKind.POSITION, -1, 4, -1, 1.0)]
    rows += [(NodeKind.LOGIT, 2, 4, token, 9.0) for token in (57, 45)]
    kind = np.array([r[0] for r in rows])
    layer, position = np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    at = {
        (int(k), int(a), int(p), r[3]): i
        for i, (k, a, p, r) in enumerate(zip(kind, layer, position, rows, strict=True))
    }
    features = {
        n: [i for i, t in enumerate(tree_nodes()) if (t[0], t[1]) == PLACES[n]] for n in SIZES
    }
    edges: list[tuple[int, int, float]] = []

    def join(sources: list[int], targets: list[int], size: float, density: float = 0.5) -> None:
        for s in sources:
            for t in targets:
                if rng.random() < density:
                    edges.append((s, t, float(rng.normal(size, abs(size) * 0.7))))

    token = {p: at[(NodeKind.TOKEN, -1, p, 10 + p)] for p in range(5)}
    head = {(a, h): at[(NodeKind.HEAD, a, 4, h)] for a, h in heads}
    join([token[1]], features["A"], 0.3)
    join([token[3]], features["B"], 0.3)
    join([token[1], token[4]], [head[0, 0]], 1.5, 1.0)
    join([token[3]], [head[0, 2]], 1.4, 1.0)
    join([head[0, 0], head[0, 2]], features["C"], 0.2, 0.9)
    join([at[(NodeKind.POSITION, -1, 4, -1)]], features["C"], -0.05)
    join(features["A"], [head[1, 1]], 0.15)
    join(features["B"], [head[1, 3]], 0.15)
    join([head[1, 1], head[1, 3]], features["D"], 0.1, 0.8)
    join(features["C"], features["D"], 0.05)
    join([at[(NodeKind.ERROR, 0, 4, -1)]], features["D"], -0.06)
    answer, other = at[(NodeKind.LOGIT, 2, 4, 57)], at[(NodeKind.LOGIT, 2, 4, 45)]
    join(features["D"] + features["C"][:4], [answer], 0.3, 1.0)
    join(features["D"], [other], -0.12, 0.8)
    join([at[(NodeKind.ERROR, 1, 4, -1)]], [answer], -0.3, 1.0)
    source, target, weight = zip(*edges, strict=True)
    logit_weight = np.zeros(len(rows))
    logit_weight[[answer, other]] = 0.98, 0.01
    return AttributionGraph(
        kind=torch.tensor(kind),
        layer=torch.tensor(layer),
        position=torch.tensor(position),
        index=torch.tensor([r[3] for r in rows]),
        activation=torch.tensor([float(r[4]) for r in rows]),
        logit_weight=torch.tensor(logit_weight).float(),
        edge_index=torch.tensor([source, target]),
        direct_effect=torch.tensor(weight).float(),
    )


def scene(seed: int = 0) -> Scene:
    """The scene of that graph, its tree over the features."""
    made = graph(seed)
    n = len(tree_nodes())
    inside = (made.edge_index < n).all(0)
    tree = hierarchy(
        made.edge_index[:, inside].numpy(), made.direct_effect[inside].numpy().astype(np.float64)
    )
    return scene_of_graph(
        made,
        key=f"handmade-{seed}",
        title="a + b mod 59 · gpt2-mini",
        tokens=TOKENS,
        token_text={57: "57", 45: "45"},
        labels=LABELS,
        tree=tree,
        tree_nodes=tree_nodes(),
    )
