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

Coders = Annotated[
    str | None,
    typer.Option(
        "--transcoders",
        metavar="DIR",
        help="A folder, `nested`, `topk`, `clt` or `neurons`; else the bundled ones, else the "
        "newest that a run trained for this model (`hagd run` trains them on the task's prompts).",
        show_default=False,
    ),
]

Circuit = Annotated[
    str, typer.Argument(metavar="DIR", help="A result folder, or a name from `hagd results`.")
]

Draws = Annotated[
    # fewer could not give p below 0.01
    int,
    typer.Option("--draws", metavar="N", min=100, help="Random circuits per control."),
]

Prompt = Annotated[str, typer.Option("--prompt", "-p", metavar="TEXT", help="The prompt, as is.")]

Seed = Annotated[
    # what every generator that is seeded takes
    int,
    typer.Option("--seed", metavar="S", min=0, max=2**32 - 1, help="Of every random draw."),
]
