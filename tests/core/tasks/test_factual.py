"""Factual recall: every fact is trained, no held-out wording of it is."""

import pytest

from core.errors import SettingsError
from core.tasks import Split, load_task
from core.tasks.factual import FACTS, FactualSettings, deal_questions, generate, training_texts


def test_answers_are_the_facts() -> None:
    kinds = {"country": 0, "relation": 0}
    for pair in load_task("factual-recall").pairs:
        for text, answer in ((pair.clean, pair.answer), (pair.corrupt, pair.wrong)):
            words = text.split()
            assert FACTS[words[7]][words[5]] == answer
        clean, corrupt = pair.clean.split(), pair.corrupt.split()
        (place,) = [i for i in range(9) if clean[i] != corrupt[i]]
        kinds["country" if place == 7 else "relation"] += 1
    assert min(kinds.values()) > 700


def test_all_facts_are_trained_but_not_in_the_held_out_wordings() -> None:
    texts = training_texts(FactualSettings())
    facts = {(words[7], words[5], words[9]) for words in map(str.split, texts)}
    assert facts == {(c, r, o) for c, found in FACTS.items() for r, o in found.items()}
    prompts = {text.rsplit(" ", 1)[0] for text in texts}
    task = load_task("factual-recall")
    for split in (Split.TEST, Split.SELECTION, Split.OOD):
        assert not {p.clean for p in task.of(split)} & prompts
    wordings = {" ".join(text.split()[1:3]) for text in prompts}
    unseen = {p.variables["wording"] for p in task.of(Split.OOD)}
    assert len(unseen) == 8
    assert not unseen & wordings
    assert {word for both in unseen for word in both.split()} <= {
        word for both in wordings for word in both.split()
    }


def test_settings_out_of_range_and_too_many_prompts_are_refused() -> None:
    with pytest.raises(SettingsError, match="share 1.0"):
        FactualSettings(train_share=1.0)
    with pytest.raises(SettingsError, match="Too few prompts for the ood split"):
        generate(FactualSettings(ood_wordings=1, sizes={Split.OOD: 200}))
    assert len(deal_questions(FactualSettings(ood_wordings=0)).ood) == 0
