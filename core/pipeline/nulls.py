"""Runs that must not validate.

Two are stopped at the gate, for there is no behaviour to explain. *untrained*: the same
architecture with weights drawn anew; its transcoders are trained on it, its graph is as large and
its circuit is searched as hard as a real one's. *permuted-answers*: the real model, each prompt's
answer dealt to another prompt. The verdict says what else would have stopped them.

Two pass the gate, since model and answers are the real ones, and must be stopped by what is
measured of the circuit. *same-answer*: each corrupt prompt is exchanged for another prompt with the
same answer, so that ablating by resampling leaves the behaviour as it was and there is no span to
be faithful to; a pipeline that still gives an F there divides noise by noise. *shuffled-features*:
a real search, then each of its features is exchanged for a random one of the same layer and
position; a pipeline that validates that circuit would validate any circuit at the right places.

Tried and not kept, on modular addition, since they are no nulls. A circuit that was searched with
permuted answers holds for the true ones (65 nodes, F 0.94 resample, 0.96 mean): the search looks at
the model's own output, not at the labels. Encoders turned by a random rotation, with a decoder
fitted to them by least squares, reconstruct as well (FVU 0.005 and 0.04) and hold in part (347
nodes, F 0.88 and 0.92, p 0.0099): a circuit says where information runs, and only its size that
these directions are better ones.

The first three change what a search is given, and are made here, before it; the last changes what
it found (`finding.shuffled`).
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from core.errors import TaskError
from core.models import LanguageModel, load_model
from core.store import write_whole
from core.tasks import PromptPair, Split, Task, load_task
from core.tasks.write import jsonl


def untrained(model: LanguageModel, folder: Path, seed: int) -> LanguageModel:
    """The model with fresh weights, saved to `folder` so that its circuit can be opened."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = type(model.hf)(model.hf.config)
    fresh.save_pretrained(str(folder))
    model.tokenizer.save_pretrained(folder)
    return load_model(folder)


def permuted(task: Task, file: Path, seed: int) -> Task:
    """The task with each split's (answer, wrong) pairs dealt anew, written to `file` and read."""
    generator = torch.Generator().manual_seed(seed)
    dealt = {}
    for split in Split:
        pairs = task.of(split)
        order = torch.randperm(len(pairs), generator=generator).tolist()
        dealt[split] = [
            replace(pair, answer=pairs[i].answer, wrong=pairs[i].wrong)
            for pair, i in zip(pairs, order, strict=True)
        ]
    return _written(dealt, file)


def same_answer(task: Task, file: Path, seed: int, length: Callable[[str], int]) -> Task:
    """The task with corrupt prompts that have the clean ones' answer, written and read.

    Args:
        task: The real one.
        file: Where the other one is kept.
        seed: Chooses among the prompts of one answer.
        length: Tokens of a text; a corrupt prompt has as many as its clean one.

    Raises:
        TaskError: If a split has no two prompts of one answer and length.
    """
    draw = random.Random(f"same answer {seed}")
    dealt = {split: _same_answer(task.of(split), draw, length) for split in Split}
    empty = [split.value for split in Split if task.of(split) and not dealt[split]]
    if empty:
        raise TaskError(
            f"There is no same-answer null of task {task.name}: got no two prompts with one answer "
            f"and one length in {', '.join(empty)}. Required: two in every split. Take another "
            "null, or add prompts."
        )
    return _written(dealt, file)


def _same_answer(
    pairs: Sequence[PromptPair], draw: random.Random, length: Callable[[str], int]
) -> list[PromptPair]:
    """Pairs for which the split has another clean prompt of the same answer and length."""
    alike: dict[tuple[str, int], dict[str, None]] = defaultdict(dict)
    for pair in pairs:
        alike[pair.answer, length(pair.clean)][pair.clean] = None
    found = []
    for pair in pairs:
        others = [text for text in alike[pair.answer, length(pair.clean)] if text != pair.clean]
        if others:
            found.append(replace(pair, corrupt=draw.choice(others)))
    return found


def _written(dealt: Mapping[Split, Sequence[PromptPair]], file: Path) -> Task:
    """The task with these pairs, each in its split, written to `file` and read."""
    pairs = [replace(pair, split=split) for split, own in dealt.items() for pair in own]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, jsonl(pairs).encode())
    return load_task(file)
