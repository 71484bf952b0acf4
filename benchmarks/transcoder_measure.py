"""One dictionary of `transcoder_study`: its training, how well it reconstructs, its circuits."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from bundled import model_card
from hidden_probe import HiddenProbe
from transcoder_circuits import Asked, anywhere, circuits
from transcoder_kinds import Kind

from core.graph import NodeKind
from core.pipeline.finding.probes import Probe
from core.pipeline.prepare import Prepared
from core.search import eliminate_jointly
from core.tasks import Split
from core.transcoders import (
    TrainReport,
    TrainSettings,
    TranscoderSet,
    collect,
    measure_transcoders,
    neuron_transcoders,
    sized,
    train_transcoders,
)
from core.transcoders.hidden import train_hidden
from core.transcoders.settings import only_at

PROBES = 256
"""Prompts of the labels split that candidates are ranked on."""


def study(prepared: Prepared, kind: Kind, seed: int) -> dict[str, Any]:
    """One dictionary: reconstruction, ranking, circuits."""
    began, busy = time.monotonic(), time.process_time()
    asked, row = (_hidden if kind.hidden else _transcoders)(prepared, kind, seed)
    order = eliminate_jointly(len(asked[Split.LABELS].nodes), asked[Split.LABELS].respond).order
    row["candidates"] = len(order)
    for split in (Split.SELECTION, Split.TEST):
        row[split.value] = circuits(asked[split], order, seed)
    if kind.anywhere:
        row |= anywhere(prepared, asked)
    row["seconds"] = round(time.monotonic() - began, 1)
    row["processor_seconds"] = round(time.process_time() - busy, 1)
    return row


def _transcoders(
    prepared: Prepared, kind: Kind, seed: int
) -> tuple[Mapping[Split, Asked], dict[str, Any]]:
    """A transcoder set, asked on each split, and how well it reconstructs."""
    model, batches = prepared.model, prepared.batches
    report = None
    if kind.settings is None:
        coders = neuron_transcoders(model)
    else:
        settings = _settings(prepared, kind, seed)
        coders, report = train_transcoders(model, batches[Split.FEATURES], settings)
    row: dict[str, Any] = {"prefixes": list(coders.prefixes), "kind": coders.kind}
    for split in (Split.SELECTION, Split.TEST):
        row[f"quality_{split.value}"] = _quality(prepared, coders, report, split)
    labels = prepared.evaluator(coders, Split.LABELS, PROBES)
    active = labels.active()
    active[-1, :-1] = False  # what the last block writes there is read by nobody
    nodes = torch.nn.functional.pad(active.nonzero(), (1, 0), value=int(NodeKind.FEATURE))
    splits = {split: prepared.evaluator(coders, split) for split in (Split.SELECTION, Split.TEST)}
    evaluators = {Split.LABELS: labels, **splits}
    return {split: Probe.on(one, nodes) for split, one in evaluators.items()}, row


def _settings(prepared: Prepared, kind: Kind, seed: int) -> TrainSettings:
    """The kind's settings; prefixes from the ranks of the sites that matter, selection split."""
    assert kind.settings is not None
    settings = replace(kind.settings, seed=seed)
    grouped = settings.group_weight > 0
    if kind.ladder or grouped:
        card = model_card(prepared.model.name)
        settings = only_at(
            settings, ((s["layer"], s["position"], s["matters"]) for s in card["sites"])
        )
    if kind.ladder:
        lengths = tuple(step / kind.ladder[-1] for step in kind.ladder)
        nested = replace(settings.nested, per_rank=kind.ladder[-1], lengths=lengths)
        samples = collect(prepared.model, prepared.batches[Split.SELECTION])
        settings = sized(replace(settings, nested=nested), samples)
    return settings


def _quality(
    prepared: Prepared, coders: TranscoderSet, report: TrainReport | None, split: Split
) -> dict[str, Any]:
    batches = prepared.batches[split]
    found = measure_transcoders(prepared.model, coders, batches)
    samples = collect(prepared.model, batches)
    fires = (coders.encode(samples.x) != 0)[:, ~samples.first].float().mean(1)
    alive = [rate[rate > 0] for rate in fires]
    row = {
        "fvu": [layer.fvu for layer in found.layers],
        "fvu_last": [layer.fvu_by_position[-1] for layer in found.layers],
        "replacement_accuracy": found.replacement_accuracy,
        "dead_share": [layer.dead_share for layer in found.layers],
        "l0": [layer.l0 for layer in found.layers],
        "firing_rate": [float(rate.median()) if len(rate) else 0.0 for rate in alive],
    }
    if report is not None and report.heads:
        a = coders.encode(samples.x)
        row["prediction_error"] = [
            float(head.error(a[layer], a[layer + 1]).detach())
            for layer, head in enumerate(report.heads)
        ]
    return row


def _hidden(
    prepared: Prepared, kind: Kind, seed: int
) -> tuple[Mapping[Split, Asked], dict[str, Any]]:
    """The hidden state's autoencoder, asked on each split, and how well it reconstructs."""
    assert kind.settings is not None
    settings = replace(kind.settings, seed=seed)
    dictionary = train_hidden(prepared.model, prepared.batches[Split.FEATURES], settings)
    make: Callable[..., HiddenProbe] = HiddenProbe.on
    labels = make(prepared, dictionary, Split.LABELS, limit=PROBES)
    asked = {Split.LABELS: labels}
    for split in (Split.SELECTION, Split.TEST):
        asked[split] = make(prepared, dictionary, split, nodes=labels.nodes)
    qualities = {f"quality_{split.value}": one.quality() for split, one in asked.items()}
    qualities.pop(f"quality_{Split.LABELS.value}")
    return asked, {"prefixes": [], "kind": "hidden", **qualities}
