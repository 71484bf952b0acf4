"""What rival searches ask of the model, against the circuits and the gradients that it means."""

import numpy as np
import pytest
import torch
from search_study import group_effects, importance

from core.interventions import JUDGED, Ablation, ErrorRegime
from tests.core.pipeline.parts import tiny_probe


@pytest.fixture
def probe():
    return tiny_probe()


def test_group_effects_are_those_of_the_circuits_they_mean(probe):
    groups = [np.array([0, 3, 5]), np.array([2])]
    got = torch.as_tensor(group_effects(probe, groups))
    empty, model = probe.end_points[Ablation.RESAMPLE]
    span = model.logit_diff.mean() - empty.logit_diff.mean()
    unit = span if span > 1e-3 else torch.tensor(1.0)
    run, gates = probe.evaluator.outcome, probe.places.gates
    for (noising, denoising), group in zip(got, groups, strict=True):
        mask = torch.zeros(1, len(probe.nodes))
        mask[0, torch.as_tensor(group)] = 1
        alone = run(gates(mask), Ablation.RESAMPLE).logit_diff.mean()
        won = alone - empty.logit_diff.mean()
        torch.testing.assert_close(denoising.float(), won / unit)
        # All else live, dead features and errors too.
        rest = gates(mask).complement(probe.places.attention)
        without = run(rest, Ablation.RESAMPLE, ErrorRegime.KEPT).logit_diff.mean()
        torch.testing.assert_close(noising.float(), (model.logit_diff.mean() - without) / unit)


def test_importance_is_the_sum_of_squared_gradients_over_prompts_and_ablations(probe):
    mask = torch.full((len(probe.nodes),), 0.5, requires_grad=True)
    want = torch.zeros(len(probe.nodes))
    for ablation in JUDGED:
        for loss in probe.evaluator.loss(probe.places.gates(mask), ablation):
            want += torch.autograd.grad(loss, mask, retain_graph=True)[0].pow(2)
    torch.testing.assert_close(importance(probe, mask), want, rtol=1e-3, atol=1e-6)
