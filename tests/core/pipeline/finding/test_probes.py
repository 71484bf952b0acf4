"""What a search asks of the model, against the circuits that it means."""

import torch

from core.circuit import Attention
from core.interventions import JUDGED
from core.pipeline.finding.probes import Probe
from tests.core.pipeline.parts import heads_of


def test_losses_reach_every_node(probe):
    mask = torch.full((len(probe.nodes),), 0.5, requires_grad=True)
    probe.loss(mask).backward()
    assert (mask.grad != 0).float().mean() > 0.2


def test_residuals_are_margins_less_the_models_in_units_of_it(probe):
    mask = torch.zeros(len(probe.nodes))
    mask[::2] = 1
    found = probe.respond(mask)
    model = probe.evaluator.model_outcome().logit_diff[0]
    scale = model.square().mean().sqrt()
    gates = probe.places.gates(mask[None])
    want = [probe.evaluator.outcome(gates, a).logit_diff[0] - model for a in JUDGED]
    torch.testing.assert_close(found.residual, torch.cat(want) / scale)
    torch.testing.assert_close(probe.measure(mask[None])[0], found.residual.square().mean())
    torch.testing.assert_close(probe.residuals(mask[None])[0], found.residual)
    assert found.slope.shape == (len(found.residual), len(probe.nodes))


def test_slopes_foretell_what_a_small_step_does(probe):
    point = torch.full((len(probe.nodes),), 0.5)
    direction = torch.randn(len(point), generator=torch.Generator().manual_seed(0))
    ends = [probe.respond(point + step * direction).residual for step in (0.005, -0.005)]
    want = (ends[0] - ends[1]) / 0.01
    torch.testing.assert_close(probe.respond(point).slope @ direction, want, rtol=0.05, atol=5e-3)


def test_slopes_of_heads_foretell_what_a_small_step_does(probe):
    nodes = torch.cat([probe.nodes, heads_of(probe.evaluator)])
    counted = Probe.on(probe.evaluator, nodes, Attention.CIRCUIT)
    point = torch.full((len(nodes),), 0.5)
    direction = torch.randn(len(point), generator=torch.Generator().manual_seed(0))
    direction[: len(probe.nodes)] = 0
    ends = [counted.respond(point + step * direction).residual for step in (0.005, -0.005)]
    want = (ends[0] - ends[1]) / 0.01
    torch.testing.assert_close(counted.respond(point).slope @ direction, want, rtol=0.05, atol=5e-3)


def test_a_node_at_all_positions_is_its_nodes_at_each(probe):
    """Position -1, for features and heads alike."""
    everywhere = probe.nodes[:, [0, 1, 3]].unique(dim=0)
    rows = torch.stack([everywhere[:, 0], everywhere[:, 1], torch.full((len(everywhere),), -1),
                        everywhere[:, 2]], 1)  # fmt: skip
    heads = heads_of(probe.evaluator)
    whole = heads[heads[:, 2] == 0].clone()
    whole[:, 2] = -1
    few = Probe.on(probe.evaluator, torch.cat([rows[:5], whole[:3]]), Attention.CIRCUIT)
    many = [
        row
        for kind, layer, _, index in few.nodes.tolist()
        for row in [[kind, layer, p, index] for p in range(5)]
    ]
    each = Probe.on(probe.evaluator, torch.tensor(many), Attention.CIRCUIT)
    for one, two in zip(
        few.scores(torch.ones(1, 8)), each.scores(torch.ones(1, len(many))), strict=True
    ):
        torch.testing.assert_close(one, two)
    slope = few.respond(torch.ones(8)).slope
    want = each.respond(torch.ones(len(many))).slope.view(len(slope), 8, 5).sum(2)
    torch.testing.assert_close(slope, want, rtol=1e-4, atol=1e-5)
