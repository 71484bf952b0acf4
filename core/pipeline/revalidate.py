"""Validates a stored circuit again, on its own test split or on another task file.

The circuit is what the bundle says it is; nothing is searched. Another task has to suit it: the
same prompt length, so that positions mean the same. A second look at a bundle's own test split
is for checking the published figures, not for choosing by them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.bundle import Bundle, locate, open_bundle
from core.circuit import FeatureNode
from core.errors import TaskError
from core.models import load_model
from core.pipeline.prepare import Prepared, prepare
from core.tasks import Split, load_task
from core.transcoders import TranscoderSet, load_transcoders, neuron_transcoders
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
    bundle = open_bundle(folder)
    prepared, coders = _parts(bundle, task)
    ood = Split.OOD in prepared.batches
    result = validate(
        prepared.evaluator(coders, Split.TEST),
        _candidate(bundle),
        gate=prepared.task.gate,
        split=Split.TEST.value,
        settings=settings or ValidationSettings(),
        ood=prepared.evaluator(coders, Split.OOD) if ood else None,
        progress=progress,
    )
    return result | {"task": prepared.task.name, "bundle": bundle.name}


def _parts(bundle: Bundle, task: str | None) -> tuple[Prepared, TranscoderSet]:
    model = load_model(_ref(bundle, "model"))
    own = prepare(model, load_task(_ref(bundle, "task")))
    ref = _ref(bundle, "transcoders")
    coders = neuron_transcoders(model) if ref == "neurons" else load_transcoders(ref, model)
    if task is None:
        return own, coders
    other = prepare(model, load_task(task))
    if other.length != own.length:
        raise TaskError(
            f"Task {other.task.name} has prompts of up to {other.length} tokens; the circuit "
            f"{bundle.name} was found on prompts of {own.length}. The same length is required, so "
            "that positions mean the same. Use prompts of that length, or run the task anew."
        )
    return other, coders


def _ref(bundle: Bundle, part: str) -> str:
    return locate(bundle.provenance[part]["ref"], bundle.path)


def _candidate(bundle: Bundle) -> Candidate:
    order = bundle.tensors.get("order")
    nodes = bundle.circuit.nodes
    ranked = nodes if order is None else tuple(FeatureNode(*row) for row in order.tolist())
    return Candidate(order=ranked, size=len(nodes), n_edges=bundle.graph.n_edges)
