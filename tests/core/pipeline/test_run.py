"""The whole pipeline on a model and a task that nobody has seen: Llama with grouped heads."""

import json
import re
from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from core.bundle import FILES, open_bundle
from core.circuit import Attention, node_ids
from core.errors import FormatError, GateError, TaskError, TranscoderError
from core.lab import Change, Lab, LabSettings
from core.pipeline.judging.further import SECTIONS
from core.pipeline.judging.revalidate import revalidate
from core.pipeline.run import RunRequest, run_task
from core.pipeline.settings import RunSettings
from core.store import open_store
from core.tasks import load_task, overlap
from core.transcoders import NestedSettings, TrainSettings
from core.validation import ValidationSettings
from tests.tiny import tiny_tokenizer

COUNT = 8
WORDS = ("<pad>", "<bos>", "<unk>", *(f"w{i}" for i in range(COUNT)))
SETTINGS = RunSettings(graph_prompts=4, probe_prompts=16, refine_steps=4, max_size=30)
TRAINING = TrainSettings(
    kind="nested", features=32, k=4, steps=120, nested=NestedSettings(prefix=(8, 8))
)


def pair(a, b):
    """The word after the first; the corrupt prompt has another first word."""
    other = (a + 3) % COUNT
    return {
        "clean": f"<bos> w{a} w{b}", "corrupt": f"<bos> w{other} w{b}",
        "answer": f"w{(a + 1) % COUNT}", "wrong": f"w{(other + 1) % COUNT}",
        "variables": {"a": a, "b": b},
    }  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A trained model folder and a task file."""
    folder = tmp_path_factory.mktemp("own")
    lines = [json.dumps(pair(a, b)) for a in range(COUNT) for b in range(COUNT)]
    (folder / "task.jsonl").write_text("\n".join(lines))
    train().save_pretrained(folder / "model")
    tiny_tokenizer(WORDS).save_pretrained(folder / "model")
    return folder


def train():
    torch.manual_seed(0)
    hf = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(WORDS), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=8,
            initializer_range=0.15,
        )
    )  # fmt: skip
    first, second = torch.cartesian_prod(torch.arange(COUNT), torch.arange(COUNT)).T
    ids = torch.stack([torch.ones_like(first), first + 3, second + 3], 1)
    optimiser = torch.optim.AdamW(hf.parameters(), lr=3e-3, weight_decay=0.1)
    for _ in range(150):
        logits = hf(input_ids=ids).logits[:, -1]
        loss = torch.nn.functional.cross_entropy(logits, (first + 1) % COUNT + 3)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return hf


def coders_of(place):
    """The dictionary that the first run trained."""
    names = (place / "store" / "transcoders").glob("model-*")
    (found,) = (p for p in names if not {"damaged", "untrained"} & set(re.split(r"\W", p.name)))
    return found


def request(place, out):
    return RunRequest(model=str(place / "model"), task=str(place / "task.jsonl"), out=out)


@pytest.fixture(scope="module")
def made(place):
    steps = []
    with open_store(place / "store") as store:
        bundle = run_task(
            request(place, place / "bundle"),
            SETTINGS,
            store=store,
            training=TRAINING,
            progress=steps.append,
        )
    return bundle, steps


def test_a_bundle_is_written_whole(made, place):
    assert sorted(p.name for p in (place / "bundle").iterdir()) == sorted(FILES)
    bundle = open_bundle(place / "bundle")
    assert 1 <= len(bundle.circuit.nodes) <= 30
    assert bundle.hierarchy.n_leaves == len(bundle.circuit.nodes)
    assert not bundle.missing
    assert all(str(node) in bundle.labels for node in bundle.circuit.nodes)


def test_a_bundle_carries_the_means_so_that_opening_it_runs_no_other_split(
    made, place, monkeypatch
):
    bundle = open_bundle(place / "bundle")
    taken = Lab(replace(bundle, tensors={})).mean
    monkeypatch.setattr("core.lab.prompts.mean_state", None)  # calling it would fail
    for got, want in zip(Lab(bundle).mean, taken, strict=True):
        torch.testing.assert_close(got, want)


def test_the_validation_has_every_field_of_the_contract(made):
    found = made[0].validation
    wanted = (
        "faithfulness phi phi_empty phi_full necessity n_nodes n_edges ablation error_regime "
        "n_prompts random curve cpr cmd forwards_used verdict reasons other_regimes"
    )
    assert set(wanted.split()) <= set(found)
    assert found["split"] == "test"
    assert found["error_regime"] == "ablated"
    assert found["random"]["n"] >= 100
    kinds = {(b["ablation"], b["error_regime"]) for b in found["other_regimes"]}
    assert {("mean", "ablated"), ("zero", "ablated"), ("resample", "kept")} <= kinds


def test_progress_names_every_stage_in_order(made):
    stages = list(dict.fromkeys(step.stage for step in made[1]))
    assert stages == [
        "prepare", "transcoders", "graphs", "hierarchy", "search", "refine", "validate", "write"
    ]  # fmt: skip


@pytest.mark.usefixtures("no_sections")
def test_the_same_run_gives_the_same_circuit(made, place):
    with open_store(place / "other-store") as store:
        again = run_task(request(place, place / "again"), SETTINGS, store=store, training=TRAINING)
    assert again.circuit.nodes == made[0].circuit.nodes
    for name in ("faithfulness", "phi", "necessity", "cpr"):
        assert again.validation[name] == pytest.approx(made[0].validation[name], abs=1e-4)


@pytest.mark.usefixtures("no_sections")
def test_a_repeated_run_does_not_search_again(made, place, monkeypatch):
    def never(*_args, **_options):
        raise AssertionError("searched again")

    monkeypatch.setattr("core.pipeline.finding.discovery.candidate_graph", never)
    with open_store(place / "store") as store:
        again = run_task(
            request(place, place / "repeated"), SETTINGS, store=store, training=TRAINING
        )
    assert again.circuit.nodes == made[0].circuit.nodes


@pytest.mark.usefixtures("no_sections")
def test_only_what_is_tested_changed_so_nothing_is_searched_again(made, place, monkeypatch):
    def never(*_args, **_options):
        raise AssertionError("searched again")

    monkeypatch.setattr("core.pipeline.finding.discovery.candidate_graph", never)
    with open_store(place / "store") as store:
        again = run_task(
            request(place, place / "more"), replace(SETTINGS, draws=101), store=store,
            training=TRAINING,
        )  # fmt: skip
    assert again.circuit.nodes == made[0].circuit.nodes
    assert again.validation["random"]["n"] == 101


def test_a_run_may_choose_among_heads(made, place):
    """Heads are nodes of circuit, graph, tree, labels and Lab; those not kept are ablated."""
    asked = replace(request(place, place / "heads"), transcoders=str(coders_of(place)))
    with open_store(place / "store") as store:
        run_task(asked, replace(SETTINGS, attention=Attention.CIRCUIT), store=store)
    bundle = open_bundle(place / "heads")
    heads = bundle.circuit.heads
    assert 0 < len(heads) < 2 * 3 * 4  # fewer than there are
    assert bundle.circuit.attention is Attention.CIRCUIT
    assert bundle.hierarchy.n_leaves == len(bundle.circuit.nodes)
    assert {str(head) for head in heads} <= set(node_ids(bundle.graph))
    assert all(str(head) in bundle.labels for head in heads)
    assert "necessity_features" in bundle.validation
    assert bundle.title.endswith("heads counted")
    lab = Lab(bundle)
    effect = lab.across_task([Change(node=str(heads[0]), scale=0.0)], LabSettings(inside="circuit"))
    assert effect.faithfulness_circuit == pytest.approx(bundle.validation["faithfulness"], abs=1e-3)
    again = revalidate(place / "heads", settings=ValidationSettings())
    assert again["faithfulness"] == pytest.approx(bundle.validation["faithfulness"], abs=1e-4)


@pytest.mark.usefixtures("no_sections")
def test_damaged_transcoders_are_set_aside_and_trained_anew(made, place):
    told = []
    (folder,) = (place / "store" / "transcoders").iterdir()
    file = folder / "layer_0.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-40] + bytes(40))
    with open_store(place / "store", told.append) as store:
        again = run_task(request(place, place / "mended"), SETTINGS, store=store, training=TRAINING)
    assert [notice.kind for notice in told] == ["damaged"]
    assert again.circuit.nodes == made[0].circuit.nodes
    assert file.read_bytes() == whole
    assert len(list((place / "store" / "transcoders").iterdir())) == 2


def test_transcoders_of_another_model_are_refused(place):
    other = place / "other"
    hf = LlamaForCausalLM.from_pretrained(place / "model")
    for name, value in hf.named_parameters():
        if "mlp" in name:
            value.data = value.data.flip(0) * 3
    hf.save_pretrained(other)
    (coders,) = {p for p in (place / "store" / "transcoders").iterdir() if "damaged" not in p.name}
    settings = replace(SETTINGS, null="permuted-answers")  # past the gate, which this model fails
    asked = replace(request(place, place / "never"), model=str(other), transcoders=str(coders))
    tiny_tokenizer(WORDS).save_pretrained(other)
    with (
        open_store(place / "store") as store,
        pytest.raises(TranscoderError, match="do not reconstruct the MLPs of other"),
    ):
        run_task(asked, settings, store=store)


def test_a_stored_circuit_validates_to_the_same_figures_in_every_section(made, place):
    told = []
    again = revalidate(place / "bundle", settings=ValidationSettings(), progress=told.append)
    run = open_bundle(place / "bundle").validation
    assert set(again) == {*run, "task", "bundle"}
    assert set(SECTIONS) <= set(run)
    for name in set(run) - {"forwards_used"}:  # of the search
        agree(again[name], run[name], name)
    assert {"dark matter", ""} < {step.note for step in told}
    assert not any("failed" in run[name] for name in SECTIONS)


def test_a_section_that_fails_is_told_and_the_rest_is_measured(made, place, monkeypatch):
    def broken(*_args, **_options):
        raise IndexError("nothing there")

    monkeypatch.setattr("core.pipeline.judging.further.circularity", broken)
    found = revalidate(place / "bundle", settings=ValidationSettings())
    assert found["circularity"]["failed"].startswith("IndexError: nothing there (test_run.py, line")
    assert found["dark_matter"]["layers"]
    assert found["faithfulness"] == pytest.approx(made[0].validation["faithfulness"], abs=1e-4)


def agree(one, two, at):
    """The same JSON values: numbers nearly, times and the hashes of them not at all."""
    if isinstance(one, dict):
        assert set(one) == set(two), at
        for name in set(one) - TIMED:
            agree(one[name], two[name], f"{at}.{name}")
    elif isinstance(one, list):
        assert len(one) == len(two), at
        for place, (a, b) in enumerate(zip(one, two, strict=True)):
            agree(a, b, f"{at}[{place}]")
    elif isinstance(one, float):
        assert one == pytest.approx(two, rel=1e-3, abs=1e-4), at
    else:
        assert one == two, at


TIMED = {"registered_at", "registered_hash", "measured_at", "record_hash"}


def test_a_circuit_tried_on_other_prompts_is_held_against_those_it_was_found_on(made, place):
    """Every section is measured there; the splits it was searched on stay where they were."""
    lines = [json.dumps(pair(b, a)) for a in range(COUNT) for b in range(COUNT) if a != b]
    (place / "others.jsonl").write_text("\n".join(lines))
    found = revalidate(place / "bundle", str(place / "others.jsonl"), ValidationSettings())
    assert set(SECTIONS) <= set(found)
    assert found["task"] == "others"
    own, other = made[0].validation["circularity"], found["circularity"]
    for split in ("labels", "selection"):
        agree(other["splits"][split], own["splits"][split], split)
        assert other["prompts"][split] == own["prompts"][split]
    assert other["prompts"]["test"] == found["n_prompts"] != own["prompts"]["test"]
    assert found["predictions"]["registered_hash"]


def test_an_untrained_model_is_refused_with_its_accuracy(place):
    blank = place / "blank"
    LlamaForCausalLM(LlamaForCausalLM.from_pretrained(place / "model").config).save_pretrained(
        blank
    )
    tiny_tokenizer(WORDS).save_pretrained(blank)
    asked = replace(request(place, place / "never"), model=str(blank))
    with open_store(place / "store") as store, pytest.raises(GateError, match=r"answers 0\.\d+"):
        run_task(asked, SETTINGS, store=store, training=TRAINING)
    assert not (place / "never").exists()


@pytest.mark.parametrize("null", ["untrained", "permuted-answers"])
def test_a_null_run_does_not_validate(place, null):
    with open_store(place / "store") as store:
        bundle = run_task(
            request(place, place / null),
            replace(SETTINGS, null=null),
            store=store,
            training=TRAINING,
        )
    assert bundle.validation["verdict"] in {"rejected", "does_not_hold"}
    assert bundle.title.startswith("Null: ")
    assert not open_bundle(place / null).missing


def test_random_features_at_the_places_of_a_circuit_do_not_validate(place, made):
    """A null that passes the gate: what is measured of the circuit has to stop it."""
    asked = replace(request(place, place / "shuffled"), transcoders=str(coders_of(place)))
    with open_store(place / "store") as store:
        bundle = run_task(asked, replace(SETTINGS, null="shuffled-features"), store=store)
    found = bundle.validation
    assert found["model_accuracy"] >= found["gate"]
    assert found["failed"]["model"] == []
    assert {"faithfulness", "random"} & set(found["failed"]["resample"])
    assert found["verdict"] in {"does_not_hold", "necessary_not_sufficient"}
    assert bundle.circuit.nodes != made[0].circuit.nodes
    assert not open_bundle(place / "shuffled").missing


def test_a_task_whose_answers_do_not_repeat_has_no_same_answer_null(place):
    """Its groups of prompts that share nothing are dealt whole, and have each answer once."""
    asked = replace(request(place, place / "never"), transcoders="neurons")
    with (
        open_store(place / "store") as store,
        pytest.raises(TaskError, match="no two prompts with one answer"),
    ):
        run_task(asked, replace(SETTINGS, null="same-answer"), store=store)


@pytest.mark.usefixtures("no_sections")
def test_a_size_beyond_the_candidates_is_said(made, place):
    asked = replace(request(place, place / "large"), transcoders=str(coders_of(place)))
    with open_store(place / "store") as store:
        bundle = run_task(asked, replace(SETTINGS, size=5000), store=store)
    got = len(bundle.circuit.nodes)
    assert bundle.provenance["size"] == {"asked": 5000, "got": got, "candidates": got}
    (note,) = bundle.provenance["notes"]
    assert note.startswith("5000 nodes were asked for")
    assert f"has {got}." in note
    assert made[0].provenance["notes"] == []


@pytest.mark.usefixtures("no_sections")
def test_no_result_replaces_another(place, made):
    """Two runs that differ in a setting, into the store; then one into the other's folder."""
    asked = replace(request(place, None), transcoders=str(coders_of(place)), name="My colours")
    other = replace(SETTINGS, draws=101)
    with open_store(place / "store") as store:
        first = run_task(asked, SETTINGS, store=store)
        second = run_task(asked, other, store=store)
        assert first.path == store.results_dir / "My-colours"
        assert second.path == store.results_dir / "My-colours-2"
        into = replace(asked, out=first.path, replaces="own")
        with pytest.raises(FormatError, match="holds another result"):
            run_task(into, other, store=store)
        told = list[str]()
        store.notify = lambda notice: told.append(notice.message)
        assert run_task(asked, other, store=store).path == second.path
        assert [message for message in told if "My-colours-2 replaces the result of" in message]
    assert (first.name, second.name) == ("My-colours", "My-colours-2")
    assert first.title == "My colours · model"
    assert open_bundle(first.path).validation["random"]["n"] == 100


def test_prompts_that_splits_share_are_counted_in_the_result(made, place):
    task = load_task(place / "task.jsonl")
    assert made[0].provenance["shared_prompts"] == overlap(task).as_json()
    assert made[0].validation["shared_prompts"] == overlap(task).as_json()
    assert not overlap(task).any  # eight groups that share nothing are dealt whole
