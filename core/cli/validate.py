"""`hagd validate`: a finished circuit, tested again from its files.

1. The bundle, its model, transcoders and task are opened; each must be the very one that the
   circuit was found on (by content key), or figures would be compared that do not belong together.
2. With --task other prompts take the place of the task's; they must have the same length, for a
   circuit's nodes are at positions.
3. The same validation as in `hagd run`, on the test split, beside the figures in the bundle.
"""

from typing import Annotated, Any

import typer

from core.cli.export import Circuit
from core.cli.meter import Meter
from core.cli.options import Json, Seed, StoreDir
from core.cli.output import emit, tell
from core.cli.run import Draws, report_text
from core.errors import FormatError, TaskError

OtherTask = Annotated[
    str | None,
    typer.Option(
        "--task",
        "-t",
        metavar="T",
        help="Validate on these prompts instead of the circuit's own task.",
        show_default=False,
    ),
]


def command(
    circuit: Circuit,
    task: OtherTask = None,
    draws: Draws = 100,
    seed: Seed = 0,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Validate a circuit again, on its own test prompts or on others."""
    from core.bundle import open_bundle
    from core.cli.inputs import bundle_folder
    from core.store import open_store
    from core.validation import ValidationSettings

    settings = ValidationSettings(draws=draws, seed=seed)
    with open_store(store, tell) as opened:
        folder = bundle_folder(circuit, opened.results_dir)
    bundle = open_bundle(folder)
    with Meter() as meter:

        def progress(done: int, total: int) -> None:
            meter.show("validate", done, total)

        found = _validated(bundle, task, settings, progress)
    report = {"out": str(folder), "title": bundle.title, **found, "stored": _figures(bundle)}
    emit(report, as_json, lambda: report_text(report))


def _figures(bundle: Any) -> dict[str, Any]:
    """What the bundle says of itself."""
    names = ("faithfulness", "phi", "necessity", "verdict", "n_prompts")
    return {name: bundle.validation.get(name) for name in names}


def _validated(bundle: Any, task_ref: str | None, settings: Any, progress: Any) -> dict[str, Any]:
    from core.pipeline.prepare import prepare
    from core.tasks import Split
    from core.transcoders import measure_transcoders
    from core.validation import validate

    model, coders, task = _parts(bundle, task_ref)
    prepared = prepare(model, task)
    _check_length(bundle, prepared.length)
    quality = measure_transcoders(model, coders, prepared.batches[Split.SELECTION])
    ood = prepared.evaluator(coders, Split.OOD) if Split.OOD in prepared.batches else None
    return validate(
        prepared.evaluator(coders, Split.TEST),
        _candidate(bundle),
        gate=task.gate,
        split=Split.TEST.value,
        settings=settings,
        ood=ood,
        worst_fvu=max(row.fvu for row in quality.layers),
        progress=progress,
    )


def _parts(bundle: Any, task_ref: str | None) -> tuple[Any, Any, Any]:
    """Model, transcoders and task of a bundle, each checked to be the one it names."""
    from core.bundle import locate
    from core.cli.inputs import transcoders_for
    from core.models import load_model
    from core.tasks import load_task

    if bundle.missing and task_ref is None:
        raise FormatError(" ".join(bundle.missing))
    refs = {
        part: locate(bundle.provenance[part]["ref"], bundle.path)
        for part in ("model", "transcoders", "task")
    }
    model = load_model(refs["model"])
    coders = transcoders_for(model, refs["transcoders"])
    task = load_task(task_ref or refs["task"])
    wanted = bundle.circuit
    found = [("model", model.key, wanted.model_key)]
    found += [("transcoders", coders.key, wanted.transcoder_key)]
    found += [("task", task.key, wanted.task_key)] if task_ref is None else []
    for part, key, expected in found:
        if key != expected:
            raise FormatError(
                f"The {part} at {refs[part]} is not the one that this circuit was found on: its "
                f"key is {key[:12]}…, the circuit names {expected[:12]}…. Restore it, or run the "
                "pipeline again."
            )
    return model, coders, task


def _check_length(bundle: Any, length: int) -> None:
    expected = int(bundle.graph.position.max()) + 1
    if length != expected:
        raise TaskError(
            f"The prompts have up to {length} tokens, those that the circuit was found on "
            f"{expected}: its nodes are at positions, so both must be equal. Give prompts of the "
            "same form."
        )


def _candidate(bundle: Any) -> Any:
    from core.circuit import FeatureNode
    from core.validation import Candidate

    nodes = bundle.circuit.nodes
    order = bundle.tensors.get("order")
    ranked = nodes if order is None else tuple(FeatureNode(*row) for row in order.tolist())
    return Candidate(order=ranked, size=len(nodes), n_edges=bundle.graph.n_edges)
