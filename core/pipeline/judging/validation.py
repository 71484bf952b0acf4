"""All that `validation.json` says of a circuit, in a run and when a stored one is tested again.

1. The validation (`core.validation`) on the test split, and on the out-of-distribution split where
   there is one.
2. Which of its prompts other splits have too.
3. The further sections (`further.py`).
"""

from dataclasses import dataclass
from typing import Any

from core.pipeline.judging.finished import Finished
from core.pipeline.judging.further import further
from core.pipeline.prepare import Prepared
from core.pipeline.progress import OnProgress, RunProgress, ignore
from core.tasks import Split, overlap
from core.transcoders import QualityReport, TranscoderSet
from core.validation import ValidationSettings, validate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grounds:
    """What a circuit is tested on."""

    prepared: Prepared
    """Model and prompts; its test split is judged on."""
    searched: Prepared
    """The prompts the circuit was found on; the same ones but where it is tried on others."""
    coders: TranscoderSet
    quality: QualityReport
    """Of the transcoders, on the selection split."""


def validated(
    grounds: Grounds,
    finished: Finished,
    settings: ValidationSettings,
    progress: OnProgress = ignore,
) -> dict[str, Any]:
    """The content of `validation.json`, as JSON values.

    Args:
        grounds: What to test on.
        finished: The circuit.
        settings: How hard to test.
        progress: Told of steps of the stage `validate`; raise there to cancel.
    """
    prepared, coders = grounds.prepared, grounds.coders

    def tell(done: int, total: int) -> None:
        progress(RunProgress(stage="validate", done=done, total=total))

    found = validate(
        prepared.evaluator(coders, Split.TEST),
        finished.candidate,
        gate=prepared.task.gate,
        split=Split.TEST.value,
        settings=settings,
        ood=prepared.evaluator(coders, Split.OOD) if Split.OOD in prepared.batches else None,
        worst_fvu=worst_fvu(grounds.quality),
        progress=tell,
    )
    sections = further(
        prepared,
        coders,
        finished,
        searched=grounds.searched,
        seed=settings.seed,
        progress=progress,
    )
    return _with_overlap(found, prepared) | sections


def worst_fvu(quality: QualityReport) -> float:
    """The largest share of variance that any layer's transcoder leaves unexplained."""
    return max(row.fvu for row in quality.layers)


def _with_overlap(result: dict[str, Any], prepared: Prepared) -> dict[str, Any]:
    """A validation that says which of its prompts other splits have too."""
    shared = overlap(prepared.task)
    said = [shared.sentence()] if shared.sentence() else []
    return result | {
        "shared_prompts": shared.as_json(),
        "reasons": [*result["reasons"], *said],
    }
