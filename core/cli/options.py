"""Options that several commands share, each written once."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]

StoreDir = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Where results are kept (else HAGD_STORE, else your data folder).",
        show_default=False,
    ),
]

Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", metavar="M", help="A bundled name, a Hugging Face folder or a Hub id."
    ),
]

Task = Annotated[
    str, typer.Option("--task", "-t", metavar="T", help="A bundled name or a task.jsonl.")
]

Transcoders = Annotated[
    str,
    typer.Option(
        "--transcoders",
        metavar="DIR",
        help="A transcoder folder, or `neurons` for the model's own MLP neurons.",
    ),
]

Prompt = Annotated[str, typer.Option("--prompt", "-p", metavar="TEXT", help="The prompt, as is.")]

Seed = Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Of every random draw.")]
