"""Runs that must not validate.

*untrained*: the same architecture with weights drawn anew; its transcoders are trained on it, its
graph is as large and its circuit is searched as hard as a real one's. *permuted-answers*: the real
model, each prompt's answer dealt to another prompt. Either way there is no behaviour to explain,
and a pipeline that validates a circuit there validates anything.
"""

import json
from pathlib import Path

import torch

from core.models import LanguageModel, load_model
from core.store import write_whole
from core.tasks import Split, Task, load_task


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
    lines = []
    for split in Split:
        pairs = task.of(split)
        order = torch.randperm(len(pairs), generator=generator).tolist()
        for pair, other in zip(pairs, (pairs[i] for i in order), strict=True):
            line = {"clean": pair.clean, "corrupt": pair.corrupt, "answer": other.answer}
            line |= {"wrong": other.wrong, "variables": dict(pair.variables)}
            lines.append(json.dumps(line | {"split": split.value}, ensure_ascii=False))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, ("\n".join(lines) + "\n").encode())
    return load_task(file)
