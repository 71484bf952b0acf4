"""Validates a stored circuit again, on its own test split or on another task file.

The circuit is what the bundle says it is; nothing is searched. Another task has to suit it: the
same prompt length, so that positions mean the same. A second look at a bundle's own test split
is for checking the published figures, not for choosing by them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from core.bundle import Bundle, open_bundle
from core.circuit import FeatureNode, GatedNode, gated_nodes
from core.errors import TaskError
from core.lab import Lab
from core.models import suited_threads
from core.pipeline.dark_matter import dark_matter_of
from core.pipeline.prepare import Prepared, prepare
from core.pipeline.run import with_overlap, worst_fvu
from core.tasks import Split, load_task
from core.transcoders import measure_transcoders
from core.validation import Candidate, ValidationSettings, validate


def revalidate(
    folder: Path,
    task: str | None = None,
    settings: ValidationSettings | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """The content of a new `validation.json` for the bundle in `folder`.

    Raises:
        CoreError: If the bundle, its model, its transcoders or the task cannot be used together.
    """
    lab = Lab(open_bundle(folder))
    with suited_threads(lab.model):
        return _validated(lab, task, settings or ValidationSettings(), progress)


def _validated(
    lab: Lab, task: str | None, settings: ValidationSettings, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    own = prepare(lab.model, lab.task)
    prepared = own if task is None else _other(own, task, lab.bundle.name)
    ood = Split.OOD in prepared.batches
    quality = measure_transcoders(lab.model, lab.transcoders, own.batches[Split.SELECTION])
    result = validate(
        prepared.evaluator(lab.transcoders, Split.TEST),
        _candidate(lab.bundle),
        gate=prepared.task.gate,
        split=Split.TEST.value,
        settings=settings,
        ood=prepared.evaluator(lab.transcoders, Split.OOD) if ood else None,
        worst_fvu=worst_fvu(quality),
        progress=progress,
    )
    circuit = lab.bundle.circuit
    errors = dark_matter_of(
        prepared,
        lab.transcoders,
        circuit.nodes,
        attention=circuit.attention,
        seed=settings.seed,
    )
    return with_overlap(result, prepared) | {
        "task": prepared.task.name,
        "bundle": lab.bundle.name,
        "dark_matter": errors,
    }


def _other(own: Prepared, task: str, name: str) -> Prepared:
    """Another task on the same model, refused where positions would mean something else."""
    other = prepare(own.model, load_task(task, tokenizer=own.model.tokenizer))
    if other.length != own.length:
        raise TaskError(
            f"Task {other.task.name} has prompts of up to {other.length} tokens; the circuit "
            f"{name} was found on prompts of {own.length}. The same length is required, so that "
            "positions mean the same. Use prompts of that length, or run the task anew."
        )
    return other


def _candidate(bundle: Bundle) -> Candidate:
    order = bundle.tensors.get("order")
    nodes = bundle.circuit.nodes
    ranked = nodes if order is None else _ranked(order)
    return Candidate(
        order=ranked,
        size=len(nodes),
        n_edges=bundle.graph.n_edges,
        attention=bundle.circuit.attention,
    )


def _ranked(order: Tensor) -> tuple[GatedNode, ...]:
    """A bundle's ranking: rows (kind, layer, position, index), or the last three of features."""
    if order.shape[1] == 3:
        return tuple(FeatureNode(*row) for row in order.tolist())
    return gated_nodes(order)
