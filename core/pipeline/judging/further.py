"""Further sections of `validation.json`: what is measured of a finished circuit beside its scores.

Measured after the validation, of a circuit just found as of a stored one (`validation.py`). Each
section is one top-level field with figures of its own; none changes the verdict, and none may use
the name of a field that the validation has. One that fails says so in its place (`sections.py`).
"""

from typing import Any

from core.features.fourier import counted_answers, in_weights
from core.pipeline.judging.circularity import circularity
from core.pipeline.judging.dark_matter import dark_matter_of
from core.pipeline.judging.finished import Finished
from core.pipeline.judging.sections import measured
from core.pipeline.prepare import Prepared, head
from core.pipeline.progress import OnProgress, RunProgress, ignore
from core.predictions import Subject, predictions
from core.tasks import Split
from core.transcoders import TranscoderSet
from core.validation.shi import shi_tests

SECTIONS = ("predictions", "shi", "circularity", "fourier", "dark_matter")
"""In the order they are told."""
PREDICTED = 64
"""Prompts of the attribution and of the test split that predictions are made and tested on."""
TESTED = 64
"""Test prompts that the hypothesis tests look at."""


def further(
    prepared: Prepared,
    coders: TranscoderSet,
    finished: Finished,
    *,
    searched: Prepared,
    seed: int = 0,
    progress: OnProgress = ignore,
) -> dict[str, Any]:
    """Sections by name, as JSON values.

    Args:
        prepared: Model, task and its splits.
        coders: The transcoders of the run.
        finished: The circuit, its ranking, its part of the task graph and its tree.
        searched: The prompts that the circuit was found on.
        seed: Of third prompts, random circuits and bootstraps.
        progress: Told of steps of the stage `validate`; raise there to cancel.
    """
    candidate = finished.candidate
    tested = prepared.evaluator(coders, Split.TEST, TESTED)
    # The two longest first: what is begun last should not be waited for alone.
    sections = {
        "predictions": lambda told: _predictions(prepared, coders, finished, seed, told),
        "dark_matter": lambda told: dark_matter_of(
            prepared,
            coders,
            finished.nodes,
            attention=finished.attention,
            seed=seed,
            progress=told,
        ),
        "circularity": lambda _: circularity(
            prepared, coders, candidate, searched=searched, seed=seed
        ),
        "shi": lambda _: shi_tests(tested, candidate, seed=seed),
        "fourier": lambda _: _fourier(prepared),
    }
    found = measured(sections, progress, prepared.model)
    return {name: found[name] for name in SECTIONS}


def _predictions(
    prepared: Prepared,
    coders: TranscoderSet,
    finished: Finished,
    seed: int,
    progress: OnProgress,
) -> dict[str, Any]:
    """What the browsing tree's supernodes will do, registered, tested and scored."""
    subject = Subject(
        model=prepared.model,
        coders=coders,
        nodes=finished.nodes,
        tree=finished.tree,
        graph=finished.graph,
        attribution=head(prepared.batches[Split.ATTRIBUTION], PREDICTED),
        test=head(prepared.batches[Split.TEST], PREDICTED),
        length=prepared.length,
        seed=seed,
    )
    return predictions(
        subject, lambda note: progress(RunProgress(stage="validate", done=1, total=1, note=note))
    )


def _fourier(prepared: Prepared) -> dict[str, Any]:
    """Key frequencies of the trained weights, where a variable counts the answers."""
    pairs, batches = prepared.task.pairs, prepared.batches[Split.FEATURES]
    rows = [row for batch in batches for row in batch.index.tolist()]
    answers = [answer for batch in batches for answer in batch.answer.tolist()]
    numbers = counted_answers([pairs[row].variables for row in rows], answers)
    if numbers is None:
        return {"skipped": "No variable counts the answers 0, 1, 2, ..."}
    found = in_weights(prepared.model, numbers.tokens)
    said = [f"{end} {', '.join(map(str, one['key'])) or 'none'}" for end, one in found.items()]
    return {
        "variable": numbers.variable,
        "period": len(numbers.tokens),
        **found,
        "sentence": f"Frequencies of {numbers.variable} in the trained weights, beyond any of the "
        f"shuffled numbers: {'; '.join(said)}.",
    }
