"""`hagd rebuild`: makes again what comes with the program, from scripts and seeds alone.

Five steps, each from the one before it:

1. tasks: prompts from their generators          (`core.tasks.bundled`)
2. models: trained on them, with their cards     (`python -m core.zoo train NAME`)
3. transcoders: nested and TopK of each model    (`python -m core.transcoders.bundled`)
4. circuits: the whole pipeline on each          (`python -m core.pipeline.bundled NAME`)
5. nulls: the same, which must not validate      (likewise)

What is there is left alone, and what was cut short resumes: delete a folder to have it made again,
and run the same line after a stop. Everything is in `assets/`; the dictionaries' reports and the
circuits' provenance say how long each took.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from core.cli.options import Json
from core.cli.output import emit, stderr, table


class Step(StrEnum):
    """What can be made again, in order."""

    TASKS = "tasks"
    MODELS = "models"
    TRANSCODERS = "transcoders"
    CIRCUITS = "circuits"
    NULLS = "nulls"


class Piece(NamedTuple):
    """One bundled thing."""

    step: Step
    name: str
    sign: Path
    """Its file that is written last: where it is, the piece is whole."""
    make: Callable[[], object]


Only = Annotated[
    list[Step] | None,
    typer.Option("--only", help="Only this step. Repeat it for several; the order is kept."),
]
Show = Annotated[
    bool, typer.Option("--list", help="Only say what is there and what would be made.")
]


def command(only: Only = None, show: Show = False, as_json: Json = False) -> None:
    """Make what is missing of the bundled tasks, models, transcoders, circuits and nulls."""
    rows = []
    for piece in pieces():
        if only and piece.step not in only:
            continue
        there = piece.sign.is_file()
        if not there and not show:
            stderr().print(f"making {piece.step.value} {piece.name}", markup=False)
            piece.make()
        state = "there" if there else "missing" if show else "made"
        rows.append({"step": piece.step.value, "name": piece.name, "state": state})
    columns = ("step", "name", "state")
    emit(rows, as_json, lambda: table(columns, ([row[name] for name in columns] for row in rows)))


def pieces() -> Iterator[Piece]:
    """All that is bundled, each after what it is made from."""
    yield from _tasks()
    yield from _models()
    yield from _transcoders()
    yield from _circuits()


def _tasks() -> Iterator[Piece]:
    from core.assets import TASKS
    from core.tasks.bundled import GENERATORS, write_task

    for name in GENERATORS:
        yield Piece(
            Step.TASKS, name, TASKS / f"{name}.json", lambda name=name: write_task(name, TASKS)
        )


def _models() -> Iterator[Piece]:
    from core.assets import MODELS
    from core.zoo.__main__ import train
    from core.zoo.catalogue import MEMBERS

    for name in MEMBERS:
        yield Piece(
            Step.MODELS,
            name,
            MODELS / name / "card.json",
            lambda name=name: train(name, None, None),
        )


def _transcoders() -> Iterator[Piece]:
    from core.assets import TRANSCODERS
    from core.transcoders.bundled import RECIPES, REPORT, make

    for recipe in RECIPES:
        name = f"{recipe.model}/{recipe.settings.kind}"
        yield Piece(
            Step.TRANSCODERS, name, TRANSCODERS / name / REPORT,
            lambda recipe=recipe: make(recipe, TRANSCODERS),
        )  # fmt: skip


def _circuits() -> Iterator[Piece]:
    from core.assets import CIRCUITS
    from core.bundle.files import PROVENANCE
    from core.pipeline.bundled import RECIPES, make

    for step in (Step.CIRCUITS, Step.NULLS):
        for name, recipe in RECIPES.items():
            if (recipe.null != "none") is (step is Step.NULLS):
                yield Piece(step, name, CIRCUITS / name / PROVENANCE, lambda name=name: make(name))
