"""`hagd rebuild`: makes bundled tasks, models, transcoders and circuits again, from seeds alone.

Five steps, each from the one before it; what there is to make is in `core.zoo.catalogue`:

1. tasks: prompts from their generators             (`python -m core.zoo task NAME`)
2. models: trained on them, with their cards        (`python -m core.zoo train NAME`)
3. transcoders: nested, TopK; of one model CLT     (`python -m core.zoo transcoders`)
4. circuits: the whole pipeline on each             (`python -m core.zoo circuit NAME`)
5. nulls: the same, which must not validate         (likewise)

What is there is left alone, and what was cut short resumes: delete a folder to have it made again,
and run the same line after a stop. What fails (a model below its gate, say) is told and costs only
what is made from it. Everything is in `assets/`; the dictionaries' reports and the circuits'
provenance say how long each took. The guide's labels and network (`assets/guide`) are not made here
but by `python -m core.lessons` and `benchmarks/guide_study.py`; the compiled models of
`assets/groundtruth` came from elsewhere, as their README says.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from core.cli.options import Json
from core.cli.output import emit, stderr, table
from core.errors import CoreError


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
    signs: tuple[Path, ...]
    """Its files, as far as they are known before it is made: where all are, the piece is whole."""
    make: Callable[[], object]
    needs: Path | None = None
    """Such a file of what it is made from."""


Only = Annotated[
    list[Step] | None,
    typer.Option("--only", help="Only this step. Repeat it for several; the order is kept."),
]
Show = Annotated[
    bool, typer.Option("--list", help="Only say what is there and what would be made.")
]


Match = Annotated[
    str, typer.Option("--match", help="Only pieces whose name holds this, e.g. `parity`.")
]
FAILED = "failed"


def command(
    only: Only = None, match: Match = "", show: Show = False, as_json: Json = False
) -> None:
    """Make what is missing of the bundled tasks, models, transcoders, circuits and nulls."""
    chosen = [p for p in pieces() if (not only or p.step in only) and match in p.name]
    rows = [{"step": p.step.value, "name": p.name, "state": _state(p, show)} for p in chosen]
    columns = ("step", "name", "state")
    emit(rows, as_json, lambda: table(columns, ([row[name] for name in columns] for row in rows)))
    if any(row["state"] == FAILED for row in rows):
        raise typer.Exit(1)


def _state(piece: Piece, show: bool) -> str:
    """What became of a piece, after it was made if it is to be."""
    if all(sign.is_file() for sign in piece.signs):
        return "there"
    if show:
        return "missing"
    if piece.needs and not piece.needs.is_file():
        return f"not made: {piece.needs.parent.name} is missing"
    stderr().print(f"making {piece.step.value} {piece.name}")
    try:
        piece.make()
    except CoreError as error:
        stderr().print(str(error))
        return FAILED
    return "made"


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
        files = tuple(TASKS / f"{name}{ending}" for ending in (".jsonl", ".json"))
        yield Piece(Step.TASKS, name, files, lambda name=name: write_task(name, TASKS))


def _models() -> Iterator[Piece]:
    from core.assets import MODELS, TASKS
    from core.zoo.catalogue import MEMBERS
    from core.zoo.models import make

    for name, member in MEMBERS.items():
        yield Piece(
            Step.MODELS,
            name,
            (MODELS / name / "model.safetensors", MODELS / name / "card.json"),
            lambda name=name: make(name),
            TASKS / f"{member.task}.json",
        )


def _transcoders() -> Iterator[Piece]:
    from core.assets import MODELS, TRANSCODERS
    from core.zoo.dictionaries import RECIPES, REPORT, make

    for recipe in RECIPES:
        name = f"{recipe.model}/{recipe.settings.kind}"
        yield Piece(
            Step.TRANSCODERS,
            name,
            (TRANSCODERS / name / REPORT,),
            lambda recipe=recipe: make(recipe, TRANSCODERS),
            MODELS / recipe.model / "card.json",
        )


def _circuits() -> Iterator[Piece]:
    from core.assets import CIRCUITS, TRANSCODERS
    from core.bundle.files import FILES
    from core.choices import DEFAULT_KIND
    from core.zoo.circuits import RECIPES, make
    from core.zoo.dictionaries import REPORT

    for step in (Step.CIRCUITS, Step.NULLS):
        for name, recipe in RECIPES.items():
            if (recipe.null != "none") is (step is Step.NULLS):
                coders = TRANSCODERS / recipe.model / (recipe.transcoders or DEFAULT_KIND)
                yield Piece(
                    step,
                    name,
                    tuple(CIRCUITS / name / file for file in FILES),
                    lambda name=name: make(name),
                    coders / REPORT,
                )
