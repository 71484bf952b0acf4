"""Reports of features, heads and supernodes on tiny models: two ways, sums that close, refusals."""

from dataclasses import replace

import pytest
import torch

from core.circuit import node_ids
from core.errors import NodeError
from core.features import paths_of
from core.graph import NodeKind
from core.inspector import feature_report, head_report, supernode_report
from core.lab import Change, Lab, LabSettings
from core.labels import label_circuit
from core.models import Edits
from tests.core.lab.tiny_lab import LENGTH, NODES, tiny_lab


@pytest.fixture(scope="module")
def lab() -> Lab:
    made = tiny_lab()
    graph = made.prompt_graph(0)
    return Lab(
        replace(made.bundle, graph=graph, labels={"0:4:2": "mine"}),
        model=made.model,
        transcoders=made.transcoders,
        task=made.task,
    )


def active_node(lab, position, prompt=0):
    return next(n for n in NODES if n.position == position and lab.activation(prompt, n) > 0)


def test_a_feature_report_holds_what_the_prompts_say(lab):
    node = active_node(lab, 4)
    report = feature_report(lab, str(node))
    values = torch.tensor([lab.activation(view.index, node) for view in lab.prompts])
    assert report.activation == lab.activation(0, node)
    top = report.quantiles[0].contexts
    assert top[0].value == pytest.approx(float(values.max()))
    assert [c.value for c in top] == sorted((c.value for c in top), reverse=True)
    for quantile in report.quantiles:
        for context in quantile.contexts:
            assert len(context.tint) == len(context.tokens)
            assert all(0 <= tint <= 1 for tint in context.tint)
            assert context.here == (context.prompt == 0)
            assert (context.value == 0) == (quantile.name == "zero")
    assert int(report.density.count.sum()) + report.density.zeros == len(values)
    assert report.rank == NODES.index(node) + 1
    assert report.supernodes == (("A",) if report.rank <= len(NODES) // 2 else ("B",))
    assert {fit.variable for fit in report.variables} == {"first", "number"}


def test_each_context_is_shown_once(lab):
    """A few prompts fill several ranges: none may stand in two of them."""
    for node in NODES:
        report = feature_report(lab, str(node))
        shown = [c for quantile in report.quantiles for c in quantile.contexts]
        assert len({c.prompt for c in shown}) == len(shown)
        assert len({c.tokens for c in shown}) == len(shown)


@pytest.mark.parametrize("position", [1, 4])
def test_incoming_effects_sum_to_the_activation(lab, position):
    node = active_node(lab, position)
    edges = feature_report(lab, str(node)).edges
    assert edges.of == "prompt"
    assert edges.total == pytest.approx(lab.activation(0, node), rel=1e-3, abs=1e-4)
    assert edges.gap < 1e-3
    sizes = [abs(edge.effect) for edge in edges.incoming]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("length", [4, 5])
def test_the_largest_edges_are_split_by_the_head_they_run_through(lab, length):
    """On prompts of both lengths: the shorter ones are aligned at the right."""
    prompt = next(view.index for view in lab.prompts if len(view.ids) == length)
    node = active_node(lab, 4, prompt)
    edges = feature_report(lab, str(node), prompt).edges
    split = [row for row in (*edges.incoming, *edges.outgoing) if row.paths]
    assert any(row.paths.heads for row in split)
    for row in split:
        assert row.paths.total == pytest.approx(row.effect, rel=1e-3, abs=1e-5)
    assert not any(row.paths for row in edges.incoming if row.node.startswith(("bias", "outside")))
    largest = next(row for row in edges.incoming if row.node.startswith("tok"))
    there = paths_of(lab, largest.node, prompt)
    assert there[str(node)].total == pytest.approx(largest.effect, rel=1e-3, abs=1e-5)
    assert paths_of(lab, "tok:99", prompt) == {}


def test_a_silent_feature_shows_the_tasks_edges(lab):
    silent = next(n for n in NODES if lab.activation(0, n) == 0)
    report = feature_report(lab, str(silent))
    assert (report.edges.of, report.edges.gap) == ("task", None)
    assert not any(row.paths for row in (*report.edges.incoming, *report.edges.outgoing))
    assert report.direct_effect == 0


def test_promoted_tokens_are_the_direct_effect_of_the_decoder_row(lab):
    """Two ways: frozen-norm arithmetic, and the gradient of the logits at the written vector."""
    node = active_node(lab, 4)
    report = feature_report(lab, str(node))
    view = lab.prompts[0]
    trace = lab.model.trace(torch.tensor(view.ids)[None])
    resid = trace.resid_post[-1, 0, -1]
    written = lab.activation(0, node) * lab.transcoders[node.layer].W_dec[node.feature]
    centred = resid - resid.mean()
    scale = 1 / (centred.pow(2).mean() + lab.model.final_norm.eps).sqrt()
    effect = lab.model.W_U @ ((written - written.mean()) * scale * lab.model.final_norm.weight)
    effect = effect - effect.mean()
    assert report.promoted[0].token == int(effect.argmax())
    assert report.promoted[0].effect == pytest.approx(float(effect.max()), rel=1e-4)
    assert report.suppressed[0].token == int(effect.argmin())
    if node.layer == lab.model.n_layers - 1:
        want = float(effect[view.answer_id] - effect[view.wrong_id])
        assert report.direct_effect == pytest.approx(want, rel=1e-3, abs=1e-5)


def test_before_the_last_position_the_frozen_graph_says_what_is_promoted(lab):
    node = active_node(lab, 1)
    report = feature_report(lab, str(node))
    graph, view = lab.prompt_graph(0), lab.prompts[0]
    ids = node_ids(graph)
    effects = {
        ids[int(t)]: float(w)
        for s, t, w in zip(*graph.edge_index, graph.direct_effect, strict=True)
        if ids[int(s)] == str(node) and graph.kind[int(t)] == NodeKind.LOGIT
    }
    shown = {f"out:{row.token}": row.effect for row in (*report.promoted, *report.suppressed)}
    assert shown == pytest.approx(effects)
    want = effects[f"out:{view.answer_id}"] - effects[f"out:{view.wrong_id}"]
    assert report.direct_effect == pytest.approx(want)


def test_a_feature_outside_the_circuit_has_a_report_too(lab):
    report = feature_report(lab, "1:3:5", prompt=2)
    assert (report.rank, report.supernodes) == (None, ())


def test_a_persons_label_wins(lab):
    assert label_circuit(lab)["0:4:2"] == "mine"
    assert feature_report(lab, "0:4:2").label == "mine"


def test_everything_gets_a_label(lab):
    labels = label_circuit(lab)
    assert set(labels) == {str(node) for node in NODES} | set(lab.bundle.hierarchy.name)
    assert all(labels.values())


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_heads_parts_sum_to_its_own_direct_effect(kind):
    """Without a value bias the parts are the whole; with one the rest is the bias's own effect."""
    lab = tiny_lab(kind)
    report = head_report(lab, "L1H2@4")
    view = lab.prompts[0]
    assert sum(key.weight for key in report.keys) == pytest.approx(1, abs=1e-5)
    assert torch.equal(report.pattern[-1], torch.tensor([key.weight for key in report.keys]))
    weights = lab.model.weights(1)
    trace = lab.model.trace(torch.tensor(view.ids)[None])
    scale = lab.model.final_norm.scale(trace.resid_post[-1, 0, -1])

    def on_answer(written):
        logits = lab.model.W_U @ lab.model.final_norm.linear(written, scale)
        return float(logits[view.answer_id] - logits[view.wrong_id])

    bias = on_answer(weights.b_V[2] @ weights.W_O[2])
    whole = on_answer(trace.z[1, 0, -1, 2] @ weights.W_O[2])
    total = sum(key.effect for key in report.keys)
    assert total + bias == pytest.approx(whole, rel=1e-3, abs=1e-4)


def test_a_heads_change_of_p_is_that_of_ablating_it(lab):
    report = head_report(lab, "L0H1", prompt=3)
    one = lab.predict(3, [Change(node="L0H1", scale=0.0)])
    assert report.delta_p == pytest.approx(one.changed.p_answer - one.full.p_answer, abs=1e-6)
    assert report.query == LENGTH - 1
    logits = lab.model.run(torch.tensor(lab.prompts[3].ids)[None], Edits())
    assert logits.shape[1] == lab.model.d_vocab


def test_a_supernode_report_adds_up(lab):
    report = supernode_report(lab, "A", prompt=1)
    half = NODES[: len(NODES) // 2]
    assert [member.node for member in report.members] == [str(node) for node in half]
    assert sum(share.count for share in report.roles) == len(half)
    assert (report.parent, report.children) == ("all", ())
    settings = LabSettings(inside="circuit")
    out = [Change(node=str(node), scale=0.0) for node in half]
    task = lab.across_task(out, settings)
    # A random model spans no logits to speak of: F may be unknown, then so is what is lost of it.
    want = task.faithfulness_circuit - task.faithfulness
    assert report.lost == pytest.approx(want, nan_ok=True)
    root = supernode_report(lab, "all", prompt=1)
    assert root.children == ("A", "B")


def test_what_does_not_exist_is_refused(lab):
    with pytest.raises(NodeError, match="not a feature: got a HeadNode"):
        feature_report(lab, "L0H1")
    with pytest.raises(NodeError, match="no such feature"):
        feature_report(lab, "0:0:99")
    with pytest.raises(NodeError, match="no prompt 99"):
        feature_report(lab, "0:4:2", prompt=99)
    with pytest.raises(NodeError, match="not a head: got a FeatureNode"):
        head_report(lab, "0:4:2")
    with pytest.raises(NodeError, match="no such head"):
        head_report(lab, "L0H9")
    short = next(view.index for view in lab.prompts if view.shift)
    with pytest.raises(NodeError, match=r"has no position 0 on prompt \d+: .* 1\.\.4"):
        head_report(lab, "L0H1@0", prompt=short)
    with pytest.raises(NodeError, match="no supernode 'Z'"):
        supernode_report(lab, "Z")
