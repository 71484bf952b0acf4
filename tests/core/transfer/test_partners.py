"""What a store remembers of comparisons: partners either way, and ceilings."""

from dataclasses import replace

import pytest

from core.store import open_store
from core.transfer import Subject, circuit_key, kept, stored_partners, stored_twins
from tests.core.transfer.test_compare import FEW, subject


@pytest.fixture(scope="module")
def pair() -> tuple[Subject, Subject]:
    """One circuit, and one without its last feature: another circuit of the same model."""
    one = subject()
    circuit = replace(one.bundle.circuit, seed=1)
    return one, replace(one, bundle=replace(one.bundle, name="other", circuit=circuit))


def test_partners_are_read_from_either_side(pair, tmp_path):
    one, two = pair
    with open_store(tmp_path) as store:
        assert stored_partners(one.bundle.circuit, store) == {}
        found = kept(one, two, store, FEW)
        forth = stored_partners(one.bundle.circuit, store)
        back = stored_partners(two.bundle.circuit, store)
    first = found["matched"][0]
    (there,), (here,) = forth[first["one"]], back[first["two"]]
    assert (there.circuit, there.node, there.r) == ("other", first["two"], first["r"])
    assert (here.circuit, here.node) == (one.bundle.name, first["one"])
    assert there.key == circuit_key(two.bundle.circuit)
    assert len(forth) == len(back) == len(found["matched"])


def test_of_each_other_circuit_the_newest_comparison_counts(pair, tmp_path):
    one, two = pair
    with open_store(tmp_path) as store:
        kept(one, two, store, FEW)
        kept(two, one, store, FEW)
        assert all(len(row) == 1 for row in stored_partners(one.bundle.circuit, store).values())


def test_a_comparison_with_a_twin_is_a_ceiling_from_then_on(pair, tmp_path):
    one, _ = pair
    another = subject("gpt2")
    twin = subject()
    twin = replace(
        twin,
        bundle=replace(twin.bundle, name="twin", circuit=replace(twin.bundle.circuit, seed=2)),
        model=_with_key(twin.model),
    )
    with open_store(tmp_path) as store:
        kept(one, another, store, FEW)
        assert stored_twins((one, another), store, FEW) == []
        found = kept(one, twin, store, FEW)
        (known,) = stored_twins((one, another), store, FEW)
        assert known["scores"] == found["scores"]
        assert stored_twins((another,), store, FEW) == []
        assert stored_twins((one,), store, replace(FEW, seed=1)) == []


def _with_key(model):
    """The same model as if from another seed."""
    object.__setattr__(model, "key", "0" * 64)
    return model
