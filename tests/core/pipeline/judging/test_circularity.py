"""Splits and families of interventions: third prompts as twins, and what a whole circuit scores."""

from dataclasses import replace

import pytest
import torch

from core.circuit import FeatureNode
from core.interventions import Ablation
from core.pipeline.judging.circularity import circularity, third_batches
from core.pipeline.prepare import Prepared
from core.tasks import Split, Task
from core.validation import Candidate
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders


@pytest.fixture(scope="module")
def prepared():
    splits = (Split.FEATURES, Split.LABELS, Split.SELECTION, Split.TEST)
    task = Task(
        name="t", title="t", pairs=(), splits={}, gate=0.0, source="test"
    )  # never read: the batches are made here
    model = tiny_model("gpt2")
    return Prepared(
        model=model,
        task=task,
        batches={s: (answered(model, seed),) for seed, s in enumerate(splits)},
        length=5,
    )


def answered(model, seed):
    """Random prompts whose answers are the model's own, so that there is a margin to measure."""
    batch = tiny_batch(prompts=16 - seed, seed=seed)
    answer = model.logits(batch.clean).argmax(-1)
    return replace(batch, answer=answer, wrong=(answer + 1) % model.d_vocab)


@pytest.fixture(scope="module")
def coders(prepared):
    return tiny_transcoders(prepared.model)


def test_third_prompts_take_the_place_of_twins_with_their_own_answers():
    batch = tiny_batch(prompts=8)
    (found,) = third_batches((batch,), 0)
    texts = {tuple(ids): int(a) for ids, a in zip(batch.clean.tolist(), batch.answer, strict=True)}
    for ids, wrong in zip(found.corrupt.tolist(), found.wrong.tolist(), strict=True):
        assert texts[tuple(ids)] == wrong
    assert (found.answer != found.wrong).all()
    assert third_batches((batch.take(torch.tensor([0])),), 0) == ()


def test_every_split_and_family_has_its_figure_beside_its_controls(prepared, coders):
    test = prepared.evaluator(coders, Split.TEST)
    nodes = tuple(FeatureNode(*row) for row in test.active().nonzero().tolist())
    found = circularity(prepared, coders, Candidate(order=nodes, size=6, n_edges=0))
    assert set(found["splits"]) == {"labels", "selection", "test"}
    assert set(found["families"]) == {"resample", "mean", "zero", "interchange", "steering"}
    assert found["families"]["steering"]["random_n"] == 20
    assert found["splits"]["test"]["mean"] == found["families"]["mean"]["faithfulness"]
    gap = found["gap"]["resample"]["labels_minus_test"]
    splits = found["splits"]
    if gap is not None:
        want = splits["labels"]["resample"] - splits["test"]["resample"]
        assert gap == pytest.approx(want, abs=2e-6)


def test_steering_nothing_moves_nothing_and_random_circuits_of_a_full_one_are_itself(
    prepared, coders
):
    test = prepared.evaluator(coders, Split.TEST)
    whole = tuple(FeatureNode(*row) for row in test.active().nonzero().tolist())
    found = circularity(prepared, coders, Candidate(order=whole, size=0, n_edges=0))
    assert found["families"]["steering"]["faithfulness"] == pytest.approx(0.0, abs=1e-3)
    everything = circularity(prepared, coders, Candidate(order=whole, size=len(whole), n_edges=0))
    steered = everything["families"]["steering"]
    # All that is alive is in every matched draw: no choice, and no difference.
    assert steered["random_max"] == pytest.approx(steered["faithfulness"], abs=1e-4)


def test_interchange_is_resampling_from_another_prompt(prepared, coders):
    """Two ways: the section's figure, and F by hand with the third prompts as twins."""
    test = prepared.evaluator(coders, Split.TEST)
    nodes = tuple(FeatureNode(*row) for row in test.active().nonzero().tolist())
    candidate = Candidate(order=nodes, size=5, n_edges=0)
    found = circularity(prepared, coders, candidate)["families"]["interchange"]["faithfulness"]
    batches = third_batches(prepared.batches[Split.TEST], 0)
    swapped = Prepared(
        model=prepared.model, task=prepared.task, length=5,
        batches={**prepared.batches, Split.TEST: batches},
    )  # fmt: skip
    by_hand = circularity(swapped, coders, candidate)["splits"]["test"][Ablation.RESAMPLE.value]
    assert found is not None
    assert found == by_hand
