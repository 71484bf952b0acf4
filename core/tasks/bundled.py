"""Writes the bundled tasks: `NAME.jsonl` (the pairs) and `NAME.json` (what they are)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingsError
from core.tasks import coreference, modular_addition
from core.tasks.task import PromptPair

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """How one bundled task is made."""

    title: str
    """Name for people."""
    description: str
    """What the task is and how its prompts are drawn."""
    roles: tuple[str, ...]
    """Name of each position."""
    gate: float
    """Least accuracy of a model explained on it, in [0, 1]."""
    pairs: Callable[[int], tuple[PromptPair, ...]]
    """Seed -> prompt pairs."""


GENERATORS: Mapping[str, Generator] = {
    "modular-addition": Generator(
        title="Modular addition",
        description=(
            "a + b modulo 59. Cells are dealt by unordered pair {a, b}. The test and selection "
            "splits hold only cells that the bundled models were never trained on; the other "
            "discovery splits mix trained and untrained cells; the out-of-distribution split is "
            "the block with both operands at 47 or above, never trained on. The corrupt prompt is "
            "another cell of the same split: a, b or both changed."
        ),
        roles=modular_addition.ROLES,
        gate=0.98,
        pairs=lambda seed: modular_addition.generate(modular_addition.ModularSettings(seed=seed)),
    ),
    "coreference": Generator(
        title="Coreference (indirect object)",
        description=(
            "Two people are named, one of them acts, and the other receives the object. Sentences "
            "of 15 tokens from 12 templates, each name order half the time. The corrupt prompt "
            "lets the other person act. The test and selection splits hold only pairs of names "
            "that the bundled models never saw together; the out-of-distribution split has such "
            "pairs in four templates that were never trained on."
        ),
        roles=coreference.ROLES,
        gate=0.95,
        pairs=lambda seed: coreference.generate(coreference.CoreferenceSettings(seed=seed)),
    ),
}


def jsonl(pairs: tuple[PromptPair, ...]) -> str:
    """The pairs as task.jsonl text."""
    return "".join(f"{_line(pair)}\n" for pair in pairs)


def write_task(name: str, folder: Path, seed: int = 0) -> None:
    """Generates a bundled task and writes its two files into `folder`.

    Raises:
        SettingsError: If no task of that name is generated here.
    """
    if name not in GENERATORS:
        raise SettingsError(
            f"Unknown task {name!r}: got a name with no generator. Required: one of "
            f"{', '.join(GENERATORS)}. Choose one of them."
        )
    generator = GENERATORS[name]
    about = {
        "schema": SCHEMA,
        "name": name,
        "title": generator.title,
        "description": generator.description,
        "roles": list(generator.roles),
        "gate": generator.gate,
        "seed": seed,
        "command": f"python -m core.zoo task {name} --seed {seed}",
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_text(jsonl(generator.pairs(seed)), encoding="utf-8")
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def _line(pair: PromptPair) -> str:
    row = {
        "clean": pair.clean,
        "corrupt": pair.corrupt,
        "answer": pair.answer,
        "wrong": pair.wrong,
        "variables": dict(pair.variables),
        "split": pair.split,
    }
    return json.dumps(row, ensure_ascii=False)
