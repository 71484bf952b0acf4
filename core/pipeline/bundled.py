"""Makes the circuits that come with the program: `python -m core.pipeline.bundled [NAME ...]`.

Each is what `hagd run` writes for the bundled model and task named, with a null run and an
ordinary TopK dictionary beside the nested ones. A bundle that is there is left alone unless its
name is given, so a killed run can be repeated.
"""

import logging
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from core.assets import CIRCUITS, NULLS
from core.pipeline.progress import RunProgress
from core.pipeline.run import RunRequest, run_task
from core.pipeline.settings import Null, RunSettings
from core.store import open_store


class Recipe(NamedTuple):
    """One bundled circuit."""

    model: str
    task: str
    transcoders: str | None = None
    null: Null = "none"


RECIPES: dict[str, Recipe] = {
    "modular-addition-gpt2": Recipe("gpt2-modadd", "modular-addition"),
    "modular-addition-llama": Recipe("llama-modadd", "modular-addition"),
    "coreference-gpt2": Recipe("gpt2-coref", "coreference"),
    "modular-addition-gpt2-topk": Recipe("gpt2-modadd", "modular-addition", "topk"),
    "modular-addition-llama-topk": Recipe("llama-modadd", "modular-addition", "topk"),
    "coreference-gpt2-topk": Recipe("gpt2-coref", "coreference", "topk"),
    "null-untrained-gpt2": Recipe("gpt2-modadd", "modular-addition", None, "untrained"),
    "null-permuted-gpt2": Recipe("gpt2-modadd", "modular-addition", None, "permuted-answers"),
    "null-same-answer-gpt2": Recipe("gpt2-modadd", "modular-addition", None, "same-answer"),
    "null-shuffled-gpt2": Recipe("gpt2-modadd", "modular-addition", None, "shuffled-features"),
}
"""By name of the bundle."""


def make(name: str) -> None:
    """Runs one recipe into the assets."""
    recipe, log = RECIPES[name], logging.getLogger(__name__)

    def tell(step: RunProgress) -> None:
        if step.done == step.total:
            log.info("%s: %s %s", name, step.stage, step.note)

    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder)) as store:
        request = RunRequest(
            model=recipe.model,
            task=recipe.task,
            transcoders=recipe.transcoders,
            out=CIRCUITS / name,
            keep=NULLS,
            command=f"python -m core.pipeline.bundled {name}",
        )
        run_task(request, RunSettings(null=recipe.null), store=store, progress=tell)


def main(names: list[str]) -> None:
    """Makes the named circuits again, or all that are missing."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in names or [n for n in RECIPES if not (CIRCUITS / n / "provenance.json").is_file()]:
        make(name)


if __name__ == "__main__":
    main(sys.argv[1:])
