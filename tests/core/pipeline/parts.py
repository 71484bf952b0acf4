"""Small tasks, graphs and probes that the tests of the pipeline share."""

import torch

from core.graph import AttributionGraph, NodeKind
from core.interventions import Evaluator
from core.pipeline.finding.probes import Probe
from core.tasks import PromptPair, Split, Task
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders


def task_of(pairs_per_split=4, splits=tuple(Split), gate=0.5):
    words = [f"w{i}" for i in range(17)]
    pairs, places = [], {split: [] for split in Split}
    for split in splits:
        for n in range(pairs_per_split):
            i = len(pairs)
            text = f"<bos> {words[i % 17]} {words[i // 17]} {words[(3 * i) % 17]}"
            other = f"<bos> {words[(i + 5) % 17]} {words[n]} {words[(3 * i + 1) % 17]}"
            pairs.append(PromptPair(clean=text, corrupt=other, answer=words[n], wrong=words[n + 1]))
            places[split].append(i)
    return Task(
        name="toy", title="Toy", pairs=tuple(pairs), gate=gate, source="test",
        splits={split: tuple(ids) for split, ids in places.items()},
    )  # fmt: skip


def features(rows):
    """Rows (layer, position, feature) with their kind."""
    nodes = torch.as_tensor(rows)
    return torch.cat([torch.zeros(len(nodes), 1, dtype=torch.long), nodes], 1)


def tiny_probe():
    """A probe of every feature that fires in a tiny model."""
    model = tiny_model("gpt2")
    coders = tiny_transcoders(model)
    evaluator = Evaluator(
        model, coders, [tiny_batch(seed=1)], mean_over=[tiny_batch(seed=2)], length=5
    )
    return Probe.on(evaluator, features(evaluator.active().nonzero()))


def graph():
    """tok → f0, f1 → f2 → logit; tok → f1; f1 → logit."""
    kinds = [NodeKind.FEATURE] * 3 + [NodeKind.TOKEN, NodeKind.LOGIT]
    return AttributionGraph(
        kind=torch.tensor([int(k) for k in kinds]),
        layer=torch.tensor([0, 0, 1, -1, 2]),
        position=torch.tensor([1, 2, 2, 1, 2]),
        index=torch.tensor([4, 5, 6, -1, -1]),
        activation=torch.ones(5),
        logit_weight=torch.tensor([0, 0, 0, 0, 1.0]),
        edge_index=torch.tensor([[3, 3, 0, 1, 2, 1], [0, 1, 2, 2, 4, 4]]),
        direct_effect=torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    )


def heads_of(evaluator):
    """Every head at every position, as rows."""
    sizes = (evaluator.bounds.n_layers, evaluator.bounds.n_positions, evaluator.bounds.n_heads)
    return torch.cartesian_prod(
        torch.tensor([int(NodeKind.HEAD)]), *(torch.arange(size) for size in sizes)
    )
