"""Labels of bundled circuits: distinct among siblings, and true of the model's own weights."""

from dataclasses import replace

import pytest
import torch

from core.assets import CIRCUITS
from core.bundle import open_bundle
from core.inspector import supernode_report
from core.lab import Lab
from core.labels import label_circuit


def opened(name) -> Lab:
    return Lab(replace(open_bundle(CIRCUITS / name), labels={}))


@pytest.fixture(scope="module")
def addition() -> Lab:
    return opened("modular-addition-gpt2")


def turns_of(label) -> set[int]:
    """The frequencies in `k 5, 24 · result`."""
    heads = [part for part in label.split(" · ") if part.startswith("k ")]
    return {int(k) for head in heads for k in head[2:].split(",")}


def key_frequencies(model, numbers=59, most=3) -> set[int]:
    """The strongest frequencies of the trained embedding over the number tokens."""
    ids = [int(model.encode(str(i))[0]) for i in range(numbers)]
    table = model.hf.get_input_embeddings().weight[ids]
    power = torch.fft.rfft(table - table.mean(0), dim=0).abs().pow(2).sum(1)[1:]
    return {k + 1 for k in power.topk(most).indices.tolist()}


def test_frequencies_in_labels_are_those_of_the_trained_embedding(addition):
    """Two ways: what the labels read off activations, and the Fourier power of the weights."""
    labels, tree = label_circuit(addition), addition.bundle.hierarchy
    named = [turns_of(labels[tree.name[child]]) for child in tree.children(0)]
    assert all(named)
    assert set().union(*named) == key_frequencies(addition.model)


def test_siblings_differ_where_a_label_is_cut(addition):
    labels, tree = label_circuit(addition), addition.bundle.hierarchy
    for supernode in range(tree.n_supernodes):
        shown = [labels[tree.name[child]][:18] for child in tree.children(supernode)]
        assert len(set(shown)) == len(shown)


def test_an_untrained_model_has_no_frequencies():
    """It knows a and b from its random embedding, but by no wave: only the values are named."""
    lab = opened("null-untrained-gpt2")
    labels = label_circuit(lab)
    assert not set().union(*(turns_of(labels[name]) for name in lab.bundle.hierarchy.name))


def test_a_supernode_tells_what_is_read_off_it(addition):
    report = supernode_report(addition, "A")
    assert report.label == label_circuit(addition)["A"]
    assert report.decoded[0].variable == "result"
    assert report.decoded[0].score > 0.9 > 0.1 > report.decoded[0].control
    assert report.about.startswith("reads result: k ")
    assert [member.rank for member in report.members] == sorted(m.rank for m in report.members)
