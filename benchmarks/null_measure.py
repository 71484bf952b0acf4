"""One run of `null_rate`: prepared, searched and validated as `hagd run` does, only smaller."""

import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from null_jobs import PAIRS, Job

from core.circuit import gated_nodes, node_table
from core.graph import NodeKind
from core.models import LanguageModel, load_model, suited_threads
from core.pipeline.dictionaries import Training, find_transcoders
from core.pipeline.finding.discovery import Discovery, discover
from core.pipeline.finding.shuffled import shuffled
from core.pipeline.judging.validation import worst_fvu
from core.pipeline.nulls import permuted, same_answer, untrained
from core.pipeline.prepare import Prepared, head, prepare
from core.pipeline.progress import Clock, ignore
from core.pipeline.settings import RunSettings
from core.store import Store
from core.tasks import Split, Task, load_task
from core.transcoders import TrainSettings, TranscoderSet, measure_transcoders
from core.validation import Candidate, validate

LIMITS = {
    Split.FEATURES: 400, Split.ATTRIBUTION: 24, Split.LABELS: 96, Split.SELECTION: 96,
    Split.TEST: 128,
}  # fmt: skip
"""Prompts of each split."""
SETTINGS = RunSettings(
    graph_prompts=24, probe_prompts=96, forwards=256, refine_steps=20, max_size=200
)
TRAINING = TrainSettings(kind="nested", features=128, steps=300)
"""Of an untrained model's transcoders."""


def run(job: Job, store: Store, work: Path) -> dict[str, Any]:
    """One run's verdict and what it rests on."""
    start = time.perf_counter()
    settings = replace(SETTINGS, seed=job.seed, attention=job.attention)
    prepared = prepared_for(job, work)
    with suited_threads(prepared.model):
        coders = coders_for(prepared, store, work, job.seed)
        found = found_for(job, prepared, coders, settings, store)
        quality = measure_transcoders(prepared.model, coders, prepared.batches[Split.SELECTION])
        result = validate(
            prepared.evaluator(coders, Split.TEST),
            Candidate(
                order=found.order,
                size=found.size,
                n_edges=found.graph.n_edges,
                attention=job.attention,
            ),
            gate=prepared.task.gate,
            split=Split.TEST.value,
            settings=settings.validation,
            worst_fvu=worst_fvu(quality),
        )
    beyond = {name: unmet for name, unmet in result["failed"].items() if name != "model"}
    return {
        "kind": job.kind,
        "model": job.model,
        "seed": job.seed,
        "attention": job.attention,
        "verdict": result["verdict"],
        "failed": result["failed"],
        "holds_beyond_the_gate": not any(beyond.values()),
        "nodes": found.size,
        "faithfulness": result["faithfulness"],
        "faithfulness_mean": result["other_regimes"][0]["faithfulness"],
        "phi": result["phi"],
        "necessity": result["necessity"],
        "p_value": result["random"]["p_value"],
        "seconds": round(time.perf_counter() - start, 1),
    }


def prepared_for(job: Job, work: Path) -> Prepared:
    """Model and task of a run, cut to few prompts."""
    model = load_model(job.model)
    task = load_task(PAIRS[job.model], tokenizer=model.tokenizer)
    if job.kind == "untrained":
        model = untrained(model, work / "models" / f"{job.model}-{job.seed}", job.seed)
    whole = prepare(model, _dealt(job, model, task, work))
    few = {split: head(whole.batches[split], limit) for split, limit in LIMITS.items()}
    return replace(whole, batches=few)


def _dealt(job: Job, model: LanguageModel, task: Task, work: Path) -> Task:
    file = work / "tasks" / f"{job.kind}-{job.model}-{job.seed}.jsonl"
    if job.kind == "permuted-answers":
        return permuted(task, file, job.seed)
    if job.kind == "same-answer":
        return same_answer(task, file, job.seed, lambda text: len(model.encode(text)))
    return task


def coders_for(prepared: Prepared, store: Store, work: Path, seed: int) -> TranscoderSet:
    """The bundled transcoders, or new ones of an untrained model."""
    how = Training(
        settings=replace(TRAINING, seed=seed), store=store, keep=work / "coders", progress=ignore
    )
    return find_transcoders(prepared, None, how).transcoders


def found_for(
    job: Job, prepared: Prepared, coders: TranscoderSet, settings: RunSettings, store: Store
) -> Discovery:
    """What the search finds, and what a shuffle makes of it."""
    # Seeds beyond the third are other shuffles of the first search.
    searched = replace(settings, seed=job.seed % 3)
    found = discover(prepared, coders, searched, store, Clock(ignore))
    if job.kind not in ("shuffled-features", "shuffled-labels"):
        return found
    active = prepared.evaluator(coders, Split.LABELS, settings.probe_prompts).active().nonzero()
    kind = torch.full((len(active), 1), int(NodeKind.FEATURE))
    nodes = torch.unique(torch.cat([torch.cat([kind, active], 1), node_table(found.order)]), dim=0)
    if job.kind == "shuffled-features":
        return replace(found, order=shuffled(found.order, nodes, job.seed))
    draw = random.Random(f"shuffled labels {job.seed}")
    dealt = torch.tensor(draw.sample(nodes.tolist(), len(found.order)))
    return replace(found, order=gated_nodes(dealt))
