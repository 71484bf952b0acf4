"""Twins are made by the commands that are told, once; comparisons that are known are kept."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import transfer_matrix
import transfer_twins
from bundled import Stored
from transfer_twins import Reseeded, make_twin, reseeded

from core.transfer import SCORES


def circuit(name="parity-gpt2", stamp="0", key="k"):
    return Stored(
        name=name,
        validation={},
        provenance={
            "settings": {"null": "none", "attention": "live"},
            "model": {"ref": "gpt2-parity", "key": key},
            "task": {"ref": "parity"},
            "transcoders": {"ref": "assets/transcoders/gpt2-parity/nested"},
            "size": {"got": 40},
        },
        stamp=stamp,
    )


@pytest.fixture
def ran(monkeypatch):
    """What was asked for, in order; each command leaves the file that shows its end."""
    found = []

    def command(arguments):
        words = [str(word) for word in arguments]
        found.append(" ".join(words))
        out = transfer_twins.Path(words[words.index("--out") + 1])
        out.mkdir(parents=True, exist_ok=True)
        (out / ("provenance.json" if "run" in words else "card.json")).touch()
        return True

    def make(recipe, out):
        found.append(f"{recipe.model} {recipe.settings.kind} {recipe.settings.seed}")
        return out / recipe.model / recipe.settings.kind

    monkeypatch.setattr(transfer_twins, "_ran", command)
    monkeypatch.setattr(transfer_twins.dictionaries, "make", make)
    return found


def test_a_twin_begins_with_other_weights(ran, tmp_path):
    assert make_twin(circuit(), tmp_path, Reseeded.WEIGHTS) == tmp_path / "parity-gpt2"
    model = tmp_path / "models" / "gpt2-parity"
    assert ran == [
        f"-m core.zoo train gpt2-parity --seed 1 --out {model}",
        f"{model} nested 1",
        f"-m core run --model {model} --task parity --seed 1 --size 40 --transcoders "
        f"{model}/nested --store {tmp_path}/store --out {tmp_path}/parity-gpt2",
    ]
    ran.clear()
    make_twin(circuit(), tmp_path, Reseeded.WEIGHTS)
    assert not ran


def test_a_stopped_twin_goes_on_and_trained_weights_are_not_trained_again(ran, tmp_path):
    model = tmp_path / "models" / "gpt2-parity"
    model.mkdir(parents=True)
    (model / "model.safetensors").touch()
    make_twin(circuit(), tmp_path, Reseeded.WEIGHTS)
    assert ran[0] == f"-m core.zoo card gpt2-parity --out {model}"
    assert len(ran) == 3


def test_a_model_that_misses_its_gate_has_no_twin(monkeypatch, tmp_path):
    monkeypatch.setattr(transfer_twins, "_ran", lambda arguments: False)
    assert make_twin(circuit(), tmp_path, Reseeded.WEIGHTS) is None


def test_a_twin_may_keep_the_weights(ran, tmp_path):
    make_twin(circuit(), tmp_path, Reseeded.DICTIONARY)
    assert ran[0] == "gpt2-parity nested 1"
    assert f"--transcoders {tmp_path}/transcoders/gpt2-parity/nested" in ran[1]
    assert "--model gpt2-parity " in ran[1]


def test_which_twin_it_is_follows_from_the_weights():
    assert reseeded(circuit(key="a"), circuit(key="a")) is Reseeded.DICTIONARY
    assert reseeded(circuit(key="a"), circuit(key="b")) is Reseeded.WEIGHTS


def test_only_circuits_that_have_changed_are_compared_again(monkeypatch, tmp_path):
    asked = []
    transfer = SimpleNamespace(to_json=dict, matched=(), scores={})
    monkeypatch.setattr(transfer_matrix, "open_subject", lambda folder: folder.name)
    monkeypatch.setattr(
        transfer_matrix, "compare", lambda one, two: asked.append((one, two)) or transfer
    )
    monkeypatch.setattr(transfer_matrix, "write", lambda results: None)
    given, pairs = SimpleNamespace(again=False, twins=None, pairs=None), {}
    some = [circuit("a", "1"), circuit("b", "2")]
    transfer_matrix.one_group(some, pairs, {}, None, given)
    assert asked == [("a", "b"), ("b", "a")]
    transfer_matrix.one_group(some, pairs, {}, None, given)
    assert len(asked) == 2
    changed = [some[0], replace(some[1], stamp="3"), circuit("c", "4")]
    transfer_matrix.one_group(changed[:2], pairs, {}, None, given)
    assert len(asked) == 4
    assert json.loads(json.dumps(pairs))["a -> b"]["stamps"] == ["1", "3"]
    pairs["a -> b"]["made"] = {"schema": 1}  # a null made another way
    transfer_matrix.one_group(changed[:2], json.loads(json.dumps(pairs)), {}, None, given)
    assert asked[4:] == [("a", "b")]
    given.pairs = ["b -> c"]
    transfer_matrix.one_group(changed, {}, {}, None, given)
    assert asked[5:] == [("b", "c")]


def compared(one, two, value, p):
    score = {"value": value, "null_mean": 0.1, "p": p}
    return {
        "task": "parity",
        "one": one,
        "two": two,
        "scores": dict.fromkeys(SCORES, score),
    }


def test_what_is_the_same_from_either_side_counts_a_pair_once():
    pairs = [compared("a", "b", 0.2, 0.01), compared("b", "a", 0.4, 0.2)]
    pairs.append(compared("a", "c", 0.5, 0.01))  # so far in one order only
    found = {"pairs": dict(enumerate(pairs)), "twins": {}}
    rows = transfer_matrix.tables(found)["parity"]
    for name in ("edges", "transport"):
        assert (rows[name]["pairs"], rows[name]["above_null"]) == (2, 1), "the larger p"
        assert rows[name]["value"] == pytest.approx((0.3 + 0.5) / 2)
    for name in ("functional", "roles"):
        assert (rows[name]["pairs"], rows[name]["above_null"]) == (3, 2)


def test_the_page_says_which_nulls_are_too_weak():
    new = {"made": {"schema": 2, "draws": 200, "solves": 100}}
    assert "older" not in transfer_matrix.draws([new])
    assert "0.005 and 0.010" in transfer_matrix.draws([new])
    assert "In 1 of 2 ordered pairs the null is an older one" in transfer_matrix.draws([new, {}])
