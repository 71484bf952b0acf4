"""What each bundled model is trained on: only the cells and name pairs dealt to training."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from core.errors import SettingsError
from core.tasks import coreference, modular_addition
from core.zoo.vocabulary import word_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Training prompts of one task, answers included as the last token."""

    tokenizer: PreTrainedTokenizerFast
    """Knows every word of the task."""
    batch: Callable[[int, int, int], Int[Tensor, "prompt pos"]]
    """(seed, step, size) -> token ids; size 0 gives every training prompt. Depends on nothing
    else, so training can resume at any step."""


def corpus_for(task: str) -> Corpus:
    """The training corpus of a bundled task.

    Raises:
        SettingsError: If no corpus is written for it.
    """
    makers = {"modular-addition": _modular_addition, "coreference": _coreference}
    if task not in makers:
        raise SettingsError(
            f"No training corpus for {task!r}: got an unknown task. Required: one of "
            f"{', '.join(makers)}. Choose one of them."
        )
    return makers[task]()


def _modular_addition() -> Corpus:
    settings = modular_addition.ModularSettings()
    numbers = [settings.word(number) for number in range(settings.p)]
    tokenizer = word_tokenizer((*numbers, *settings.text((0, 0)).split()))
    texts = [
        f"{settings.text(cell)} {settings.word(settings.result(cell))}"
        for cell in modular_addition.deal_cells(settings).train
    ]
    ids = _encode(tokenizer, texts)

    def batch(seed: int, step: int, size: int) -> Int[Tensor, "prompt pos"]:
        if not size:
            return ids
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        return ids[torch.randint(len(ids), (size,), generator=generator)]

    return Corpus(tokenizer=tokenizer, batch=batch)


def _coreference() -> Corpus:
    settings = coreference.CoreferenceSettings()
    pairs = coreference.deal_names(settings).train
    templates = coreference.TEMPLATES
    words = [word for template in templates for word in template]
    words += [
        *settings.names,
        *coreference.PLACES,
        *coreference.OBJECTS,
        *["and", "the", ",", "to"],
    ]
    tokenizer = word_tokenizer(words)

    def batch(seed: int, step: int, size: int) -> Int[Tensor, "prompt pos"]:
        source = coreference.scenes(pairs, templates, random.Random(f"train {seed} {step}"))
        drawn = [next(source) for _ in range(size or 2048)]
        return _encode(tokenizer, [f"{scene.text()} {scene.receiver}" for scene in drawn])

    return Corpus(tokenizer=tokenizer, batch=batch)


def _encode(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Int[Tensor, "prompt pos"]:
    return torch.tensor(tokenizer(texts, add_special_tokens=False)["input_ids"])
