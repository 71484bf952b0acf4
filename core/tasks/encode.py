"""Turns prompt pairs into token ids.

1. Prompts are tokenised as written; no special token is added.
2. An answer is one token. Where the prompt ends in a word, or in a sign that stands alone, the
   answer would follow a space: that form is tried first, then the answer as written (and the other
   way round elsewhere). Both answers of a pair take the same form.
3. Pairs are grouped by length. Positions are compared from the right: aligned position = position
   + shift, where shift = longest length of the task - length of the batch.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from core.tasks.problems import Problems, Reason
from core.tasks.task import PromptPair, Task

REQUIRED = (
    "Required: clean and corrupt of one token length, every word known to the tokenizer, answer "
    "and wrong one token each and different. Correct or remove the prompts listed."
)
LACKING = "the tokenizer lacks {}"
"""What prompts and answers of many lines have in common."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptBatch:
    """Prompt pairs of one length, as token ids."""

    clean: Int[Tensor, "prompt pos"]
    """Token ids of the clean prompts."""
    corrupt: Int[Tensor, "prompt pos"]
    """Token ids of the corrupt prompts."""
    answer: Int[Tensor, " prompt"]
    """Vocabulary id of the clean prompt's right next token."""
    wrong: Int[Tensor, " prompt"]
    """Vocabulary id of the corrupt prompt's right next token."""
    index: Int[Tensor, " prompt"]
    """Where each pair was in the sequence given."""
    shift: int
    """Aligned position = position + shift."""

    def take(self, rows: Int[Tensor, " row"] | slice) -> "PromptBatch":
        """Some of the prompts; views where a slice is given."""
        return PromptBatch(
            clean=self.clean[rows],
            corrupt=self.corrupt[rows],
            answer=self.answer[rows],
            wrong=self.wrong[rows],
            index=self.index[rows],
            shift=self.shift,
        )

    def margin(
        self, logits: Float[Tensor, "*lead prompt d_vocab"]
    ) -> Float[Tensor, "*lead prompt"]:
        """logit(answer) − logit(wrong) of each prompt, from the logits at its end; differentiable.

        Args:
            logits: Of these prompts in this order; whatever runs there are stand before them.
        """
        rows = torch.arange(len(self.answer))
        return logits[..., rows, self.answer] - logits[..., rows, self.wrong]


class _Row(NamedTuple):
    clean: list[int]
    corrupt: list[int]
    answer: int
    wrong: int
    place: int


def encode_pairs(
    pairs: Sequence[PromptPair],
    tokenizer: PreTrainedTokenizerBase,
    longest: int | None = None,
) -> tuple[PromptBatch, ...]:
    """The pairs as batches of one prompt length each, shortest first.

    Args:
        pairs: In any order; `PromptBatch.index` points back into them.
        tokenizer: The model's tokenizer.
        longest: Longest prompt of the whole task in tokens (`longest_prompt`), so that every split
            aligns alike; the longest of these pairs if None.

    Raises:
        TaskError: If any pair breaks a rule; all of them are listed by line.
    """
    problems = Problems()
    rows: dict[int, list[_Row]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        unit, number = ("line", pair.line) if pair.line else ("pair", index + 1)
        row, reasons = _encode(pair, index, tokenizer)
        for reason in reasons:
            problems.add(unit, number, reason)
        rows[len(row.clean)].append(row)
    numbers = [pair.line or index + 1 for index, pair in enumerate(pairs)]
    problems.raise_if_any("Prompts do not fit the model's tokenizer", REQUIRED, numbers)
    length = longest or max(rows, default=0)
    return tuple(_batch(rows[size], length - size) for size in sorted(rows))


def longest_prompt(task: Task, tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens of the task's longest clean prompt: the number of aligned positions."""
    return max(len(_ids(pair.clean, tokenizer)) for pair in task.pairs)


def with_roles(task: Task, tokenizer: PreTrainedTokenizerBase) -> Task:
    """The task with a name for each aligned position.

    The token that all prompts share there, else the variable whose value stands there in every
    clean prompt, else `pos i`. What would name two positions is numbered: `the`, `the (2)`.
    """
    if task.roles:
        return task

    @cache
    def text_of(token: int) -> str:
        return str(tokenizer.decode([token])).strip()

    columns: dict[int, set[int]] = defaultdict(set)
    valued: dict[int, set[str]] = {}
    for pair in task.pairs:
        clean = _ids(pair.clean, tokenizer)[::-1]
        for ids in (clean, _ids(pair.corrupt, tokenizer)[::-1]):
            for back, token in enumerate(ids):
                columns[back].add(token)
        for back, token in enumerate(clean):
            here = _variables_with(pair, text_of(token))
            valued[back] = valued.get(back, here) & here
    length, declared = len(columns), list(task.pairs[0].variables) if task.pairs else []
    named = []
    for position in range(length):
        back = length - 1 - position
        shared = text_of(*columns[back]) if len(columns[back]) == 1 else ""
        variable = next((name for name in declared if name in valued[back]), "")
        named.append(shared or variable or f"pos {position}")
    return replace(task, roles=_numbered(named))


def _variables_with(pair: PromptPair, text: str) -> set[str]:
    """Names of the variables whose value this text is."""
    return {
        name
        for name, value in pair.variables.items()
        if text == (value if isinstance(value, str) else f"{value:g}")
    }


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """No name twice: `the`, `the (2)`."""
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        seen[name] += 1
        told.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(told)


def _ids(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))


def pair_problems(pair: PromptPair, tokenizer: PreTrainedTokenizerBase) -> list[Reason]:
    """What keeps a pair from being encoded; empty if nothing does."""
    return _encode(pair, 0, tokenizer)[1]


def _encode(
    pair: PromptPair, index: int, tokenizer: PreTrainedTokenizerBase
) -> tuple[_Row, list[Reason]]:
    """One pair's ids and what is wrong with it; the ids mean nothing if anything is."""
    clean, corrupt = _ids(pair.clean, tokenizer), _ids(pair.corrupt, tokenizer)
    reasons = _unknown({"clean": pair.clean, "corrupt": pair.corrupt}, tokenizer)
    if len(clean) != len(corrupt):
        lengths = f"{len(clean)} and {len(corrupt)} tokens"
        reasons.append(Reason("clean and corrupt differ in length: {}", (lengths,)))
    answer, wrong, bad = _answers(pair, tokenizer)
    return _Row(clean, corrupt, answer, wrong, index), [*reasons, *bad]


def _unknown(texts: dict[str, str], tokenizer: PreTrainedTokenizerBase) -> list[Reason]:
    """One reason for all prompts of a pair: mostly it is the same words."""
    words: dict[str, None] = {}
    fields: list[str] = []
    for field, text in texts.items():
        if not _knows(text, _ids(text, tokenizer), tokenizer):
            fields.append(field)
            words |= dict.fromkeys(
                w for w in text.split() if not _knows(w, _ids(w, tokenizer), tokenizer)
            )
    if not fields:
        return []
    holds = "hold" if len(fields) > 1 else "holds"
    form = f"{' and '.join(fields)} {holds} words the tokenizer does not know: {{}}"
    return [Reason(form, tuple(map(repr, words)) or ("none of them alone",), LACKING)]


def _knows(text: str, ids: list[int], tokenizer: PreTrainedTokenizerBase) -> bool:
    """Counts against the text: some tokenizers use one token for `unknown` and for `start`."""
    unknown = tokenizer.unk_token_id
    if not isinstance(unknown, int):
        return bool(ids) or not text
    return ids.count(unknown) <= text.count(str(tokenizer.unk_token))


def _answers(pair: PromptPair, tokenizer: PreTrainedTokenizerBase) -> tuple[int, int, list[Reason]]:
    """Ids of answer and wrong, and what is wrong with them."""
    if pair.answer_id is not None and pair.wrong_id is not None:
        size = len(tokenizer)
        bad = [i for i in (pair.answer_id, pair.wrong_id) if not 0 <= i < size]
        form = f"token id {{}} is not below the vocabulary's {size}"
        reasons = [Reason(form, (str(i),)) for i in bad]
        return pair.answer_id, pair.wrong_id, reasons
    forms = ("{}", " {}") if not _follows_space(pair.clean) else (" {}", "{}")
    for form in forms:
        answer, wrong = (_ids(form.format(t), tokenizer) for t in (pair.answer, pair.wrong))
        if len(answer) == len(wrong) == 1 and not (
            _answer_reasons(pair.answer, tokenizer) or _answer_reasons(pair.wrong, tokenizer)
        ):
            same = Reason("answer and wrong are the same token {}", (str(answer[0]),))
            return answer[0], wrong[0], [same] if answer == wrong else []
    reasons = [
        Reason(f"{field} {reason.form}", reason.values, reason.rule)
        for field, text in (("answer", pair.answer), ("wrong", pair.wrong))
        for reason in _answer_reasons(text, tokenizer)
    ]
    return 0, 0, reasons or [Reason("answer and wrong are one token only in different forms")]


def _answer_reasons(text: str, tokenizer: PreTrainedTokenizerBase) -> list[Reason]:
    """Why this text is a token in neither form; empty if it is one in some form."""
    if not _knows(text, _ids(text, tokenizer), tokenizer):
        return [Reason("{} is not in the vocabulary", (repr(text),), LACKING)]
    counts = [_ids(form, tokenizer) for form in (text, f" {text}")]
    if any(len(ids) == 1 for ids in counts):
        return []
    tokens = f"{text!r} ({len(counts[0])} tokens)"
    return [Reason("is not one token: {}", (tokens,))]


def _follows_space(prompt: str) -> bool:
    """Whether a next word would be set off by a space: after a word, or a sign standing alone."""
    if prompt != prompt.rstrip() or not prompt:
        return False
    last = prompt.split()[-1]
    alone = not any(c.isalnum() for c in last) and last[-1] not in "([{\"'`“‘«"
    return last[-1].isalnum() or (alone and " " in prompt)


def _batch(rows: list[_Row], shift: int) -> PromptBatch:
    return PromptBatch(
        clean=torch.tensor([row.clean for row in rows]),
        corrupt=torch.tensor([row.corrupt for row in rows]),
        answer=torch.tensor([row.answer for row in rows]),
        wrong=torch.tensor([row.wrong for row in rows]),
        index=torch.tensor([row.place for row in rows]),
        shift=shift,
    )
