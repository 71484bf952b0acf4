"""`python -m core.zoo`: makes what is bundled: tasks, models, transcoders and circuits."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.logging import RichHandler

from core.assets import CIRCUITS, MODELS, TASKS, TRANSCODERS
from core.errors import CoreError
from core.models import load_model
from core.tasks import load_task
from core.tasks.bundled import write_task
from core.zoo import circuits, dictionaries, models
from core.zoo.card import write_card
from core.zoo.catalogue import member_named

app = typer.Typer(help="Make the bundled tasks, models, transcoders and circuits.")
errors = Console(stderr=True)


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="Model to train, e.g. gpt2-modadd.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write; assets/models/NAME.")] = None,
    seed: Annotated[int | None, typer.Option(help="Initial weights and batches.")] = None,
) -> None:
    """Train one model, or continue it, and write its folder with a card.

    Example: python -m core.zoo train gpt2-modadd
    """
    models.make(name, out, seed)


@app.command()
def card(
    name: Annotated[str, typer.Argument(help="Bundled model to measure again.")],
    out: Annotated[Path | None, typer.Option(help="Its folder; assets/models/NAME.")] = None,
) -> None:
    """Measure a trained model again and rewrite its card.

    Example: python -m core.zoo card gpt2-modadd
    """
    recipe = member_named(name).recipe
    folder = out or MODELS / name
    write_card(folder, load_model(folder), load_task(recipe.task), recipe)


@app.command()
def task(
    name: Annotated[str, typer.Argument(help="Task to write, e.g. modular-addition.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = TASKS,
    seed: Annotated[int, typer.Option(help="Seeds the prompts.")] = 0,
) -> None:
    """Write one task's prompts and description.

    Example: python -m core.zoo task modular-addition
    """
    write_task(name, out, seed)


@app.command()
def transcoders(
    model: Annotated[str | None, typer.Option(help="Only this bundled model.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only `nested`, `topk` or `clt`.")] = None,
    out: Annotated[Path, typer.Option(help="Holds MODEL/KIND.")] = TRANSCODERS,
    seed: Annotated[int, typer.Option(help="Initial weights and batches.")] = 0,
) -> None:
    """Train the dictionaries that are missing under --out.

    Example: python -m core.zoo transcoders --model gpt2-modadd --kind nested
    """
    torch.set_num_threads(1)
    for recipe in dictionaries.chosen(model, kind):
        dictionaries.make(replace(recipe, settings=replace(recipe.settings, seed=seed)), out)


@app.command()
def circuit(
    names: Annotated[list[str], typer.Argument(help="Circuits to make (again).")],
    out: Annotated[Path, typer.Option(help="Holds a folder for each.")] = CIRCUITS,
) -> None:
    """Run the whole pipeline for bundled circuits, whether they are there or not.

    Example: python -m core.zoo circuit modular-addition-gpt2
    """
    for name in names:
        circuits.make(name, out)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, handlers=[RichHandler(console=errors)])
    try:
        app(standalone_mode=True)
    except CoreError as error:
        errors.print(str(error), markup=False, highlight=False)
        raise SystemExit(2) from None
