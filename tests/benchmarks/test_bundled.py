"""Bundled circuits as their files tell them."""

import json

import pytest
from bundled import Stored, bundled_circuits, real
from circularity import SECTIONS, collected
from zoo import collected as whole_zoo
from zoo import readme_row


def block(ablation, f, **fields):
    best = {"faithfulness_max": f / 2, "p_value": 0.0099}
    plain = {"first": {"faithfulness": 0.91}, "most_active": {"faithfulness": 0.2}}
    told = {"ablation": ablation, "faithfulness": f, "phi": 1, "phi_empty": 0.5, "random": best}
    return told | {"plain": plain} | fields


def circuit(name="parity-gpt2", verdict="holds_in_part", **settings):
    others = [block("mean", 0.98765), block("zero", 0.1), block("resample", 0.2)]
    first = block("resample", 0.97049, phi=0.9951, phi_empty=None)
    return Stored(
        name=name,
        validation={"n_nodes": 40, "verdict": verdict, "other_regimes": others, **first},
        provenance={
            "settings": settings,
            "model": {"ref": "gpt2-parity"},
            "task": {"ref": "parity"},
            "transcoders": {"ref": "assets/transcoders/gpt2-parity/topk"},
        },
        stamp="0",
    )


def test_readme_has_three_digits_of_f_and_two_of_the_rest():
    assert readme_row(circuit()) == (
        "| parity-gpt2 | 40 | 0.970 / 0.988 | 1.00 / 1.00 | – / 0.50 | 0.49 / 0.49 "
        "| 0.91 / 0.91 | in part |"
    )
    assert readme_row(circuit(verdict="does_not_hold")).endswith("| does not hold |")


def test_the_published_regime_is_the_one_that_is_read():
    assert circuit().block("resample")["faithfulness"] == 0.97049


@pytest.mark.parametrize(
    ("settings", "variant"),
    [({}, "topk"), ({"attention": "live"}, "topk"), ({"attention": "circuit"}, "heads")],
)
def test_variant_tells_dictionaries_and_heads_apart(settings, variant):
    assert circuit(**settings).variant == variant


def test_circuits_come_by_task_and_nulls_last(tmp_path):
    found = {
        "null-b": {"task": "parity", "null": "untrained"},
        "sorting-a": {"task": "sorting", "null": "none"},
        "parity-b": {"task": "parity", "null": "none"},
        "parity-a": {"task": "parity", "null": "none"},
    }
    for name, told in found.items():
        folder = tmp_path / name
        folder.mkdir()
        record = {"settings": {"null": told["null"]}, "task": {"ref": told["task"]}}
        for part, body in (("provenance", record), ("validation", {}), ("circuit", {"is": name})):
            (folder / f"{part}.json").write_text(json.dumps(body))
    there = bundled_circuits(tmp_path)
    assert [one.name for one in there] == ["parity-a", "parity-b", "sorting-a", "null-b"]
    assert [one.name for one in real(there)] == ["parity-a", "parity-b", "sorting-a"]
    stamps = {one.name: one.stamp for one in there}
    assert len(set(stamps.values())) == 4
    (tmp_path / "parity-a" / "circuit.json").write_text("another one")
    assert bundled_circuits(tmp_path)[0].stamp != stamps["parity-a"]


def test_every_bundled_circuit_is_in_the_tables_that_are_read_from_them():
    """In the zoo's, and in circularity's: there at least as one that lacks the sections."""
    there = {one.name for one in bundled_circuits()}
    assert there
    table = collected(bundled_circuits())
    assert {*table["circuits"], *table["without"]} == there
    assert all(set(SECTIONS) < set(row) for row in table["circuits"].values())
    zoo = whole_zoo(bundled_circuits())
    assert len(zoo["nulls"]) + sum(len(row["circuits"]) for row in zoo["models"]) == len(there)
