"""The catalogue: every task, family and size once, named as the files are."""

import itertools

import pytest

from core.choices import BUNDLED_KINDS
from core.errors import SettingsError
from core.tasks.bundled import GENERATORS
from core.zoo import catalogue
from core.zoo.catalogue import MEMBERS, NOT_OFFERED, member_named


def test_every_task_family_and_size_is_offered_or_told_why_not() -> None:
    rows = {(m.task, m.family, m.size) for m in MEMBERS.values()}
    assert len(rows) == len(MEMBERS)
    every = itertools.product(GENERATORS, ("gpt2", "neox", "llama"), ("small", "base"))
    assert rows <= set(every)
    assert len(MEMBERS) + len(NOT_OFFERED) == 36


def test_names_of_models_and_circuits() -> None:
    small, base = member_named("gpt2-modadd"), member_named("neox-sorting-base")
    assert small.circuit("nested") == "modular-addition-gpt2"
    assert small.circuit("topk") == "modular-addition-gpt2-topk"
    assert base.circuit("nested") == "sorting-neox-base"
    names = [m.circuit(kind) for m in MEMBERS.values() for kind in BUNDLED_KINDS]
    assert len(set(names)) == len(names)


def test_what_a_model_has_of_its_own_goes_over_the_rule() -> None:
    own, rule = member_named("gpt2-coref").recipe, member_named("neox-coref").recipe
    assert (own.batch, own.settle, own.config["initializer_range"]) == (256, 0, 0.1)
    assert (rule.batch, rule.gate) == (128, 0.95)
    assert set(catalogue.TRAINING) | set(catalogue.DICTIONARIES) <= {*MEMBERS, *NOT_OFFERED}


def test_a_model_that_is_not_offered_is_refused_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError, match="Unknown model 'gpt5'"):
        member_named("gpt5")
    monkeypatch.setitem(NOT_OFFERED, "gpt2-chess", "accuracy 0.4 of 0.95.")
    with pytest.raises(SettingsError, match="It was tried: accuracy 0.4 of 0.95."):
        member_named("gpt2-chess")
