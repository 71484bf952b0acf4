"""Bundled tasks: shipped files equal their generators, and the splits keep their promises."""

from pathlib import Path

import pytest

from core.assets import TASKS
from core.errors import SettingsError
from core.tasks import Split, bundled_tasks, encode_pairs, load_task
from core.tasks.bundled import GENERATORS, write_task
from core.tasks.coreference import HELD_OUT_TEMPLATES, TEMPLATES, CoreferenceSettings, deal_names
from core.tasks.modular_addition import ModularSettings, deal_cells, generate
from core.zoo.corpus import corpus_for

LAST_OF = (Split.TEST, Split.SELECTION, Split.OOD)


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_shipped_files_equal_the_generator(name: str, tmp_path: Path) -> None:
    write_task(name, tmp_path)
    for suffix in (".json", ".jsonl"):
        shipped = (TASKS / f"{name}{suffix}").read_text(encoding="utf-8")
        assert shipped == (tmp_path / f"{name}{suffix}").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_bundled_tasks_load_encode_and_have_disjoint_splits(name: str) -> None:
    task = load_task(name)
    assert name in bundled_tasks()
    (batch,) = encode_pairs(task.pairs, corpus_for(name).tokenizer)
    assert batch.clean.shape[1] == len(task.roles)
    assert sorted(i for split in Split for i in task.splits[split]) == list(range(len(task.pairs)))
    texts = [{t for p in task.of(s) for t in (p.clean, p.corrupt)} for s in Split]
    assert len(set().union(*texts)) == sum(len(t) for t in texts)


def test_held_out_cells_are_untrained_by_unordered_pair() -> None:
    settings = ModularSettings()
    trained = {frozenset(cell) for cell in deal_cells(settings).train}
    task = load_task("modular-addition")
    for split in LAST_OF:
        cells = {frozenset((p.variables["a"], p.variables["b"])) for p in task.of(split)}
        assert not cells & trained
    assert all(min(p.variables["a"], p.variables["b"]) >= 47 for p in task.of(Split.OOD))


def test_corrupt_prompts_change_a_b_or_both() -> None:
    kinds = [0, 0, 0]
    for pair in load_task("modular-addition").of(Split.TEST):
        clean, corrupt = pair.clean.split(), pair.corrupt.split()
        changed = (clean[1] != corrupt[1]) + 2 * (clean[3] != corrupt[3])
        kinds[changed - 1] += 1
        assert (int(corrupt[1]) + int(corrupt[3])) % 59 == int(pair.wrong) != int(pair.answer)
    assert min(kinds) > 100


def test_another_modulus_operation_and_symbols() -> None:
    settings = ModularSettings(
        p=11, operation="subtract", prompt="<bos> {a} minus {b} is", symbols=tuple("abcdefghijk"),
        ood_from=8, sizes={Split.FEATURES: 20, Split.TEST: 10},
    )  # fmt: skip
    pairs = generate(settings)
    for pair in pairs:
        a, b = (pair.clean.split()[i] for i in (1, 3))
        assert "abcdefghijk".index(pair.answer) == (ord(a) - ord(b)) % 11
    assert sum(pair.split is Split.OOD for pair in pairs) == 9


def test_modular_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="out of range"):
        ModularSettings(p=3)
    with pytest.raises(SettingsError, match="must hold {a} and {b}"):
        ModularSettings(prompt="17 + 4 =")
    with pytest.raises(SettingsError, match="Required: 59"):
        ModularSettings(symbols=("a", "b"))
    with pytest.raises(SettingsError, match="Too few cells for the test split"):
        generate(ModularSettings(p=7, ood_from=6))
    with pytest.raises(SettingsError, match="all have one result"):
        generate(ModularSettings(p=11, ood_from=10, sizes={}))


def test_coreference_holds_out_name_pairs_and_templates() -> None:
    held_out = {frozenset(pair) for pair in deal_names(CoreferenceSettings()).held_out}
    task = load_task("coreference")
    for split in Split:
        people = {
            frozenset((p.variables["indirect_object"], p.variables["subject"]))
            for p in task.of(split)
        }
        assert people <= held_out if split in LAST_OF else not people & held_out
    unseen = {" ".join(template) for template in HELD_OUT_TEMPLATES}
    assert {p.variables["template"] for p in task.of(Split.OOD)} == unseen
    assert not unseen & {" ".join(template) for template in TEMPLATES}


def test_every_word_of_a_held_out_template_is_known_from_the_same_place() -> None:
    for template in HELD_OUT_TEMPLATES:
        for place, word in enumerate(template):
            assert word in {known[place] for known in TEMPLATES}


def test_coreference_corrupt_prompt_swaps_answer_and_actor() -> None:
    for pair in load_task("coreference").of(Split.TEST):
        clean, corrupt = pair.clean.split(), pair.corrupt.split()
        assert [i for i in range(15) if clean[i] != corrupt[i]] == [10]
        assert (clean[10], corrupt[10]) == (pair.wrong, pair.answer)


def test_unknown_bundled_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Unknown task"):
        write_task("chess", tmp_path)
    with pytest.raises(SettingsError, match="5 names"):
        CoreferenceSettings(names=("Mary", "John"))
