"""Writes the bundled tasks: `NAME.jsonl` (the pairs) and `NAME.json` (what they are)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingsError
from core.tasks import commonsense, coreference, factual, modular_addition, parity, sorting
from core.tasks.task import PromptPair
from core.tasks.write import jsonl

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
    "parity": Generator(
        title="Parity",
        description=(
            "Whether the number of ones among ten bits is even or odd. Strings are dealt in "
            "couples that differ in one bit, each the other's corrupt prompt. The test and "
            "selection splits hold only strings that the bundled models were never trained on; "
            "the out-of-distribution split holds the strings that begin with four ones, never "
            "trained on."
        ),
        roles=parity.ParitySettings().roles,
        gate=0.98,
        pairs=lambda seed: parity.generate(parity.ParitySettings(seed=seed)),
    ),
    "sorting": Generator(
        title="Sorting",
        description=(
            "Four different numbers of 0 to 19 and the two least of them in order: which comes "
            "next? The corrupt prompt is another set of the same split, half the time with the "
            "same two least numbers in the same places. The test and selection splits hold only "
            "sets that the bundled models were never trained on; the out-of-distribution split "
            "holds sets within seven neighbouring numbers, never trained on."
        ),
        roles=sorting.ROLES,
        gate=0.98,
        pairs=lambda seed: sorting.generate(sorting.SortingSettings(seed=seed)),
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
    "commonsense": Generator(
        title="Commonsense completion",
        description=(
            "What typically happens next, in a closed world of 48 things of eight kinds and six "
            "acts. The corrupt prompt changes the thing or the act. The test and selection splits "
            "hold different events (thing and act) that the bundled models were never trained on; "
            "the out-of-distribution split tells the events of the test split in frames that were "
            "never trained on."
        ),
        roles=commonsense.ROLES,
        gate=0.95,
        pairs=lambda seed: commonsense.generate(commonsense.CommonsenseSettings(seed=seed)),
    ),
    "factual-recall": Generator(
        title="Factual recall",
        description=(
            "Capital, language, currency or continent of 40 countries, in 48 wordings. The corrupt "
            "prompt asks the same of another country, or something else of the same one. All facts "
            "are trained; the test and selection splits hold facts in wordings that the bundled "
            "models never had them in, the out-of-distribution split wordings never trained on."
        ),
        roles=factual.ROLES,
        gate=0.95,
        pairs=lambda seed: factual.generate(factual.FactualSettings(seed=seed)),
    ),
}


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
