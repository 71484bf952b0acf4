"""Twins: bundled circuits found once more from another seed, the ceiling of any transfer.

A twin of `gpt2-parity`, whose bundled circuit is `parity-gpt2` of 40 nodes, is made in DIR by

    python -m core.zoo train gpt2-parity --seed 1 --out DIR/models/gpt2-parity
    # the bundled dictionary's recipe with seed 1, on these weights; no command does that, as
    # `python -m core.zoo transcoders --seed 1` trains on the bundled ones:
    # core.zoo.dictionaries.make -> DIR/models/gpt2-parity/nested
    python -m core run --model DIR/models/gpt2-parity --task parity --seed 1 --size 40 \\
        --transcoders DIR/models/gpt2-parity/nested --store DIR/store --out DIR/parity-gpt2

What is there is left alone, and a training that was stopped goes on, so the same line can be given
again after a stop. With `Reseeded.DICTIONARY` the weights stay the bundled ones: only dictionary
and search begin elsewhere. That is an easier ceiling, and the table says which it is.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from bundled import Stored

from core.zoo import dictionaries

SEED = 1
"""Of a twin; bundled circuits have 0."""
CARD, RECORD = "card.json", "provenance.json"
"""Written last: a model, and a circuit, that has it is finished."""


class Reseeded(StrEnum):
    """What begins elsewhere than in the bundled circuit."""

    WEIGHTS = "weights"
    """The model's training, and with it the dictionary and the search."""
    DICTIONARY = "dictionary"
    """The dictionary and the search; the weights are the bundled ones."""


def reseeded(one: Stored, twin: Stored) -> Reseeded:
    """Which kind of twin a circuit is."""
    same = one.provenance["model"]["key"] == twin.provenance["model"]["key"]
    return Reseeded.DICTIONARY if same else Reseeded.WEIGHTS


def make_twin(one: Stored, folder: Path, what: Reseeded) -> Path | None:
    """Makes what is missing of a circuit's twin.

    Args:
        one: The bundled circuit, of features alone.
        folder: DIR above.
        what: Begins elsewhere.

    Returns:
        The twin's folder; None where a step refused, which has then said why: a model trained from
        another seed may miss its gate.
    """
    out, model = folder.resolve() / one.name, one.model
    if (out / RECORD).is_file():
        return out
    if what is Reseeded.WEIGHTS:
        weights = folder.resolve() / "models" / model
        if not _trained(model, weights):
            return None
        model = str(weights)
    recipe = dictionaries.chosen(one.model, one.variant)[0]
    settings = replace(recipe.settings, seed=SEED)
    # A model's folder is absolute, so that its dictionary lands in it, not under `transcoders`.
    coders = dictionaries.make(
        replace(recipe, model=model, settings=settings), folder.resolve() / "transcoders"
    )
    size = one.provenance["size"]["got"]
    done = _ran([
        *("-m", "core", "run", "--model", model, "--task", one.task, "--seed", str(SEED)),
        *("--size", str(size), "--transcoders", str(coders)),
        *("--store", str(folder.resolve() / "store"), "--out", str(out)),
    ])  # fmt: skip
    return out if done else None


def _trained(model: str, out: Path) -> bool:
    """Trains a model from the twins' seed; one that missed its gate is not trained once more."""
    if (out / CARD).is_file():
        return True
    finished = any(out.glob("*.safetensors"))
    seeded = () if finished else ("--seed", str(SEED))
    return _ran(["-m", "core.zoo", "card" if finished else "train", model, *seeded, "--out", out])


def _ran(arguments: Sequence[str | Path]) -> bool:
    """Runs a command of ours, which shows itself first."""
    command = [str(part) for part in arguments]
    print("$ python", *command, flush=True)
    return subprocess.run([sys.executable, *command], check=False).returncode == 0
