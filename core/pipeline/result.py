"""The bundle of a run: circuit, tree, graph, figures, labels, and where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.bundle import Bundle, Source, provenance
from core.choices import DEFAULT_KIND
from core.circuit import Attention, Circuit, node_table
from core.lab import Lab, means_to_tensors
from core.labels import label_circuit
from core.pipeline.finding.discovery import Discovery
from core.pipeline.judging.finished import Finished
from core.pipeline.loading import Refs
from core.pipeline.prepare import Prepared
from core.pipeline.settings import RunSettings
from core.store import plain
from core.transcoders import Dictionary

SHARES = ("sign_consistency", "frequency")
"""Columns of edges in [0, 1]: half as many bytes tell them to a thousandth, and a 64th exactly."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """All that a bundle is made of."""

    prepared: Prepared
    dictionary: Dictionary
    refs: Refs
    settings: RunSettings
    found: Discovery
    finished: Finished
    """The same, as it was measured."""
    validation: Mapping[str, Any]
    record: Mapping[str, Any]
    """More for the provenance: seconds of each stage, quality of the transcoders."""


def make_bundle(parts: Parts, *, name: str, title: str, command: str) -> Bundle:
    """The bundle, labelled; not yet written."""
    found, finished, prepared = parts.found, parts.finished, parts.prepared
    coders = parts.dictionary.transcoders
    bundle = Bundle(
        name=name,
        title=title,
        circuit=_circuit(parts),
        hierarchy=finished.tree,
        graph=finished.graph,
        validation=parts.validation,
        provenance=_provenance(parts, command) | {**found.record, **parts.record},
        tensors={
            "order": node_table(finished.order),
            **{
                f"edge.{column}": values.half() if column in SHARES else values
                for column, values in found.columns.items()
            },
            **means_to_tensors(prepared.mean_reference(coders)),
        },
    )
    lab = Lab(bundle, model=prepared.model, transcoders=coders, task=prepared.task)
    return replace(bundle, labels=label_circuit(lab))


def title_of(task: str, model: str, kind: str, settings: RunSettings) -> str:
    """What a person reads: a null says so first, what is not as usual stands last."""
    null = settings.null
    mark = "" if null == "none" else f"Null: {null.replace('-', ' ')} · "
    dictionary = "" if kind == DEFAULT_KIND else f" · {kind}"
    heads = " · heads counted" if settings.attention is Attention.CIRCUIT else ""
    seed = f" · seed {settings.seed}" if settings.seed else ""
    return f"{mark}{task} · {Path(model).name}{dictionary}{heads}{seed}"


def _circuit(parts: Parts) -> Circuit:
    return Circuit(
        nodes=parts.finished.nodes,
        attention=parts.finished.attention,
        model_key=parts.prepared.model.key,
        transcoder_key=parts.dictionary.transcoders.key,
        task_key=parts.prepared.task.key,
        seed=parts.settings.seed,
        settings=plain(parts.settings),
    )


def _provenance(parts: Parts, command: str) -> dict[str, Any]:
    return provenance(
        model=Source(ref=parts.refs.model, key=parts.prepared.model.key),
        transcoders=Source(ref=parts.dictionary.ref, key=parts.dictionary.transcoders.key),
        task=Source(ref=parts.refs.task, key=parts.prepared.task.key),
        settings=plain(parts.settings),
        seed=parts.settings.seed,
        command=command,
    )
