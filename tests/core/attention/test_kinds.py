"""Kinds of heads by hand, on patterns made for it; ablations two ways."""

import math
from dataclasses import replace

import pytest
import torch

from core.attention.effects import head_effects, preference
from core.attention.kinds import (
    HeadKind,
    HeadProfile,
    Prompts,
    copying,
    distance_lift,
    duplicates,
    evenness,
    inductions,
    lift_at,
    profiles,
)
from core.interventions import Ablation
from core.models import Edits
from tests.tiny import tiny_batch, tiny_model

IDS = torch.tensor([[1, 5, 6, 5, 6, 7], [1, 8, 9, 4, 8, 9]])


def prompts_of(model, ids, answers):
    roles = tuple(f"role {i}" for i in range(ids.shape[1]))
    return Prompts(model=model, ids=ids, trace=model.trace(ids), answers=answers, roles=roles)


def looking(keys):
    """A pattern that looks from each query at one key."""
    return torch.nn.functional.one_hot(torch.tensor(keys), len(keys[0])).float()


def even(n):
    weight = torch.ones(n, n).tril()
    return (weight / weight.sum(1, keepdim=True))[None]


def test_cells_by_hand():
    assert duplicates(IDS).nonzero().tolist() == [[0, 3, 1], [0, 4, 2], [1, 4, 1], [1, 5, 2]]
    assert inductions(IDS).nonzero().tolist() == [[0, 3, 2], [0, 4, 3], [1, 4, 2], [1, 5, 3]]


def test_a_head_that_looks_at_duplicates_has_lift_one_and_the_control_less():
    pattern = looking([[0, 1, 2, 1, 2, 5], [0, 1, 2, 3, 1, 2]])
    assert lift_at(pattern, duplicates(IDS)) == pytest.approx(1.0)
    assert lift_at(pattern, inductions(IDS)) < 0
    assert lift_at(pattern, duplicates(IDS.flip(0))) < 0.5


def test_even_attention_has_no_lift():
    pattern = even(6).expand(2, -1, -1)
    assert lift_at(pattern, duplicates(IDS)) == pytest.approx(0.0, abs=1e-6)
    assert distance_lift(pattern, 1) == pytest.approx(0.0, abs=1e-6)
    assert evenness(pattern[:, -1]) == pytest.approx(1.0)


def test_lift_by_hand():
    """A query that sees four keys and puts 0.7 on one: (0.7 - 1/4) / (3/4)."""
    pattern = torch.zeros(1, 4, 4)
    pattern[0, 3] = torch.tensor([0.1, 0.7, 0.1, 0.1])
    cells = torch.zeros(1, 4, 4, dtype=torch.bool)
    cells[0, 3, 1] = True
    assert lift_at(pattern, cells) == pytest.approx(0.6)


def test_no_such_cell_is_nan():
    assert math.isnan(lift_at(even(4), duplicates(torch.tensor([[1, 2, 3, 4]]))))


def test_the_previous_token_is_told_from_a_place_that_happens_to_follow():
    always = looking([[0, 0, 1, 2, 3]])
    assert distance_lift(always, 1) == pytest.approx(1.0)
    assert distance_lift(always, 2) < 0
    once = looking([[0, 1, 2, 3, 3]])
    assert distance_lift(once, 1) < 0


def test_kinds_follow_the_stated_thresholds():
    lift = {kind: 0.0 for kind in (HeadKind.PREVIOUS, HeadKind.DUPLICATE, HeadKind.INDUCTION)}
    control = dict(lift)

    def profile(reader, *, raised=0.0, lowered=0.0, evenness=0.5, **lifts):
        changed = lift | {HeadKind[name]: value for name, value in lifts.items()}
        return HeadProfile(
            layer=0, head=0, lift=changed | {HeadKind.READER: reader}, control=control,
            roles=("a", "b"), moved=("b",), raised=raised, lowered=lowered, evenness=evenness,
        )  # fmt: skip

    assert profile(0.29, raised=0.9).kind is HeadKind.OTHER
    assert profile(0.3).label == "reads a, b"
    assert profile(0.3, raised=0.5).label == "moves b"
    assert profile(0.3, lowered=0.5).label == "suppresses b"
    assert replace(profile(0.3, raised=0.5), moved=()).label == "reads a, b"
    assert profile(0.0, INDUCTION=0.4).label == "induction"
    assert profile(0.0, PREVIOUS=0.4).kind is HeadKind.OTHER
    assert profile(0.4, PREVIOUS=0.6).kinds == (HeadKind.PREVIOUS, HeadKind.READER)
    assert profile(0.0, evenness=0.98).label == "looks everywhere"
    assert profile(0.0).label == ""


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_head_that_writes_what_it_reads_moves_it_and_one_that_writes_less_suppresses_it(sign):
    """Values and outputs pass the embedding on; embedding and unembedding are one matrix."""
    model = tiny_model("gpt2", layers=1)
    block = model.blocks[0]
    table = torch.linalg.qr(torch.randn(20, 20))[0][:, :16]
    model.hf.transformer.wte.weight.copy_(table)
    model.hf.transformer.wpe.weight.zero_()
    for norm in (block.ln_1, model.hf.transformer.ln_f):
        norm.weight.fill_(1.0)
        norm.bias.zero_()
    block.attn.c_attn.weight[:, 32:] = torch.eye(16)
    block.attn.c_attn.bias.zero_()
    block.attn.c_proj.weight.copy_(sign * torch.eye(16))
    ids = torch.tensor([[1, 5, 6, 7], [1, 8, 9, 4]])
    answers = torch.arange(4, 10)
    raised, lowered = copying(prompts_of(model, ids, answers), 0)
    moved, other = (raised, lowered) if sign > 0 else (lowered, raised)
    assert float(moved.mean()) > 0.5
    assert float(other.mean()) < 0.2


def test_profiles_cover_every_head_and_name_roles():
    model, ids = tiny_model("llama"), tiny_batch(prompts=6).clean
    found = profiles(prompts_of(model, ids, torch.arange(3, 20)))
    assert [(f.layer, f.head) for f in found] == [(x, y) for x in range(2) for y in range(4)]
    trace = model.trace(ids)
    for f in found:
        row = trace.pattern[f.layer, :, f.head, -1].mean(0)
        assert f"role {int(row.argmax())}" in f.roles
        assert 0 <= f.raised <= 1.0001
        assert 0 <= f.evenness <= 1.0001


@pytest.mark.parametrize("ablation", [Ablation.RESAMPLE, Ablation.MEAN, Ablation.ZERO])
def test_an_effect_is_that_of_replacing_the_heads_output(ablation):
    model, batch = tiny_model("neox-parallel"), tiny_batch(prompts=4)
    found = head_effects(model, batch, ablation)
    clean, other = (model.trace(ids).z for ids in (batch.clean, batch.corrupt))
    resting = {
        Ablation.RESAMPLE: other[1],
        Ablation.MEAN: clean[1].mean(0, keepdim=True),
        Ablation.ZERO: torch.zeros(1),
    }[ablation]

    def edit(z):
        keep = torch.arange(4)[:, None] != 2
        return torch.where(keep, z, resting)

    rows = torch.arange(4)
    values = [
        (logits[rows, batch.answer] - logits[rows, batch.wrong]).mean()
        for logits in (model.logits(batch.clean), model.run(batch.clean, Edits(heads={1: edit})))
    ]
    mine = next(f for f in found if (f.layer, f.head) == (1, 2))
    assert mine.lost == pytest.approx(1 - float(values[1] / values[0]), rel=1e-3)


def test_a_head_set_to_what_it_is_loses_nothing():
    model, batch = tiny_model("gpt2"), tiny_batch(prompts=3)
    same = replace(batch, corrupt=batch.clean)
    for effect in head_effects(model, same, Ablation.RESAMPLE):
        assert effect.lost == pytest.approx(0.0, abs=1e-5)


def test_preference_by_hand():
    """Answer at 1, wrong first at 2 and again at 3: only its first place counts."""
    batch = replace(
        tiny_batch(prompts=1, length=5),
        clean=torch.tensor([[1, 5, 6, 6, 9]]),
        answer=torch.tensor([5]),
        wrong=torch.tensor([6]),
    )
    pattern = torch.zeros(1, 1, 2, 5, 5)
    pattern[0, 0, 1, -1] = torch.tensor([0.1, 0.5, 0.2, 0.2, 0.0])
    assert preference(pattern, batch, [(0, 1)]) == pytest.approx(0.3)
    assert math.isnan(preference(pattern, batch, []))


def test_only_heads_under_a_mover_can_steer_it():
    model = tiny_model("gpt2")
    batch = tiny_batch(prompts=8)
    named = batch.clean.clone()
    named[:, 1], named[:, 2] = batch.answer, batch.wrong
    found = head_effects(model, replace(batch, clean=named), Ablation.RESAMPLE, [(1, 0)])
    assert any(abs(f.steers) > 1e-4 for f in found if f.layer == 0)
    assert [math.isnan(f.steers) for f in found] == 4 * [False] + 4 * [True]
