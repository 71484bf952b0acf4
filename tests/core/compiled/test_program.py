"""Compiled programs: their logits, what they compute, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.assets import PROGRAMS
from core.compiled import bundled_programs, load_pairs, load_program, run
from core.errors import FormatError, ModelError

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
"""Logits of the compiled models themselves, by a forward pass that is not this one."""


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_logits_are_the_compiled_models(name):
    got = run(load_program(name), torch.tensor(VECTORS[name]["ids"])).logits
    torch.testing.assert_close(got, torch.tensor(VECTORS[name]["logits"]), atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", bundled_programs())
def test_every_prompt_is_answered_as_the_program_says(name):
    program, pairs = load_program(name), load_pairs(name)
    logits = run(program, pairs.clean).logits
    for row, counted, expected in zip(logits, pairs.counted, pairs.expected, strict=True):
        if program.classes:
            assert [program.classes[i] for i in row[counted].argmax(-1)] == list(expected)
        else:
            assert row[counted][:, 0].tolist() == pytest.approx(expected, abs=1e-4)


def copied(tmp_path, name="hist"):
    folder = tmp_path / "program"
    shutil.copytree(PROGRAMS / name, folder)
    return folder


def test_a_folder_is_read_like_a_bundled_program(tmp_path):
    program = load_program(copied(tmp_path))
    assert program.name == "hist"
    assert load_pairs(tmp_path / "program", limit=3).clean.shape == (3, 6)


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ModelError, match="no compiled program 'nothing'.*one of frac_prevs, hist"):
        load_program("nothing")


def test_weights_of_another_shape_are_refused(tmp_path):
    folder = copied(tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights["unembed.weight"] = weights["unembed.weight"][:, :2].contiguous()
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(FormatError, match=r"unembed.weight is \(18, 2\), required \(18, 6\)"):
        load_program(folder)


def test_a_damaged_weights_file_is_refused(tmp_path):
    folder = copied(tmp_path)
    (folder / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(FormatError, match="no readable weights"):
        load_program(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "gelu"}, "another kind of model: got activation 'gelu'"),
        ({"d_mlp": None}, "lacks d_mlp"),
    ],
)
def test_a_config_that_says_otherwise_is_refused(tmp_path, change, message):
    folder = copied(tmp_path)
    config = json.loads((folder / "config.json").read_text()) | change
    config = {name: value for name, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(FormatError, match=message):
        load_program(folder)


def test_prompts_of_two_lengths_are_refused(tmp_path):
    folder = copied(tmp_path)
    lines = (folder / "prompts.jsonl").read_text().splitlines()
    row = json.loads(lines[0]) | {"clean_ids": [0, 2]}
    (folder / "prompts.jsonl").write_text("\n".join([json.dumps(row), *lines[1:]]))
    with pytest.raises(FormatError, match="not a file of prompt pairs"):
        load_pairs(folder)
