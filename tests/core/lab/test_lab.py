"""The Lab against a slow obvious reference with plain hooks; invariants; threads; refusals."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from core.bundle import Source, open_bundle, provenance, write_bundle
from core.circuit import Attention, FeatureNode, HeadNode
from core.errors import ModelError, NodeError, SettingsError, TaskError
from core.graph import NodeKind
from core.interventions import Ablation, Evaluator, Places, circuit_gates
from core.lab import Change, Lab, LabSettings, means_to_tensors
from core.lab.prompts import chosen_pairs, means_of
from core.tasks import Split, encode_pairs
from core.validation.metrics import faithfulness
from tests.core.lab.tiny_lab import LENGTH, NODES, Slow, tiny_bundle, tiny_lab, tiny_task
from tests.tiny import tiny_model, tiny_transcoders

CHANGES = (
    Change(node="0:4:2", scale=0.0),
    Change(node="0:4:3", scale=0.0),
    Change(node="0:1:4", scale=0.5),
    Change(node="0:2:5", scale=1.0),
    Change(node="1:4:1", scale=-2.0),
    Change(node="1:4:2", scale=3.0),
    Change(node="L0H1@4", scale=0.0),
    Change(node="L1H2", scale=0.5),
    Change(node="e:0:4", scale=0.0),
    Change(node="e:1:3", scale=2.0),
    Change(node="e:1:4", scale=1.0),
)
SETTINGS = [
    LabSettings(how=how, errors=errors, inside=inside)
    for how in Ablation
    for errors in ("live", "mean", "zero")
    for inside in ("model", "circuit")
]


@pytest.fixture(scope="module")
def labs():
    return {kind: tiny_lab(kind) for kind in ("gpt2", "llama")}


@pytest.fixture(scope="module")
def slows(labs):
    return {kind: Slow(kind, lab) for kind, lab in labs.items()}


def changed_logits(lab, prompt, changes, settings):
    from core.lab.plan import changed_plan

    number, row = lab.place(prompt)
    plan = changed_plan(lab.engine.defaults[settings.inside], changes, lab.bounds)
    return lab.engine.run(number, lab.parts[number], plan, settings)[0, row]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("gpt2", settings) for settings in SETTINGS]
    + [("llama", settings) for settings in SETTINGS[:4]],
    ids=lambda s: s if isinstance(s, str) else f"{s.how}-{s.errors}-{s.inside}",
)
def test_a_prediction_equals_the_slow_reference(labs, slows, kind, settings):
    lab, slow = labs[kind], slows[kind]
    pairs = lab.task.of(Split.TEST)
    for prompt in (0, 2):  # 5 and 4 tokens
        want = slow.logits(pairs[prompt], CHANGES, settings)
        got = changed_logits(lab, prompt, CHANGES, settings)
        torch.testing.assert_close(got, want, rtol=2e-4, atol=2e-4)
        answer = lab.prompts[prompt].answer_id
        found = lab.predict(prompt, CHANGES, settings).changed
        assert found.p_answer == pytest.approx(float(want.softmax(0)[answer]), abs=1e-4)


@pytest.mark.parametrize("errors", ["live", "mean"])
@pytest.mark.parametrize("kind", ["gpt2", "neox-parallel"])
def test_an_affine_skip_follows_the_regime(kind, errors):
    lab = tiny_lab(kind, skip=True)
    settings = LabSettings(errors=errors, inside="circuit")
    want = Slow(kind, lab).logits(lab.task.of(Split.TEST)[0], CHANGES, settings)
    got = changed_logits(lab, 0, CHANGES, settings)
    torch.testing.assert_close(got, want, rtol=2e-4, atol=2e-4)


def test_nothing_changed_inside_the_model_is_the_model_exactly(labs):
    lab = labs["gpt2"]
    for how in Ablation:
        effect = lab.across_task([], LabSettings(how=how))
        assert torch.equal(effect.full, effect.changed)
        assert effect.accuracy_full == effect.accuracy_changed
    for prompt, view in enumerate(lab.prompts):
        logits = lab.model.logits(torch.tensor(view.ids)[None])[0]
        got = changed_logits(lab, prompt, [], LabSettings())
        torch.testing.assert_close(got, logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("how", Ablation)
def test_restoring_what_is_live_already_changes_nothing(labs, how):
    lab = labs["gpt2"]
    live = [Change(node=node, scale=1.0) for node in ("0:4:2", "0:1:3", "L0H1@4", "e:1:2")]
    effect = lab.across_task(live, LabSettings(how=how))
    torch.testing.assert_close(effect.changed, effect.full, rtol=1e-5, atol=1e-6)


def evaluator_of(lab):
    tokenizer = lab.model.tokenizer
    batches = encode_pairs(lab.task.of(Split.TEST), tokenizer, LENGTH)
    means = encode_pairs(lab.task.of(Split.FEATURES), tokenizer, LENGTH)
    return Evaluator(lab.model, lab.transcoders, batches, mean_over=means, length=LENGTH)


@pytest.mark.parametrize("how", Ablation)
def test_the_circuit_alone_scores_as_validation_scores_it(labs, how):
    lab = labs["gpt2"]
    evaluator = evaluator_of(lab)
    gates = circuit_gates(lab.bundle.circuit, evaluator.bounds)[None]
    nothing = Places.of((), evaluator.bounds).gates(torch.zeros(1, 0))
    empty = evaluator.outcome(nothing, how).logit_diff[0]
    got = evaluator.outcome(gates, how)
    want = faithfulness(got.logit_diff, empty, evaluator.model_outcome().logit_diff[0])
    effect = lab.across_task([], LabSettings(how=how, inside="circuit"))
    if not torch.isnan(want[0]):
        assert effect.faithfulness_circuit == pytest.approx(float(want[0]), rel=1e-3)
    assert effect.accuracy_circuit == pytest.approx(float(got.correct.float().mean()))
    assert torch.equal(effect.circuit, effect.changed)


@pytest.mark.parametrize("how", Ablation)
def test_ablating_the_whole_circuit_inside_itself_is_the_empty_circuit(labs, how):
    everything = [Change(node=str(node), scale=0.0) for node in NODES]
    for lab in labs.values():
        evaluator = evaluator_of(lab)
        nothing = Places.of((), evaluator.bounds).gates(torch.zeros(1, 0))
        none = evaluator.outcome(nothing, how)
        model = evaluator.model_outcome().logit_diff[0]
        want = float(faithfulness(none.logit_diff, none.logit_diff[0], model)[0])  # 0, or no span
        effect = lab.across_task(everything, LabSettings(how=how, inside="circuit"))
        assert effect.accuracy_changed == pytest.approx(float(none.correct.float().mean()))
        assert effect.faithfulness == pytest.approx(want, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("how", Ablation)
def test_restoring_everything_inside_the_circuit_is_the_model(labs, how):
    lab = labs["gpt2"]
    places = [(layer, p) for layer in range(2) for p in range(LENGTH)]
    features = [Change(node=f"{la}:{p}:{f}", scale=1.0) for la, p in places for f in range(12)]
    errors = [Change(node=f"e:{la}:{p}", scale=1.0) for la, p in places]
    effect = lab.across_task(features + errors, LabSettings(how=how, inside="circuit"))
    torch.testing.assert_close(effect.changed, effect.full, rtol=1e-3, atol=1e-4)


def test_a_node_before_a_short_prompt_begins_does_nothing_to_it(labs):
    lab = labs["gpt2"]
    short = next(view for view in lab.prompts if view.shift == 1)
    got = lab.predict(short.index, [Change(node="L0H1@0", scale=0.0)])
    assert got.changed == got.full


def test_the_last_change_of_a_node_counts_and_order_is_kept(labs):
    lab = labs["gpt2"]
    one = lab.predict(0, [Change(node="0:4:2", scale=0.0), Change(node="0:4:2", scale=2.0)])
    assert one.changed == lab.predict(0, [Change(node="0:4:2", scale=2.0)]).changed


def test_chunks_do_not_change_an_answer(labs, monkeypatch):
    lab, settings = labs["gpt2"], LabSettings(inside="circuit")
    whole = lab.across_task(CHANGES, settings).changed
    nodes = [str(node) for node in NODES[:4]]
    effects = lab.single_effects(1, nodes, settings)
    monkeypatch.setattr("core.lab.engine.CHUNK_TOKENS", 7)
    torch.testing.assert_close(lab.across_task(CHANGES, settings).changed, whole)
    assert lab.single_effects(1, nodes, settings) == pytest.approx(effects, abs=1e-6)


def test_single_effects_equal_one_prediction_each(labs):
    lab = labs["gpt2"]
    nodes = ["0:4:2", "1:4:4", "L0H1@4", "L1H3"]
    got = lab.single_effects(0, nodes)
    for node in nodes:
        one = lab.predict(0, [Change(node=node, scale=0.0)])
        assert got[node] == pytest.approx(one.changed.p_answer - one.full.p_answer, abs=1e-6)
    assert lab.single_effects(0, []) == {}


def test_a_prediction_lists_answer_and_wrong_first_and_sums_to_one(labs):
    lab = labs["gpt2"]
    got = lab.predict(3, CHANGES)
    view = lab.prompts[3]
    assert [row.token for row in got.rows[:2]] == [view.answer_id, view.wrong_id]
    assert len({row.token for row in got.rows}) == len(got.rows) == 7
    assert got.rows[0].full == pytest.approx(got.full.p_answer)
    assert got.rows[0].circuit == pytest.approx(got.circuit.p_answer)
    assert sum(row.changed for row in got.rows) <= 1 + 1e-6


def test_prompts_read_as_the_task_wrote_them(labs):
    lab = labs["gpt2"]
    for view, pair in zip(lab.prompts, lab.task.of(Split.TEST), strict=True):
        assert (view.text, view.answer, view.wrong) == (pair.clean, pair.answer, pair.wrong)
        assert len(view.tokens) + view.shift == LENGTH
        assert len(view.roles) == len(view.tokens)
        assert view.variables == dict(pair.variables)


def test_a_prompts_graph_is_aligned_and_its_sums_close(labs):
    lab = labs["gpt2"]
    short = next(view for view in lab.prompts if view.shift == 1)
    graph = lab.prompt_graph(short.index)
    features = graph.of_kind(NodeKind.FEATURE)
    inside = {tuple(node) for node in NODES}
    columns = (graph.layer, graph.position, graph.index)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert all(row in inside for row, is_one in zip(rows, features, strict=True) if is_one)
    assert int(graph.position[graph.of_kind(NodeKind.TOKEN)].min()) == 1
    sums = graph.activation.new_zeros(graph.n_nodes)
    sums.index_add_(0, graph.edge_index[1], graph.direct_effect)
    torch.testing.assert_close(sums[features], graph.activation[features], rtol=1e-3, atol=1e-3)
    logits = graph.index[graph.of_kind(NodeKind.LOGIT)].tolist()
    assert logits == [short.answer_id, short.wrong_id]


def test_eight_threads_answer_as_one():
    lab, serial = tiny_lab(), tiny_lab()
    nodes = [str(node) for node in NODES]
    jobs = [
        (i % 12, [Change(node=nodes[i % len(nodes)], scale=0.0)], SETTINGS[i % len(SETTINGS)])
        for i in range(64)
    ]
    want = [serial.predict(*job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda job: lab.predict(*job), jobs))
    wrong = sum(a != b for a, b in zip(got, want, strict=True))
    assert wrong == 0


@pytest.mark.parametrize(
    ("node", "match"),
    [
        ("C3", "Not a node id: got 'C3'"),
        ("2:0:0", r"Node 2:0:0 has no such layer"),
        ("0:5:0", r"no such position: got position 5, .* 0\.\.4"),
        ("0:0:12", r"no such feature"),
        ("L0H4", r"no such head"),
        ("e:0:9", r"no such position"),
        ("tok:1", r"Node tok:1 cannot be changed: got a TokenNode"),
        ("out:3", r"Node out:3 cannot be changed"),
    ],
)
def test_unknown_nodes_are_refused_by_name(labs, node, match):
    with pytest.raises(NodeError, match=match):
        labs["gpt2"].predict(0, [Change(node=node, scale=0.0)])
    with pytest.raises(NodeError, match=match):
        labs["gpt2"].across_task([Change(node=node, scale=0.0)])


def test_other_bad_questions_are_refused(labs):
    lab = labs["gpt2"]
    with pytest.raises(NodeError, match=r"no prompt 99: .* 0\.\.11"):
        lab.predict(99, [])
    with pytest.raises(NodeError, match="no prompt -1"):
        lab.predict(-1, [])
    for scale in (float("nan"), float("inf"), 1e38):
        with pytest.raises(SettingsError, match=r"from -1e\+06 to 1e\+06"):
            Change(node="0:0:0", scale=scale)
    settings = LabSettings()
    object.__setattr__(settings, "errors", "gone")  # as from a link, where nothing checks types
    with pytest.raises(SettingsError, match="errors is 'gone'"):
        settings.__post_init__()


def test_parts_that_are_not_the_circuits_are_refused():
    model = tiny_model("gpt2")
    coders, task = tiny_transcoders(model), tiny_task()
    bundle = tiny_bundle(model, coders, task)
    with pytest.raises(ModelError, match="not the one its circuit was found on"):
        Lab(bundle, model=tiny_model("gpt2", seed=1), transcoders=coders, task=task)
    with pytest.raises(TaskError, match="The task of 'tiny' is not the one"):
        Lab(bundle, model=model, transcoders=coders, task=tiny_task(seed=9))
    no_tests = replace(task, splits={**task.splits, Split.TEST: ()})
    keyed = replace(bundle, circuit=replace(bundle.circuit, task_key=no_tests.key))
    with pytest.raises(TaskError, match="no test prompts"):
        Lab(keyed, model=model, transcoders=coders, task=no_tests)


def test_a_written_bundle_opens_a_lab_and_says_what_is_missing(tmp_path):
    from core.tasks import load_task
    from core.transcoders import load_transcoders, save_transcoders

    model = tiny_model("gpt2")
    model.hf.save_pretrained(tmp_path / "model")
    model.tokenizer.save_pretrained(tmp_path / "model")
    save_transcoders(tiny_transcoders(model), tmp_path / "coders")
    write_task(tmp_path / "task.jsonl", tiny_task())
    coders = load_transcoders(tmp_path / "coders", model)
    task = load_task(tmp_path / "task.jsonl")
    from core.models import load_model

    loaded = load_model(tmp_path / "model")
    bundle = tiny_bundle(loaded, coders, task)
    record = provenance(
        model=Source(ref=str(tmp_path / "model"), key=loaded.key),
        transcoders=Source(ref=str(tmp_path / "coders"), key=coders.key),
        task=Source(ref=str(tmp_path / "task.jsonl"), key=task.key),
        settings={},
        seed=0,
        command="",
    )
    graph = Lab(bundle, model=loaded, transcoders=coders, task=task).bundle.graph
    whole = replace(bundle, provenance=record, graph=_with_nodes(graph))
    folder = write_bundle(whole, tmp_path / "results" / "b").path
    lab = Lab(open_bundle(folder))
    assert lab.predict(0, []).full == lab.predict(0, []).changed
    (tmp_path / "coders").rename(tmp_path / "gone")
    with_hole = open_bundle(folder)
    assert len(with_hole.missing) == 1
    from core.errors import TranscoderError

    with pytest.raises(TranscoderError, match="Lab needs the transcoders"):
        Lab(with_hole)


def write_task(path, task):
    import json

    lines = []
    for split, rows in task.splits.items():
        for row in rows:
            pair = task.pairs[row]
            fields = ("clean", "corrupt", "answer", "wrong")
            line = {name: getattr(pair, name) for name in fields} | {"split": split.value}
            lines.append(json.dumps(line))
    path.write_text("\n".join(lines))


def _with_nodes(graph):
    """A graph that has every node of the circuit, as a bundle requires."""
    n = len(NODES)
    columns = dict(zip(("layer", "position", "index"), torch.tensor(NODES).T, strict=True))
    return replace(
        graph,
        kind=torch.zeros(n, dtype=torch.long),
        **columns,
        activation=torch.ones(n),
        logit_weight=torch.zeros(n),
        edge_index=torch.zeros(2, 0, dtype=torch.long),
        direct_effect=torch.zeros(0),
    )


def test_means_carried_by_the_bundle_are_the_means_of_the_features_split(labs):
    lab = labs["gpt2"]
    mean = means_of(lab.model, lab.transcoders, lab.task, LENGTH, {})
    carried = replace(lab.bundle, tensors=means_to_tensors(mean))
    others = replace(lab.task, pairs=lab.task.pairs)
    again = Lab(carried, model=lab.model, transcoders=lab.transcoders, task=others)
    settings = LabSettings(how=Ablation.MEAN, inside="circuit")
    want = lab.across_task(CHANGES, settings).changed
    torch.testing.assert_close(again.across_task(CHANGES, settings).changed, want)
    doubled = {name: 2 * value for name, value in carried.tensors.items()}
    loud = replace(lab.bundle, tensors=doubled)
    other = Lab(loud, model=lab.model, transcoders=lab.transcoders, task=others)
    assert not torch.allclose(other.across_task(CHANGES, settings).changed, want)


def test_large_models_run_fewer_prompts(labs, monkeypatch):
    lab = labs["gpt2"]
    monkeypatch.setattr("core.lab.prompts.MOST_WORK", 0)
    monkeypatch.setattr("core.lab.prompts.LEAST_PROMPTS", 3)
    few = chosen_pairs(lab.task, lab.model, 12, LENGTH)
    assert len(few) == 3
    tests = lab.task.of(Split.TEST)
    assert [tests.index(pair) for pair in few] == sorted(tests.index(pair) for pair in few)


def test_heads_of_the_circuit_are_the_only_live_ones_inside_it():
    model = tiny_model("gpt2")
    coders, task = tiny_transcoders(model), tiny_task()
    bundle = tiny_bundle(model, coders, task)
    every = tuple(HeadNode(la, h) for la in range(2) for h in range(4))
    nodes = (*bundle.circuit.nodes, *every[:3])
    circuit = replace(bundle.circuit, nodes=nodes, attention=Attention.CIRCUIT)
    named = replace(bundle, circuit=circuit)
    lab = Lab(named, model=model, transcoders=coders, task=task)
    free = Lab(bundle, model=model, transcoders=coders, task=task)
    settings = LabSettings(inside="circuit")
    out = [Change(node=str(head), scale=0.0) for head in every[3:]]
    want = free.across_task(out, settings).changed
    torch.testing.assert_close(lab.across_task([], settings).changed, want)
    back = [Change(node=str(head), scale=1.0) for head in every[3:]]
    torch.testing.assert_close(
        lab.across_task(back, settings).changed, free.across_task([], settings).changed
    )
    assert FeatureNode(0, 4, 2) in NODES
