"""Training: resumes exactly, sees only training cells, refuses what it does not know."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from core.errors import GateError, SettingsError
from core.models import load_model
from core.tasks import load_task
from core.tasks.coreference import CoreferenceSettings, deal_names
from core.tasks.modular_addition import ModularSettings, deal_cells
from core.zoo import __main__ as command
from core.zoo import train as training
from core.zoo.card import write_card
from core.zoo.catalogue import MEMBERS, Member
from core.zoo.corpus import corpus_for
from core.zoo.recipes import ModelRecipe
from core.zoo.train import build, train

TINY = ModelRecipe(
    name="tiny",
    task="coreference",
    architecture="gpt2",
    config={"n_positions": 16, "n_embd": 16, "n_head": 2, "n_layer": 1,
            "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
    steps=4,
    batch=8,
    warmup=2,
    text_weight=0.1,
    gate=0.0,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_resumed_training_equals_unbroken_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = corpus_for(TINY.task)
    unbroken = train(TINY, corpus)
    monkeypatch.setattr(training, "REPORT_EVERY", 2)
    broken, calls = corpus_for(TINY.task), []

    def fails_at_third(seed: int, step: int, size: int) -> torch.Tensor:
        calls.append(step)
        if calls == [0, 1, 2]:
            raise KeyboardInterrupt
        return corpus.batch(seed, step, size)

    broken = replace(broken, batch=fails_at_third)
    with pytest.raises(KeyboardInterrupt):
        train(TINY, broken, tmp_path / "checkpoint")
    resumed = train(TINY, broken, tmp_path / "checkpoint")
    assert calls == [0, 1, 2, 2, 3]
    for name, weight in unbroken.named_parameters():
        assert torch.equal(weight, resumed.get_parameter(name)), name


def test_learning_rate_rises_holds_and_falls() -> None:
    recipe = replace(TINY, steps=100, warmup=10, decay=0.5)
    rates = [training._rate(recipe, training._Place(step)) for step in (0, 9, 30, 50, 75, 99)]
    assert rates == pytest.approx([0.1, 1.0, 1.0, 1.0, 0.5, 0.02])


def test_the_rate_falls_from_where_the_selection_split_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "REPORT_EVERY", 3)
    recipe = replace(TINY, steps=40, settle=6, enough=0.9, warmup=1)
    corpus, steps, answers = corpus_for(TINY.task), [], iter([0.2, 0.5, 0.95])

    def batch(seed: int, step: int, size: int) -> torch.Tensor:
        steps.append(step)
        return corpus.batch(seed, step, size)

    train(recipe, replace(corpus, batch=batch), judge=lambda _: next(answers))
    assert steps == list(range(15))  # done at step 9, then six more
    falling = [training._rate(recipe, training._Place(step, falls=9)) for step in (8, 9, 12, 14)]
    assert falling == pytest.approx([1.0, 1.0, 0.5, 1 / 6])


def test_every_answer_token_is_scored_and_the_rest_by_its_weight() -> None:
    corpus, hf = corpus_for("sorting"), build(TINY, 24)
    ids = corpus.batch(0, 0, 5)
    losses = torch.nn.functional.cross_entropy(
        hf(input_ids=ids).logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none"
    )
    answers, rest = losses[:, -4:].sum(1).mean(), losses[:, :-4].sum(1).mean()
    torch.testing.assert_close(training._loss(hf, ids, 4, 0.0), answers)
    torch.testing.assert_close(training._loss(hf, ids, 4, 0.1), answers + 0.1 * rest)


def test_modular_corpus_holds_every_training_cell_and_no_other() -> None:
    corpus = corpus_for("modular-addition")
    ids = corpus.batch(0, 0, 0)
    words = [corpus.tokenizer.decode(row).split() for row in ids.tolist()]
    assert [(int(w[1]), int(w[3])) for w in words] == list(deal_cells(ModularSettings()).train)
    assert all((int(w[1]) + int(w[3])) % 59 == int(w[5]) for w in words)
    assert torch.equal(corpus.batch(1, 5, 7), corpus.batch(1, 5, 7))


def test_coreference_corpus_never_puts_held_out_names_together() -> None:
    corpus = corpus_for("coreference")
    held_out = {frozenset(pair) for pair in deal_names(CoreferenceSettings()).held_out}
    for row in corpus.batch(0, 0, 200).tolist():
        words = corpus.tokenizer.decode(row).split()
        assert {words[2], words[4]} == {words[10], words[15]}
        assert frozenset((words[2], words[4])) not in held_out


def test_architectures_have_the_shape_the_recipe_says() -> None:
    llama = build(MEMBERS["llama-modadd"].recipe, 64)
    assert llama.config.num_key_value_heads == 2
    assert llama.get_input_embeddings().weight.shape == (64, 64)
    neox = build(MEMBERS["neox-modadd-base"].recipe, 64)
    assert neox.config.use_parallel_residual
    assert neox.get_input_embeddings().weight.shape == (64, 128)
    assert build(TINY, 64).config.n_layer == 1


def test_command_trains_and_writes_a_folder_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Member(name="tiny", task=TINY.task, family="gpt2", size="small", recipe=TINY)
    monkeypatch.setitem(MEMBERS, "tiny", row)
    done = CliRunner().invoke(
        command.app, ["train", "tiny", "--out", str(tmp_path / "tiny"), "--seed", "3"]
    )
    assert done.exit_code == 0, done.output
    card = json.loads((tmp_path / "tiny" / "card.json").read_text())
    assert card["key"] == load_model(tmp_path / "tiny").key
    assert (card["recipe"]["seed"], card["command"][-1]) == (3, "3")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_model_below_its_gate_gets_no_card(tmp_path: Path) -> None:
    corpus = corpus_for(TINY.task)
    train(replace(TINY, steps=0), corpus).save_pretrained(tmp_path)
    corpus.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(GateError, match="tiny does not do its task"):
        write_card(tmp_path, load_model(tmp_path), load_task(TINY.task), replace(TINY, gate=0.9))
    assert not (tmp_path / "card.json").exists()


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SettingsError, match="No training corpus for 'chess'"):
        corpus_for("chess")
