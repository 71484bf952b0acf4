"""Lessons: of a compiled program, of a tiny model, and back from a file."""

import json
from dataclasses import fields

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from core.compiled import circuits, load_pairs, load_program, run
from core.errors import FormatError, UnknownSchemaError
from core.graph import NodeKind
from core.guide.hetero import NODE_FEATURES
from core.lessons.compiled import COMPILED, take_compiled
from core.lessons.lesson import BASELINES, PROMPTS, lesson_of
from core.lessons.pairs import Pair
from core.lessons.store import LABELS, load_lesson, save_labels, save_lesson
from core.pipeline.prepare import prepare
from tests.core.pipeline.parts import task_of
from tests.tiny import tiny_model, tiny_transcoders


@pytest.fixture(scope="module")
def lesson():
    return take_compiled(next(pair for pair in COMPILED if pair.model == "hist"))


def test_influence_finds_what_a_program_uses(lesson):
    """In `hist` what has no effect has no influence either."""
    influence = lesson.baselines[:, BASELINES.index("influence")]
    matters = lesson.effects.strength > 1e-6
    assert matters.any()
    assert not matters.all()
    assert influence[matters].min() > influence[~matters].max()


def test_an_effect_is_the_share_of_the_answer_that_closing_or_opening_the_node_moves(lesson):
    """Of every node of `hist`: runs with all gates open but one, and with one open alone."""
    program, pairs = load_program("hist"), load_pairs("hist", PROMPTS)
    clean, corrupt = run(program, pairs.clean), run(program, pairs.corrupt)
    nodes, n = rows_of(lesson), len(lesson.nodes)
    masks = torch.cat([torch.ones(1, n), torch.zeros(1, n), 1 - torch.eye(n), torch.eye(n)])
    share = circuits(program, pairs, nodes, masks, clean, corrupt)
    whole, empty, without, alone = share.split([1, 1, n, n])
    for name, effect in (("noising", whole - without), ("denoising", alone - empty)):
        torch.testing.assert_close(getattr(lesson.effects, name), effect.mean(1))
        torch.testing.assert_close(getattr(lesson.effects, f"{name}_abs"), effect.abs().mean(1))
    assert lesson.effects.noising.max() > 0.5  # `hist` has nodes that it cannot do without


def rows_of(lesson):
    """(kind, layer, position, index) of the leaves; the graph's columns say which are heads."""
    is_head = lesson.data["node"].x[lesson.place, NODE_FEATURES.index(f"kind_{int(NodeKind.HEAD)}")]
    return torch.cat([is_head[:, None].long() * int(NodeKind.HEAD), lesson.nodes], 1)


def test_the_root_holds_every_leaf(lesson):
    supernode, leaf = lesson.member
    assert leaf[supernode == 0].sort().values.tolist() == list(range(len(lesson.nodes)))


def test_a_lesson_of_a_model_has_every_column():
    model = tiny_model("llama")
    coders, prepared = tiny_transcoders(model), prepare(model, task_of())
    pair = Pair(model="tiny", task="toy", kind="topk", family="llama", size="small")
    found = lesson_of(pair, prepared, coders)
    n = len(found.nodes)
    assert found.baselines.shape == (n, len(BASELINES))
    assert found.baselines.isfinite().all()
    assert (found.baselines >= 0).all()
    assert found.effects.strength.max() > 0
    assert found.data["node"].x.shape[0] > n


def test_a_lesson_comes_back_from_its_file(lesson, tmp_path):
    back = load_lesson(save_lesson(lesson, tmp_path))
    assert back.pair == lesson.pair
    for name in ("nodes", "place", "member", "baselines"):
        one, other = getattr(back, name), getattr(lesson, name)
        torch.testing.assert_close(one, other, equal_nan=True)
    for field in fields(lesson.effects):
        one, other = getattr(back.effects, field.name), getattr(lesson.effects, field.name)
        torch.testing.assert_close(one, other)
    assert set(back.data.edge_types) == set(lesson.data.edge_types)
    for kind in lesson.data.edge_types:
        torch.testing.assert_close(back.data[kind].edge_index, lesson.data[kind].edge_index)


def test_labels_hold_what_was_measured(lesson, tmp_path):
    path = tmp_path / "labels.safetensors"
    save_labels([lesson], path, {"command": "test"})
    tensors = load_file(path)
    torch.testing.assert_close(tensors["hist.compiled/noising"], lesson.effects.noising)
    assert tensors["hist.compiled/nodes"].tolist() == lesson.nodes.tolist()


def test_a_lesson_of_another_version_is_refused(lesson, tmp_path):
    path = save_lesson(lesson, tmp_path)
    save_file(load_file(path), path, metadata={"schema": "hagd-lesson/0"})
    with pytest.raises(UnknownSchemaError, match="hagd-lesson/0"):
        load_lesson(path)


def test_a_file_that_is_no_lesson_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"")
    with pytest.raises(FormatError, match="cannot be read as a lesson"):
        load_lesson(tmp_path / "x.safetensors")


def test_the_bundled_labels_are_of_bundled_models():
    """Every pair named has as many nodes as effects, and the bundled guide has seen it."""
    with safe_open(str(LABELS), framework="pt") as file:
        pairs = json.loads(file.metadata()["pairs"])
        for name, pair in pairs.items():
            n = file.get_slice(f"{name}/nodes").get_shape()
            assert file.get_slice(f"{name}/noising").get_shape() == [n[0]]
            assert name == f"{pair['model']}.{pair['kind']}"
    about = json.loads((LABELS.parent / "gatv2.json").read_text())
    assert set(about["trained_on"]) == set(pairs)
