"""What a run refuses before it starts."""

from dataclasses import replace

import pytest

from core.errors import GateError, TaskError
from core.pipeline.prepare import check_gate, head, prepare
from core.tasks import Split
from tests.core.lab.tiny_lab import tiny_task
from tests.core.pipeline.parts import task_of
from tests.tiny import tiny_batch, tiny_model


def test_a_prompt_beyond_the_models_context_is_refused():
    """By hand: prompts of 5 and 4 tokens and 8 more; the model takes 12."""
    model, task = tiny_model("gpt2"), tiny_task()
    more = " w1" * 8
    pairs = [replace(p, clean=p.clean + more, corrupt=p.corrupt + more) for p in task.pairs]
    long = replace(task, pairs=tuple(pairs))
    with pytest.raises(TaskError, match=r"Task tiny has a prompt of 13 tokens; .* at most 12\."):
        prepare(model, long)


def test_splits_become_batches_of_their_own_prompts():
    prepared = prepare(tiny_model("gpt2"), task_of())
    assert prepared.length == 4
    for split, batches in prepared.batches.items():
        got = sorted(i for batch in batches for i in batch.index.tolist())
        assert got == list(prepared.task.splits[split])


def test_a_task_without_a_split_is_refused():
    with pytest.raises(TaskError, match="no prompts in test"):
        prepare(tiny_model("gpt2"), task_of(splits=tuple(s for s in Split if s != Split.TEST)))


def test_a_model_that_cannot_do_the_task_is_refused_with_its_accuracy():
    with pytest.raises(GateError, match=r"answers 0\.\d+ of unseen toy prompts.*gate is 0\.99"):
        check_gate(prepare(tiny_model("gpt2"), task_of(gate=0.99)))


def test_head_takes_in_proportion():
    batches = (tiny_batch(prompts=8), tiny_batch(prompts=4, length=4, shift=1))
    assert [len(batch.clean) for batch in head(batches, 6)] == [4, 2]
    assert head(batches, None) is batches
