"""Encoding: ids worked by hand, right alignment, and every refusal."""

from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

from core.errors import TaskError
from core.tasks import PromptPair, Split, Task, encode_pairs, longest_prompt, with_roles
from core.zoo.vocabulary import word_tokenizer

WORDS = word_tokenizer("1 2 3 4 + =".split())  # noqa: SIM905
PAIR = PromptPair(clean="<bos> 1 + 2 =", corrupt="<bos> 1 + 3 =", answer="3", wrong="4")
SHORT = PromptPair(clean="1 =", corrupt="2 =", answer="1", wrong="2")


def spaced_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level like GPT-2's: `a`, ` a`, `b`, ` b`, `to`, `=` are tokens, ` =` is two."""
    words = ["a", "b", "t", "o", "=", "Ġ", "Ġa", "Ġb", "to"]
    merges = [("Ġ", "a"), ("Ġ", "b"), ("t", "o")]
    backend = Tokenizer(BPE({word: i for i, word in enumerate(words)}, merges))
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=backend)


def test_ids_by_hand() -> None:
    (batch,) = encode_pairs([PAIR], WORDS)
    assert batch.clean.tolist() == [[1, 3, 7, 4, 8]]
    assert batch.corrupt.tolist() == [[1, 3, 7, 5, 8]]
    assert (batch.answer.tolist(), batch.wrong.tolist(), batch.shift) == ([5], [6], 0)


def test_groups_by_length_and_aligns_at_the_right() -> None:
    short, long = encode_pairs([PAIR, SHORT, PAIR], WORDS)
    assert (short.shift, short.index.tolist()) == (3, [1])
    assert (long.shift, long.index.tolist()) == (0, [0, 2])
    assert encode_pairs([SHORT], WORDS, longest=5)[0].shift == 3
    assert encode_pairs([], WORDS) == ()


def test_roles_name_shared_tokens_and_number_the_others() -> None:
    task = Task(name="t", title="t", pairs=(PAIR,), splits={Split.TEST: (0,)}, gate=0.9, source="t")
    assert longest_prompt(task, WORDS) == 5
    assert with_roles(task, WORDS).roles == ("<bos>", "1", "+", "pos 3", "=")
    assert with_roles(replace(task, roles=("a",)), WORDS).roles == ("a",)


def test_lists_every_pair_that_does_not_fit() -> None:
    bad = [
        PAIR,
        replace(PAIR, corrupt="<bos> 1 + 2 + 3 ="),
        replace(PAIR, answer="9"),
        replace(PAIR, answer="1 2"),
        replace(PAIR, clean="<bos> 7 + 8 ="),
        replace(PAIR, answer_id=5, wrong_id=99),
    ]
    with pytest.raises(TaskError) as caught:
        encode_pairs(bad, WORDS)
    lines = [line.strip() for line in str(caught.value).splitlines()[1:-1]]
    assert lines == [
        "pair 2: clean and corrupt differ in length: 5 and 7 tokens",
        "pair 3: answer '9' is not in the vocabulary",
        "pair 4: answer is not one token: '1 2' (2 tokens)",
        "pair 5: clean holds words the tokenizer does not know: '7', '8'",
        "pair 6: token id 99 is not below the vocabulary's 9",
    ]


def test_uses_line_numbers_where_pairs_come_from_a_file() -> None:
    with pytest.raises(TaskError, match="line 41: answer 'x'"):
        encode_pairs([replace(PAIR, answer="x", line=41)], WORDS)


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [("a to", 6), ("a =", 6), ("a=", 0), ("a to ", 0)],
    ids=["after a word", "after a lone sign", "after a joined sign", "after a space"],
)
def test_answer_takes_a_space_where_the_next_word_would(prompt: str, answer: int) -> None:
    pair = PromptPair(clean=prompt, corrupt=prompt.replace("a", "b"), answer="a", wrong="b")
    (batch,) = encode_pairs([pair], spaced_tokenizer())
    assert (batch.answer.item(), batch.wrong.item()) == (answer, answer + 1)


def test_answer_falls_back_to_the_form_that_is_one_token() -> None:
    pair = PromptPair(clean="a to", corrupt="b to", answer="to", wrong="=")
    (batch,) = encode_pairs([pair], spaced_tokenizer())
    assert (batch.answer.item(), batch.wrong.item()) == (8, 4)


def test_ids_given_by_the_file_are_used_as_they_are() -> None:
    (batch,) = encode_pairs([replace(PAIR, answer="?", answer_id=3, wrong_id=4)], WORDS)
    assert (batch.answer.item(), batch.wrong.item()) == (3, 4)


@pytest.mark.parametrize("rows", [torch.tensor([0, 2]), slice(None, None, 2)])
def test_some_rows_of_a_batch_keep_every_column_and_its_place(rows) -> None:
    pairs = [PAIR, replace(PAIR, clean="<bos> 2 + 2 =", answer="4", wrong="3"), PAIR]
    (batch,) = encode_pairs(pairs, WORDS, longest=7)
    some = batch.take(rows)
    assert some.index.tolist() == [0, 2]
    assert some.clean.tolist() == batch.clean[[0, 2]].tolist()
    assert some.corrupt.tolist() == batch.corrupt[[0, 2]].tolist()
    assert (some.answer.tolist(), some.wrong.tolist(), some.shift) == ([5, 5], [6, 6], 2)


def test_the_margin_is_what_the_answer_has_over_the_wrong_one_in_every_run() -> None:
    (batch,) = encode_pairs([PAIR, PAIR], WORDS)
    batch = replace(batch, answer=torch.tensor([0, 2]), wrong=torch.tensor([1, 0]))
    logits = torch.tensor([[[5.0, 3.0, 0.0], [1.0, 0.0, 4.0]], [[0.0, 7.0, 0.0], [2.0, 0.0, 2.0]]])
    assert batch.margin(logits).tolist() == [[2.0, 3.0], [-7.0, 0.0]]
    assert batch.margin(logits[0]).tolist() == [2.0, 3.0]
    assert batch.margin(logits[None]).shape == (1, 2, 2)


def test_a_position_is_called_by_its_token_its_variable_or_its_number() -> None:
    """By hand: `<bos> a + b =` with a and b declared; prompts of two lengths align at the right."""

    def pair(a: int, b: int, sign: str = "+") -> PromptPair:
        clean, corrupt = f"<bos> {a} {sign} {b} =", f"<bos> {b} {sign} {a} ="
        values = {"a": a, "first": str(a), "b": float(b)}
        return replace(PAIR, clean=clean, corrupt=corrupt, variables=values)

    pairs = (pair(1, 2), pair(3, 4), pair(2, 1))
    assert with_roles(task_of(pairs), WORDS).roles == ("<bos>", "a", "+", "b", "=")
    other = (*pairs, replace(pair(1, 3), variables={"a": 1}))
    assert with_roles(task_of(other), WORDS).roles == ("<bos>", "a", "+", "pos 3", "=")
    longer = replace(pair(1, 2), clean="<bos> + 1 + 2 =", corrupt="<bos> + 2 + 1 =")
    roles = with_roles(task_of((*pairs, longer)), WORDS).roles
    assert roles == ("<bos>", "pos 1", "a", "+", "b", "=")
    twice = replace(PAIR, clean="<bos> + + 1 =", corrupt="<bos> + + 2 =")
    assert with_roles(task_of((twice,)), WORDS).roles[:3] == ("<bos>", "+", "+ (2)")


def task_of(pairs: tuple[PromptPair, ...]) -> Task:
    return Task(name="t", title="T", pairs=pairs, splits={}, gate=0.9, source="test")
