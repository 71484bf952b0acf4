"""A twin is another seed of the same thing, and nothing else is one."""

from dataclasses import replace

import pytest

from core.assets import CIRCUITS
from core.errors import TransferError
from core.models import load_model
from core.transfer import Subject, differences, open_subject, paired_with_twins


@pytest.fixture(scope="module")
def one() -> Subject:
    return open_subject(CIRCUITS / "parity-gpt2")


def reseeded(subject: Subject) -> Subject:
    """The same with a dictionary from another seed, which has other numbers."""
    layers = tuple(
        replace(layer, W_enc=layer.W_enc.flip(0).contiguous())
        for layer in subject.transcoders.layers
    )
    return replace(subject, transcoders=replace(subject.transcoders, layers=layers))


def test_another_dictionary_or_other_weights_of_one_architecture_are_a_twin(one):
    assert differences(one, reseeded(one)) == ()
    other = load_model("gpt2-parity")
    next(other.hf.parameters()).data *= 2
    assert differences(one, replace(one, model=other)) == ()


def test_a_twin_stands_beside_the_circuit_that_it_is_a_twin_of(one):
    two = open_subject(CIRCUITS / "parity-neox")
    twins = [reseeded(two), reseeded(one)]
    assert paired_with_twins(one, two, twins) == [(two, twins[0]), (one, twins[1])]


def test_heads_that_count_make_no_twin(one):
    heads = open_subject(CIRCUITS / "parity-gpt2-heads")
    assert "has attention circuit instead of live" in differences(one, reseeded(heads))
    with pytest.raises(TransferError, match="is no ceiling: beside parity-gpt2, it has attention"):
        paired_with_twins(one, one, [heads])
