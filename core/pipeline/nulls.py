"""Runs that must not validate.

*untrained*: the same architecture with weights drawn anew; its transcoders are trained on it, its
graph is as large and its circuit is searched as hard as a real one's. *permuted-answers*: the real
model, each prompt's answer dealt to another prompt. Either way there is no behaviour to explain,
and a pipeline that validates a circuit there validates anything.
"""

from pathlib import Path

import torch

from core.models import LanguageModel, load_model
from core.tasks import Split, Task


def untrained(model: LanguageModel, folder: Path, seed: int) -> LanguageModel:
    """The model with fresh weights, saved to `folder` so that its circuit can be opened."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = type(model.hf)(model.hf.config)
    fresh.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return load_model(folder)


def permuted(task: Task, seed: int) -> Task:
    """The task with each split's (answer, wrong) pairs dealt anew among its prompts."""
    from dataclasses import replace

    generator = torch.Generator().manual_seed(seed)
    pairs = list(task.pairs)
    for split in Split:
        places = list(task.splits.get(split, ()))
        order = torch.randperm(len(places), generator=generator).tolist()
        for place, other in zip(places, (places[i] for i in order), strict=True):
            given = task.pairs[other]
            pairs[place] = replace(
                task.pairs[place],
                answer=given.answer,
                wrong=given.wrong,
                answer_id=given.answer_id,
                wrong_id=given.wrong_id,
            )
    return replace(task, name=f"{task.name}-permuted", pairs=tuple(pairs))
