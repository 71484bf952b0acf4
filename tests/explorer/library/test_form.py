"""The form of a run: what it offers, and that it says what the engine says."""

from core.choices import GUIDES
from core.circuit import Attention
from explorer.library import form
from explorer.session.resources import about_model, model_names
from explorer.session.resources.about import lacked


def test_guides_and_heads_are_the_engines():
    assert tuple(form.GUIDES) == GUIDES
    assert tuple(form.HEADS) == tuple(Attention)


def test_models_made_for_a_task_come_alone_or_first():
    made = form.offered("modular-addition")
    assert made
    assert {about_model(name).task for name in made} == {"modular-addition"}
    every = form.offered("modular-addition", "all")
    assert every[: len(made)] == made
    assert sorted(every) == sorted(model_names())
    assert sorted(form.offered("/my/task.jsonl")) == sorted(model_names())


def test_a_model_is_told_from_its_files_alone(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "mamba", "num_hidden_layers": 3}')
    found = about_model(str(tmp_path))
    assert (found.task, found.family, found.shape) == ("", "mamba", "")
    assert about_model(str(tmp_path / "nowhere")).family == "other"
    assert about_model("gpt2-coref")[:3] == ("coreference", "GPT-2", 3)


def test_a_models_words_are_told_before_it_is_loaded(tmp_path):
    assert lacked("gpt2-modadd", "<bos> 17 + 40 =") == 0
    assert lacked("gpt2-modadd", "<bos> 17 + Paris = Paris") == 1
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "BPE", "vocab": {}}}')
    assert lacked(str(tmp_path), "anything at all") is None
    assert lacked(str(tmp_path / "nowhere"), "anything at all") is None
