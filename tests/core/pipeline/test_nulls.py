"""Null runs: what is dealt anew stays where it has to, and moves."""

import pytest

from core.errors import TaskError
from core.pipeline.nulls import permuted, same_answer
from core.tasks import PromptPair, Split, Task
from tests.core.pipeline.parts import task_of


def test_permuted_answers_stay_in_their_split_and_move(tmp_path):
    task = task_of(pairs_per_split=12)
    dealt = permuted(task, tmp_path / "dealt.jsonl", seed=0)
    for split in Split:
        before = [task.pairs[i] for i in task.splits[split]]
        after = [dealt.pairs[i] for i in task.splits[split]]
        assert [p.clean for p in before] == [p.clean for p in after]
        assert sorted(p.answer for p in before) == sorted(p.answer for p in after)
        assert sum(b.answer != a.answer for b, a in zip(before, after, strict=True)) > 6


def sums(count=6):
    """Every split has each answer of a + b modulo `count` several times."""
    pairs, places = [], {split: [] for split in Split}
    for split in Split:
        for a in range(count):
            for b in range(count):
                places[split].append(len(pairs))
                pairs.append(
                    PromptPair(
                        clean=f"<bos> {split} w{a} w{b}", corrupt=f"<bos> {split} w{b} x",
                        answer=f"w{(a + b) % count}", wrong=f"w{(a + b + 1) % count}",
                    )
                )  # fmt: skip
    return Task(
        name="sums", title="Sums", pairs=tuple(pairs), gate=0.5, source="test",
        splits={split: tuple(ids) for split, ids in places.items()},
    )  # fmt: skip


def test_a_same_answer_corrupt_prompt_is_another_clean_one_of_the_split(tmp_path):
    task = sums()
    dealt = same_answer(task, tmp_path / "same.jsonl", 0, lambda text: len(text.split()))
    for split in Split:
        answer = {pair.clean: pair.answer for pair in task.of(split)}
        assert len(dealt.of(split)) == len(task.of(split))
        for pair in dealt.of(split):
            assert pair.corrupt != pair.clean
            assert answer[pair.corrupt] == pair.answer == answer[pair.clean]


def test_a_task_without_two_prompts_of_one_answer_has_no_such_null(tmp_path):
    with pytest.raises(TaskError, match="no two prompts with one answer"):
        same_answer(task_of(), tmp_path / "same.jsonl", 0, lambda text: len(text.split()))
