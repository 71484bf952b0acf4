"""A finished circuit, opened with everything that a comparison asks of it.

Two circuits are compared on prompts that both models read: those of the first circuit's task, in
the words of each model's own tokenizer. Positions are aligned at the right, so prompts must have
the same length in both.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from core.bundle import Bundle, open_bundle
from core.circuit import FeatureNode, node_table
from core.errors import TaskError, TransferError
from core.lab import Lab
from core.models import LanguageModel
from core.pipeline.prepare import Batches, Prepared, head, prepare
from core.tasks import Split
from core.transcoders import TranscoderSet

PROMPTS = 512
"""Prompts that activations are compared on, at most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """One circuit, its model, its dictionary and its task."""

    bundle: Bundle
    model: LanguageModel
    transcoders: TranscoderSet
    prepared: Prepared

    @property
    def nodes(self) -> Int[Tensor, "node 4"]:
        """(kind, layer, aligned position, feature) of the circuit's features, strongest first."""
        return node_table(n for n in self.bundle.circuit.nodes if isinstance(n, FeatureNode))


def open_subject(folder: str | Path) -> Subject:
    """Opens a result folder for comparison.

    Raises:
        CoreError: If the bundle or something that it was made from cannot be opened.
        TransferError: If the circuit has no feature.
    """
    bundle = open_bundle(Path(folder))
    lab = Lab(bundle)
    if not bundle.circuit.features:
        raise TransferError(
            f"The circuit {bundle.name!r} has {len(bundle.circuit.nodes)} nodes and no feature "
            "among them; features are what is matched. Choose a circuit with features."
        )
    return Subject(
        bundle=bundle,
        model=lab.model,
        transcoders=lab.transcoders,
        prepared=prepare(lab.model, lab.task),
    )


def shared_prompts(one: Subject, two: Subject) -> tuple[Batches, Batches]:
    """The same prompts for both models: the features split of the first circuit's task.

    Raises:
        TransferError: If the second model cannot read them, or reads them at another length.
    """
    first = head(one.prepared.batches[Split.FEATURES], PROMPTS)
    if one.prepared.task.key == two.prepared.task.key:
        return first, head(two.prepared.batches[Split.FEATURES], PROMPTS)
    try:
        other = prepare(two.model, one.prepared.task)
    except TaskError as error:
        raise _unreadable(one, two, str(error).splitlines()[0].rstrip(".")) from None
    if other.length != one.prepared.length:
        raise _unreadable(
            one, two, f"it reads {other.length} tokens where the first reads {one.prepared.length}"
        )
    return first, head(other.batches[Split.FEATURES], PROMPTS)


def _unreadable(one: Subject, two: Subject, why: str) -> TransferError:
    return TransferError(
        f"{two.bundle.name!r} and {one.bundle.name!r} share no prompts: the model {two.model.name} "
        f"cannot be given the prompts of {one.prepared.task.name}: {why}. Circuits are matched "
        "by what their features do on the same prompts. Choose two circuits of one task."
    )


def activations(subject: Subject, batches: Batches) -> Tensor:
    """[layer, prompt, aligned position, feature] on some prompts; 0 where a prompt is too short."""
    length = subject.prepared.length
    parts = []
    with torch.no_grad():
        for batch in batches:
            trace = subject.model.trace(batch.clean)
            coded = [
                coder.encode(x)
                for coder, x in zip(subject.transcoders.layers, trace.mlp_in, strict=True)
            ]
            found = torch.stack(coded)
            missing = length - found.shape[2]
            parts.append(torch.nn.functional.pad(found, (0, 0, missing, 0)))
    order = torch.cat([batch.index for batch in batches]).argsort()
    return torch.cat(parts, 1)[:, order]
