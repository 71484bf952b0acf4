"""Types and shapes of calls within `core` are checked while tests run."""

from dataclasses import replace

import jaxtyping
import pytest
import torch
from beartype.roar import BeartypeCallHintViolation

from core.bundle import Source
from core.figures import figure
from tests.tiny import tiny_batch


def test_a_wrong_type_is_told_in_functions_and_in_dataclasses():
    with pytest.raises(BeartypeCallHintViolation):
        figure(["1"])
    with pytest.raises(BeartypeCallHintViolation):
        Source(ref="a", key=1)


def test_a_wrong_shape_and_a_size_that_is_not_the_others_are_told():
    batch = tiny_batch()
    with pytest.raises(jaxtyping.TypeCheckError):
        replace(batch, answer=batch.answer[:-1])
    with pytest.raises(jaxtyping.TypeCheckError):
        batch.take(torch.zeros(1, 1, dtype=torch.long))
