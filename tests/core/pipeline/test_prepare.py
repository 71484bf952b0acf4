"""What a run refuses before it starts."""

from dataclasses import replace

import pytest

from core.errors import TaskError
from core.pipeline.prepare import prepare
from tests.core.lab.tiny_lab import tiny_task
from tests.tiny import tiny_model


def test_a_prompt_beyond_the_models_context_is_refused():
    """By hand: prompts of 5 and 4 tokens and 8 more; the model takes 12."""
    model, task = tiny_model("gpt2"), tiny_task()
    more = " w1" * 8
    pairs = [replace(p, clean=p.clean + more, corrupt=p.corrupt + more) for p in task.pairs]
    long = replace(task, pairs=tuple(pairs))
    with pytest.raises(TaskError, match=r"Task tiny has a prompt of 13 tokens; .* at most 12\."):
        prepare(model, long)
