"""Heads' kinds and QK attributions in words: sums that close, names, refusals."""

import pytest
import torch

from core.attention.kinds import HeadKind, profiles
from core.circuit import HeadNode
from core.errors import NodeError
from core.inspector import head_report, why_report
from core.inspector.why import SHOWN
from core.labels.heads import head_labels, prompts_of
from tests.core.lab.tiny_lab import tiny_lab


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def lab(request):
    return tiny_lab(request.param)


def test_every_list_sums_to_the_score_that_the_head_report_shows(lab):
    report = head_report(lab, "L1H2@4")
    for key in report.keys:
        why = why_report(lab, "L1H2@4", key=key.position)
        assert (why.query, why.key) == (4, key.position)
        assert why.weight == pytest.approx(key.weight, abs=1e-6)
        assert why.score == pytest.approx(key.score, abs=2e-2)
        assert why.gap < 1e-3
        assert sum(p.value for p in why.pairs) + why.rest == pytest.approx(why.score, abs=1e-3)
        for side in (why.at_query, why.at_key):
            assert sum(row.effect for row in side) == pytest.approx(why.score, abs=1e-2)
            assert len(side) <= SHOWN + 1


def test_the_key_that_gets_most_attention_is_explained_unless_one_is_asked_for(lab):
    report = head_report(lab, "L0H3")
    top = max(report.keys, key=lambda key: key.weight)
    why = why_report(lab, "L0H3")
    assert (why.query, why.key) == (report.query, top.position)
    earlier = why_report(lab, "L0H3", query=2, key=1)
    assert (earlier.query, earlier.key) == (2, 1)


def test_features_of_the_circuit_have_their_own_names_and_others_are_together(lab):
    why = why_report(lab, "L1H0", key=4)
    texts = {row.text for row in (*why.at_query, *why.at_key)}
    nodes = {row.node for row in (*why.at_query, *why.at_key)} - {""}
    assert any(text.startswith("other L0 features at") for text in texts)
    members = {str(node) for node in lab.bundle.circuit.features}
    assert all(n in members for n in nodes if n[0].isdigit())
    for pair in why.pairs:
        assert pair.query
        assert pair.key


def test_positions_that_a_head_does_not_look_between_are_refused(lab):
    with pytest.raises(NodeError, match="does not look from position 1 to 3"):
        why_report(lab, "L0H1", query=1, key=3)
    with pytest.raises(NodeError, match="does not look from position 9"):
        why_report(lab, "L0H1", query=9)
    with pytest.raises(NodeError, match="not a head"):
        why_report(lab, "0:4:2")


def test_positions_are_aligned_on_shorter_prompts(lab):
    short = next(view for view in lab.prompts if view.shift)
    why = why_report(lab, "L0H1", short.index)
    assert why.query == 4
    assert why.key >= short.shift
    with pytest.raises(NodeError, match=r"tokens are at 1\.\.4"):
        why_report(lab, "L0H1", short.index, query=0, key=0)


def test_a_report_names_the_heads_kind_with_its_figures(lab):
    prompts = prompts_of(lab, lab.place(0)[0])
    found = {(f.layer, f.head): f for f in profiles(prompts)}
    for layer in range(2):
        for head in range(4):
            report = head_report(lab, f"L{layer}H{head}")
            mine = found[layer, head]
            assert report.kind == mine.kind
            assert report.kind_about
            if mine.kind is not HeadKind.OTHER:
                assert report.label == mine.label


def test_heads_of_a_circuit_are_labelled_by_kind(lab):
    heads = [HeadNode(1, 2), HeadNode(0, 3, 4)]
    labels = head_labels(lab, heads)
    assert set(labels) == {"L1H2", "L0H3@4"}
    assert all(labels.values())
    assert head_labels(lab, []) == {}


def test_answers_are_those_of_every_prompt(lab):
    prompts = prompts_of(lab, 0)
    want = {lab.prompts[i].answer_id for i in range(len(lab.prompts))}
    assert want <= set(prompts.answers.tolist())
    assert torch.equal(prompts.answers, prompts.answers.unique())
