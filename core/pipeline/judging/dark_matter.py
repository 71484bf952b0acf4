"""The dark matter of a finished circuit: which prompts it is fitted, chosen and judged on.

The size of the study is bounded here, so that it adds seconds to a run and not minutes.
"""

from collections.abc import Sequence
from typing import Any

import torch

from core.circuit import Attention, GatedNode
from core.darkmatter import Prompts, Settings, dark_matter
from core.interventions import Places
from core.pipeline.prepare import Batches, Prepared, head
from core.pipeline.progress import OnProgress, RunProgress
from core.tasks import Split
from core.transcoders import TranscoderSet

JUDGED = 128
"""Prompts of the test split that every stand-in is run on."""
FITTED = 2048
"""Prompts of the features split that splits and probes are fitted on, at most."""


def dark_matter_of(
    prepared: Prepared,
    coders: TranscoderSet,
    nodes: Sequence[GatedNode] | None,
    *,
    attention: Attention = Attention.LIVE,
    seed: int = 0,
    progress: OnProgress = lambda step: None,
) -> dict[str, Any]:
    """The section `dark_matter`, for a circuit of these nodes; of the dictionary alone if None."""
    evaluator, circuit = prepared.evaluator(coders, Split.TEST, JUDGED), None
    if nodes is not None:
        places = Places.of(tuple(nodes), evaluator.bounds, attention)
        circuit = places.gates(torch.ones(1, len(nodes)))

    def told(done: int, total: int) -> None:
        progress(RunProgress(stage="validate", done=done, total=total, note="dark matter"))

    found = dark_matter(
        evaluator,
        circuit,
        fit=_prompts(prepared, Split.FEATURES, FITTED),
        choose=_prompts(prepared, Split.SELECTION, None),
        judge=_prompts(prepared, Split.TEST, JUDGED),
        settings=Settings(seed=seed),
        progress=told,
    )
    for layer in found["layers"]:
        for probe in layer["probes"]:
            probe["role"] = prepared.task.roles[probe["position"]]
    return found


def _prompts(prepared: Prepared, split: Split, limit: int | None) -> Prompts:
    batches: Batches = head(prepared.batches[split], limit)
    pairs = prepared.task.pairs
    return Prompts(
        batches=batches,
        variables=[pairs[i].variables for batch in batches for i in batch.index.tolist()],
    )
