"""Supernodes of heads alone: a report like any other's, and a name from what they do."""

from dataclasses import replace

import pytest
import torch

from core.assets import CIRCUITS
from core.bundle import open_bundle
from core.circuit import HeadNode
from core.inspector import supernode_report
from core.lab import Change, Lab
from core.labels import label_circuit
from tests.core.lab.tiny_lab import LENGTH, NODES, tiny_lab

HEADS = (HeadNode(0, 1, 4), HeadNode(1, 2, 4), HeadNode(1, 2, 2), HeadNode(0, 3))


def lab_of(nodes) -> Lab:
    return tiny_lab(nodes=tuple(nodes))


def test_heads_alone_have_a_report():
    lab = lab_of([*NODES[:4], *HEADS])
    report = supernode_report(lab, "B", prompt=1)
    assert report.members == ()
    assert [head.node for head in report.heads] == [str(head) for head in HEADS]
    assert [head.rank for head in report.heads] == [5, 6, 7, 8]
    assert sum(kind.count for kind in report.kinds) == len(HEADS)
    assert (report.decoded, report.variables) == ((), ())
    assert report.about.endswith("4 nodes")
    mixed = supernode_report(lab, "all", prompt=1)
    assert [m.node for m in mixed.members] == [str(node) for node in NODES[:4]]
    assert mixed.heads == report.heads


def test_each_head_says_what_it_reads_and_what_it_does_alone():
    lab = lab_of([*NODES[:4], *HEADS])
    view = lab.prompts[1]
    trace = lab.model.trace(torch.tensor(view.ids)[None])
    for head, found in zip(HEADS, supernode_report(lab, "B", prompt=1).heads, strict=True):
        at = (LENGTH - 1 if head.position is None else head.position) - view.shift
        row = trace.pattern[head.layer, 0, head.head, at]
        assert found.weight == pytest.approx(float(row.max()))
        assert (found.query, found.key) == (view.tokens[at], view.tokens[int(row.argmax())])
        one = lab.predict(1, [Change(node=str(head), scale=0.0)])
        assert found.delta_p == pytest.approx(one.changed.p_answer - one.full.p_answer, abs=1e-6)


def test_a_head_at_a_position_that_the_prompt_lacks_reads_nothing():
    lab = lab_of([*NODES[:4], HeadNode(0, 1, 0), HeadNode(1, 2, 4), *HEADS[2:]])
    short = next(view.index for view in lab.prompts if view.shift)
    first = supernode_report(lab, "B", prompt=short).heads[0]
    assert (first.query, first.key, first.weight) == ("", "", 0.0)


def test_a_circuit_of_heads_alone_gets_its_labels():
    lab = lab_of(HEADS)
    labels = label_circuit(lab)
    assert set(labels) == {*map(str, HEADS), *lab.bundle.hierarchy.name}
    assert labels["A"] != labels["B"]


@pytest.mark.parametrize(
    "name", ["sorting-gpt2-heads", "parity-gpt2-heads", "factual-recall-neox-heads"]
)
def test_supernodes_of_heads_in_bundled_circuits_have_a_report(name):
    lab = Lab(open_bundle(CIRCUITS / name))
    tree, nodes = lab.bundle.hierarchy, lab.bundle.circuit.nodes
    members = [[nodes[i] for i in tree.members(s).tolist()] for s in range(tree.n_supernodes)]
    alone = [s for s, own in enumerate(members) if all(isinstance(n, HeadNode) for n in own)]
    for supernode in (alone[0], alone[-1]):
        report = supernode_report(lab, tree.name[supernode])
        assert len(report.heads) == len(members[supernode])


def test_siblings_with_heads_are_told_apart():
    lab = Lab(replace(open_bundle(CIRCUITS / "parity-gpt2-heads"), labels={}))
    labels, tree = label_circuit(lab), lab.bundle.hierarchy
    for supernode in range(tree.n_supernodes):
        shown = [labels[tree.name[child]] for child in tree.children(supernode)]
        assert len(set(shown)) == len(shown)
        assert not any("node" in label for label in shown)  # a size is no name
