"""Makes the circuits that come with the program: `python -m core.zoo circuit NAME ...`.

Each is what `hagd run` writes for the bundled model and task named: for every model with its nested
dictionary, for small ones with the ordinary TopK one beside it, for one with a cross-layer one too;
and the null runs of one model, which must not validate.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from core.assets import CIRCUITS, NULLS
from core.choices import COMMON_KINDS, DEFAULT_KIND, Null
from core.circuit import Attention
from core.pipeline.progress import RunProgress
from core.pipeline.run import RunRequest, run_task
from core.pipeline.settings import RunSettings
from core.store import open_store
from core.zoo.catalogue import MEMBERS

NULLS_OF = "gpt2-modadd"
"""Model of the null runs."""
CARRIED_BY_HEADS = ("parity", "sorting", "coreference", "commonsense", "factual-recall")
"""Tasks with a floor while all heads are live: under mean ablation nothing kept is right in 0.1 to
0.8 of the prompts."""
LEFT_OUT = (
    *("coreference-neox-topk", "coreference-llama-topk", "commonsense-llama-topk"),
    *("factual-recall-neox-topk", "factual-recall-llama-topk"),
    *("coreference-gpt2-heads", "coreference-neox-heads", "coreference-llama-heads"),
)
"""Not made, since all that is bundled stays below 120 MB: with what is there these largest ones
would go past it. What heads add on coreference: `benchmarks/results/attention_value.md`."""


class CircuitRecipe(NamedTuple):
    """One bundled circuit."""

    model: str
    task: str
    transcoders: str | None = None
    null: Null = "none"
    attention: Attention = Attention.LIVE

    @property
    def settings(self) -> RunSettings:
        """Of its run: as given to everybody, but for what the recipe is about."""
        return RunSettings(null=self.null, attention=self.attention)


def _recipes() -> Iterator[tuple[str, CircuitRecipe]]:
    for kind in COMMON_KINDS:
        for member in MEMBERS.values():
            if kind == DEFAULT_KIND or member.size == "small":
                coders = None if kind == DEFAULT_KIND else kind
                yield member.circuit(kind), CircuitRecipe(member.name, member.task, coders)
    for member in MEMBERS.values():
        for kind in member.kinds:
            if kind not in COMMON_KINDS:
                yield member.circuit(kind), CircuitRecipe(member.name, member.task, kind)
    for member in MEMBERS.values():
        if member.size == "small" and member.task in CARRIED_BY_HEADS:
            name = f"{member.circuit(DEFAULT_KIND)}-heads"
            yield name, CircuitRecipe(member.name, member.task, attention=Attention.CIRCUIT)
    task = MEMBERS[NULLS_OF].task
    yield "null-untrained-gpt2", CircuitRecipe(NULLS_OF, task, None, "untrained")
    yield "null-permuted-gpt2", CircuitRecipe(NULLS_OF, task, None, "permuted-answers")
    yield "null-same-answer-gpt2", CircuitRecipe(NULLS_OF, task, None, "same-answer")
    yield "null-shuffled-gpt2", CircuitRecipe(NULLS_OF, task, None, "shuffled-features")


RECIPES: Mapping[str, CircuitRecipe] = {
    name: recipe for name, recipe in _recipes() if name not in LEFT_OUT
}
"""By name of the bundle; what matters most comes first."""


def make(name: str, out: Path = CIRCUITS) -> None:
    """Runs one recipe into `out/NAME`."""
    recipe, log = RECIPES[name], logging.getLogger(__name__)

    def tell(step: RunProgress) -> None:
        if step.done == step.total:
            log.info("%s: %s %s", name, step.stage, step.note)

    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder)) as store:
        request = RunRequest(
            model=recipe.model,
            task=recipe.task,
            transcoders=recipe.transcoders,
            out=out / name,
            keep=NULLS,
            command=f"python -m core.zoo circuit {name}",
        )
        run_task(request, recipe.settings, store=store, progress=tell)
