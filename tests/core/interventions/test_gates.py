"""Gates of features and heads: by hand, against plain hooks on the plain model, and invariants."""

import pytest
import torch

from core.circuit import Attention, Bounds, Circuit, FeatureNode, HeadNode
from core.errors import NodeError
from core.interventions import (
    Ablation,
    ErrorRegime,
    Evaluator,
    Gates,
    Places,
    all_gates,
    circuit_gates,
)
from tests.core.interventions.test_evaluator import make, slow_logits
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders

BOUNDS = Bounds(n_layers=2, n_positions=3, n_features=4, n_heads=2, n_vocab=9)
NODES = (FeatureNode(1, 2, 3), HeadNode(0, 1), HeadNode(1, 0, 2))
OUTPUTS = {
    "gpt2": lambda block: block.attn.c_proj,
    "llama": lambda block: block.self_attn.o_proj,
    "neox-parallel": lambda block: block.attention.dense,
}


def circuit(nodes=NODES, attention=Attention.CIRCUIT):
    keys = dict.fromkeys(("model_key", "transcoder_key", "task_key"), "k")
    return Circuit(nodes=nodes, attention=attention, seed=0, **keys)


def test_the_gates_of_a_circuit_by_hand():
    gates = circuit_gates(circuit(), BOUNDS)
    assert gates.feature.nonzero().tolist() == [[1, 2, 3]]
    assert gates.head.nonzero().tolist() == [[0, 0, 1], [0, 1, 1], [0, 2, 1], [1, 2, 0]]
    live = circuit_gates(circuit(NODES[:1], Attention.LIVE), BOUNDS)
    assert torch.equal(live.feature, gates.feature)
    assert (live.head == 1).all()
    alone = circuit_gates(circuit(()), BOUNDS)
    assert alone.feature.sum() == alone.head.sum() == 0


def test_a_node_outside_the_bounds_is_refused():
    with pytest.raises(NodeError, match="no such feature"):
        circuit_gates(circuit((FeatureNode(1, 2, 4),)), BOUNDS)
    with pytest.raises(NodeError, match="no such head"):
        circuit_gates(circuit((HeadNode(0, 2),)), BOUNDS)


def test_values_of_nodes_are_sums_over_their_gates():
    places = Places.of(NODES, BOUNDS, Attention.CIRCUIT)
    gates = places.gates(torch.tensor([[0.5, 0.25, 1.0], [0.0, 1.0, 0.0]]))
    assert gates.feature[:, 1, 2, 3].tolist() == [0.5, 0.0]
    assert gates.head[0].sum().item() == 3 * 0.25 + 1.0
    assert places.values(gates).tolist() == [[0.5, 0.75, 1.0], [0.0, 3.0, 0.0]]


def test_a_gate_that_two_nodes_name_is_open_once():
    places = Places.of((HeadNode(0, 1), HeadNode(0, 1, 2)), BOUNDS, Attention.CIRCUIT)
    assert places.gates(torch.ones(2)).head[0, :, 1].tolist() == [1.0, 1.0, 1.0]
    assert places.gates(torch.tensor([0.0, 1.0])).head[0, :, 1].tolist() == [0.0, 0.0, 1.0]


def test_the_complement_turns_every_gate_but_live_attention():
    gates = circuit_gates(circuit(), BOUNDS)
    rest = gates.complement(Attention.CIRCUIT)
    assert torch.equal(rest.feature, 1 - gates.feature)
    assert torch.equal(rest.head, 1 - gates.head)
    live = circuit_gates(circuit(NODES[:1], Attention.LIVE), BOUNDS)
    assert (live.complement(Attention.LIVE).head == 1).all()


def test_cutting_and_splitting_keep_both_kinds_together():
    generator = torch.Generator().manual_seed(0)
    gates = Gates(
        feature=torch.rand(5, *BOUNDS[:3], generator=generator),
        head=torch.rand(5, 2, 3, 2, generator=generator),
    )
    assert torch.equal(gates.cut(1).head, gates.head[:, :, 1:])
    assert torch.equal(gates.cut(1).feature, gates.feature[:, :, 1:])
    parts = gates.split(2)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([part.head for part in parts]), gates.head)


# heads against plain hooks --------------------------------------------------------------------


def head_values(model, kind, ids):
    """z of every layer on one prompt, by ordinary hooks: [pos, head, d_head]."""
    seen = []
    hooks = [
        OUTPUTS[kind](block).register_forward_pre_hook(lambda _m, args: seen.append(args[0][0]))
        for block in model.blocks
    ]
    model.hf(input_ids=ids)
    for hook in hooks:
        hook.remove()
    return [z.view(len(z), model.n_heads, -1).clone() for z in seen]


def resting_heads(model, kind, batch, others, row, ablation):
    """z° of every layer at this prompt's positions."""
    length = batch.clean.shape[1]
    if ablation is Ablation.RESAMPLE:
        return head_values(model, kind, batch.corrupt[row : row + 1])
    runs = [
        head_values(model, kind, other.clean[i : i + 1])
        for other in others
        for i in range(len(other.clean))
    ]
    found = []
    for layer in range(model.n_layers):
        at = [
            torch.stack([run[layer][-back] for run in runs if len(run[layer]) >= back]).mean(0)
            for back in range(length, 0, -1)
        ]
        found.append(torch.stack(at))
    return [torch.zeros_like(z) for z in found] if ablation is Ablation.ZERO else found


def with_gated_heads(model, kind, resting, heads, start, run):
    """`run()` while hooks put each head to g z + (1 - g) z°, one number at a time."""

    def hook(layer):
        def replace(_module, args):
            z = args[0][0].view(-1, model.n_heads, model.d_head).clone()
            for pos in range(len(z)):
                for head in range(model.n_heads):
                    g = heads[layer, start + pos, head]
                    z[pos, head] = g * z[pos, head] + (1 - g) * resting[layer][pos, head]
            return (z.reshape(args[0].shape), *args[1:])

        return replace

    blocks = enumerate(model.blocks)
    hooks = [OUTPUTS[kind](b).register_forward_pre_hook(hook(i)) for i, b in blocks]
    logits = run()
    for one in hooks:
        one.remove()
    return logits


def random_gates(evaluator, n=2):
    """Shut, live and half-open gates of every kind."""
    generator = torch.Generator().manual_seed(6)
    layers, length, features, heads, _ = evaluator.bounds
    return Gates(
        feature=(torch.rand(n, layers, length, features, generator=generator) < 0.4).float(),
        head=torch.randint(3, (n, layers, length, heads), generator=generator) / 2,
    )


@pytest.mark.parametrize("ablation", Ablation)
@pytest.mark.parametrize("kind", OUTPUTS)
def test_gated_heads_equal_the_slow_reference(kind, ablation):
    """GPT-2, Llama with grouped queries, and NeoX with parallel blocks."""
    evaluator, batches, others = make(kind)
    model, coders, gates = evaluator.model, evaluator.transcoders, random_gates(evaluator)
    got = evaluator.outcome(gates, ablation).logit_diff
    want = []
    for mask, heads in zip(gates.feature, gates.head, strict=True):
        for batch in batches:
            start = evaluator.length - batch.clean.shape[1]
            for row in range(len(batch.clean)):
                resting = resting_heads(model, kind, batch, others, row, ablation)
                args = (model, coders, batch, others, row, mask, ablation)
                # The references of features are taken before the heads are touched.
                logits = slow_logits(
                    *args,
                    around=lambda run, r=resting, h=heads, s=start: with_gated_heads(
                        model, kind, r, h, s, run
                    ),
                )
                want.append(logits[batch.answer[row]] - logits[batch.wrong[row]])
    want = torch.stack(want).view(len(gates), -1)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
    live = Gates(feature=gates.feature, head=torch.ones_like(gates.head))
    assert not torch.allclose(evaluator.outcome(live, ablation).logit_diff, want, atol=1e-2)


@pytest.mark.parametrize("ablation", Ablation)
@pytest.mark.parametrize("kind", OUTPUTS)
def test_all_gates_open_with_the_models_errors_is_the_model(kind, ablation):
    evaluator, _, _ = make(kind)
    got = evaluator.outcome(all_gates(evaluator.bounds)[None], ablation, ErrorRegime.KEPT)
    want = evaluator.model_outcome()
    torch.testing.assert_close(got.logit_diff, want.logit_diff, rtol=1e-3, atol=1e-3)
    assert got.agree.all()


def test_every_gate_shut_under_resampling_leaves_only_the_embeddings():
    """Twins that end in the same token then answer alike: nothing else of the clean one is left."""
    model = tiny_model("gpt2")
    batch = tiny_batch(seed=1)
    batch.corrupt[:, -1] = batch.clean[:, -1]
    coders = tiny_transcoders(model)
    evaluator = Evaluator(model, coders, [batch], mean_over=[tiny_batch(seed=3)], length=5)
    nothing = Places.of((), evaluator.bounds, Attention.CIRCUIT).gates(torch.zeros(1, 0))
    logits = model.logits(batch.corrupt)
    rows = torch.arange(len(logits))
    want = logits[rows, batch.answer] - logits[rows, batch.wrong]
    got = evaluator.outcome(nothing, Ablation.RESAMPLE).logit_diff[0]
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_a_half_open_head_gate_has_the_gradient_of_finite_differences():
    evaluator, _, _ = make()
    gates = random_gates(evaluator, 1)[0]
    head = gates.head.clone().requires_grad_()
    loss = evaluator.loss(Gates(feature=gates.feature, head=head), Ablation.MEAN).sum()
    (gradient,) = torch.autograd.grad(loss, head)
    place, step = (0, 4, 1), 1e-2
    ends = []
    for sign in (-1, 1):
        moved = gates.head.clone()
        moved[place] += sign * step
        ends.append(evaluator.loss(Gates(feature=gates.feature, head=moved), Ablation.MEAN).sum())
    slope = (ends[1] - ends[0]) / (2 * step)
    assert slope.abs() > 1e-3
    torch.testing.assert_close(gradient[place], slope, rtol=2e-2, atol=1e-3)


def test_importance_of_heads_is_the_sum_of_squared_gradients_prompt_by_prompt():
    evaluator, _, _ = make()
    drawn = random_gates(evaluator, 1)[0]  # no gate quite closed: the loss leaves those out
    gates = Gates(feature=drawn.feature.clamp(min=0.01), head=drawn.head)
    got = evaluator.importance(gates, Ablation.MEAN, Attention.CIRCUIT)
    own = Gates(
        feature=gates.feature.clone().requires_grad_(), head=gates.head.clone().requires_grad_()
    )
    want = Gates(feature=torch.zeros_like(own.feature), head=torch.zeros_like(own.head))
    for loss in evaluator.loss(own, Ablation.MEAN):
        feature, head = torch.autograd.grad(loss, (own.feature, own.head), retain_graph=True)
        want.feature.add_(feature.pow(2))
        want.head.add_(head.pow(2))
    assert want.head.count_nonzero() > 10
    torch.testing.assert_close(got.feature, want.feature, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(got.head, want.head, rtol=1e-3, atol=1e-6)
