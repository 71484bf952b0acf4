"""Makes the models that come with the program: `python -m core.zoo train NAME`.

1. The model is trained on its task's own corpus; run again after a stop, it resumes.
2. Its weights are stored at the precision of its recipe, with the corpus's tokenizer.
3. Its card is measured from what was stored, and refuses a model that misses the task's gate.
"""

from dataclasses import replace
from pathlib import Path

import torch

from core.assets import MODELS
from core.models import load_model
from core.tasks import Split, load_task
from core.zoo.card import judge_on, write_card
from core.zoo.catalogue import member_named
from core.zoo.corpus import corpus_for
from core.zoo.train import train


def make(name: str, out: Path | None = None, seed: int | None = None) -> Path:
    """Train one model, or continue it, and write its folder with a card.

    Args:
        name: Of the catalogue.
        out: Folder to write; assets/models/NAME if None.
        seed: Of initial weights and batches; the recipe's own if None.
    """
    torch.set_num_threads(1)  # These models are too small to gain from more.
    recipe = member_named(name).recipe
    recipe = recipe if seed is None else replace(recipe, seed=seed)
    folder = out or MODELS / name
    checkpoint = folder.with_name(f"{folder.name}.s{recipe.seed}.checkpoint")
    corpus, task = corpus_for(recipe.task), load_task(recipe.task)
    judge = judge_on(task, Split.SELECTION, corpus.tokenizer)
    hf = train(recipe, corpus, checkpoint, judge)
    hf.to(getattr(torch, recipe.stored)).save_pretrained(folder)
    corpus.tokenizer.save_pretrained(folder)
    checkpoint.unlink()  # before the gate: what fails there is trained anew, not longer
    write_card(folder, load_model(folder), task, recipe)
    return folder
