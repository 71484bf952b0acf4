"""A probe of a tiny model."""

import pytest

from core.interventions import Evaluator
from core.pipeline.finding.probes import Probe
from tests.core.pipeline.parts import features
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders


@pytest.fixture
def probe():
    model = tiny_model("gpt2")
    coders = tiny_transcoders(model)
    evaluator = Evaluator(
        model, coders, [tiny_batch(seed=1)], mean_over=[tiny_batch(seed=2)], length=5
    )
    return Probe.on(evaluator, features(evaluator.active().nonzero()))
