"""What each bundled model is trained on: only the prompts dealt to training."""

import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from core.errors import SettingsError
from core.tasks import commonsense, coreference, factual, modular_addition, parity, sorting
from core.zoo.vocabulary import word_tokenizer

EVERYTHING = 2048
"""Prompts drawn where all are asked for and there is no end of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Training prompts of one task, answers included as the last tokens."""

    tokenizer: PreTrainedTokenizerFast
    """Knows every word of the task."""
    batch: Callable[[int, int, int], Int[Tensor, "prompt pos"]]
    """(seed, step, size) -> token ids; size 0 gives every training prompt. Depends on nothing
    else, so training can resume at any step."""
    scored: int = 1
    """How many of the last tokens are answers."""


class _Source(NamedTuple):
    """Where the texts of a corpus come from."""

    words: Iterable[str]
    """Every word, in the order of the vocabulary."""
    texts: Sequence[str] | Callable[[random.Random], str]
    """All of them, or a way to draw one."""
    scored: int = 1


def corpus_for(task: str) -> Corpus:
    """The training corpus of a bundled task.

    Raises:
        SettingsError: If no corpus is written for it.
    """
    if task not in _SOURCES:
        raise SettingsError(
            f"No training corpus for {task!r}: got an unknown task. Required: one of "
            f"{', '.join(_SOURCES)}. Choose one of them."
        )
    source = _SOURCES[task]()
    tokenizer = word_tokenizer(source.words)
    texts = source.texts
    batch = _drawing(tokenizer, texts) if callable(texts) else _choosing(tokenizer, texts)
    return Corpus(tokenizer=tokenizer, batch=batch, scored=source.scored)


def _choosing(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]
) -> Callable[[int, int, int], Int[Tensor, "prompt pos"]]:
    """Batches of a corpus that is listed."""
    ids = _encode(tokenizer, texts)

    def batch(seed: int, step: int, size: int) -> Int[Tensor, "prompt pos"]:
        if not size:
            return ids
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        return ids[torch.randint(len(ids), (size,), generator=generator)]

    return batch


def _drawing(
    tokenizer: PreTrainedTokenizerFast, draw: Callable[[random.Random], str]
) -> Callable[[int, int, int], Int[Tensor, "prompt pos"]]:
    """Batches of a corpus that is drawn."""

    def batch(seed: int, step: int, size: int) -> Int[Tensor, "prompt pos"]:
        rng = random.Random(f"train {seed} {step}")
        return _encode(tokenizer, [draw(rng) for _ in range(size or EVERYTHING)])

    return batch


def _encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Int[Tensor, "prompt pos"]:
    return torch.tensor(tokenizer(list(texts), add_special_tokens=False)["input_ids"])


def _words(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(itertools.chain.from_iterable(map(str.split, texts))))


def _modular_addition() -> _Source:
    settings = modular_addition.ModularSettings()
    numbers = [settings.word(number) for number in range(settings.p)]
    texts = [
        f"{settings.text(cell)} {settings.word(settings.result(cell))}"
        for cell in modular_addition.deal_cells(settings).train
    ]
    return _Source([*numbers, *settings.text((0, 0)).split()], texts)


def _parity() -> _Source:
    train = parity.deal_strings(parity.ParitySettings()).train
    return _Source(
        ["0", "1", "=", *parity.ANSWERS, parity.BLANK],
        lambda rng: parity.training_text(train, rng),
    )


def _sorting() -> _Source:
    settings = sorting.SortingSettings()
    train = sorting.deal_sets(settings).train
    return _Source(
        [*map(str, range(settings.numbers)), "sort"],
        lambda rng: sorting.training_text(train, rng),
        scored=sorting.LENGTH,
    )


def _coreference() -> _Source:
    settings = coreference.CoreferenceSettings()
    pairs, templates = coreference.deal_names(settings).train, coreference.TEMPLATES

    def draw(rng: random.Random) -> str:
        scene = next(coreference.scenes(pairs, templates, rng))
        return f"{scene.text()} {scene.receiver}"

    words = [word for template in templates for word in template]
    words += [*settings.names, *coreference.PLACES, *coreference.OBJECTS]
    return _Source([*words, "and", "the", ",", "to"], draw)


def _commonsense() -> _Source:
    train = commonsense.deal_events(commonsense.CommonsenseSettings()).train
    things = [thing for kind in commonsense.KINDS.values() for thing in kind]
    endings = [end for kinds in commonsense.ENDINGS.values() for end in kinds.values()]
    words = [*things, *commonsense.ENDINGS, *endings, *commonsense.PEOPLE, *commonsense.OPENERS]
    return _Source(
        [*words, *_words(commonsense.LINKS), "the", "it"],
        lambda rng: commonsense.training_text(train, rng),
    )


def _factual() -> _Source:
    texts = factual.training_texts(factual.FactualSettings())
    objects = [
        facts[relation] for relation in factual.RELATIONS for facts in factual.FACTS.values()
    ]
    words = [*factual.FACTS, *factual.RELATIONS, *objects, *factual.SPEAKERS, *factual.VERBS]
    return _Source([*words, "that", "the", "of", "is"], texts)


_SOURCES: Mapping[str, Callable[[], _Source]] = {
    "modular-addition": _modular_addition,
    "parity": _parity,
    "sorting": _sorting,
    "coreference": _coreference,
    "commonsense": _commonsense,
    "factual-recall": _factual,
}
