"""How much of a circuit's score is owed to what it was found on: section `circularity`.

1. *Splits*: F on the labels split (searched on), the selection split (its size chosen on) and the
   test split, strict, under both ablations that the search uses; the gap labels − test with a 95 %
   bootstrap interval over prompts of either split. A circuit that is tried on prompts of another
   task has its labels and selection split where it was found.
2. *Families*, on the test split: resample and mean, which the search uses, beside others.

       zero          everything outside the circuit at zero
       interchange   everything outside it at its values on a third prompt, neither the clean one
                     nor its twin; F of logit(answer) − logit(the third prompt's answer)
       steering      the circuit's nodes alone at their values on a third prompt, all else live:
                     (m(M) − m(steered)) / (m(M) − m(M on the third prompt)) of the same difference

   The last two stand beside matched random circuits.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.figures import figure, number, or_nan
from core.interventions import JUDGED, Ablation, ErrorRegime, Evaluator, Gates, Places
from core.pipeline.prepare import Batches, Prepared, head
from core.predictions.trials import third_rows
from core.tasks import Split
from core.transcoders import TranscoderSet
from core.validation import Alive, Candidate, faithfulness, matched_circuits
from core.validation.metrics import interval, resamples

PROMPTS = 128
"""Of each split."""
DRAWS = 20
"""Matched random circuits beside interchange and steering."""


def circularity(
    prepared: Prepared,
    coders: TranscoderSet,
    candidate: Candidate,
    *,
    searched: Prepared | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The section as JSON values.

    Args:
        prepared: Model and task.
        coders: The transcoders of the run.
        candidate: The circuit.
        searched: The prompts that the circuit was found on; None: those of `prepared`.
        seed: Of third prompts, draws and bootstraps.
    """
    splits = (Split.LABELS, Split.SELECTION, Split.TEST)
    runs = {
        split: (prepared if split is Split.TEST else searched or prepared).evaluator(
            coders, split, PROMPTS
        )
        for split in splits
    }
    found = {split: _margins(runs[split], candidate) for split in splits}
    test = {a.value: _f(found[Split.TEST][a]) for a in Ablation}
    third = _third(prepared, coders, candidate, seed)
    result: dict[str, Any] = {
        "prompts": {split.value: runs[split].n_prompts for split in splits},
        "splits": {s.value: {a.value: number(_f(found[s][a])) for a in JUDGED} for s in splits},
        "gap": {a.value: _gap(found[Split.LABELS][a], found[Split.TEST][a], seed) for a in JUDGED},
        "families": {name: {"faithfulness": number(f)} for name, f in test.items()} | third,
    }
    return result | {"sentence": _sentence(result)}


class Margins(NamedTuple):
    """Logit differences on one split; splits need not have equally many prompts."""

    own: Float[Tensor, " prompt"]
    """Of the circuit."""
    none: Float[Tensor, " prompt"]
    """With nothing kept."""
    model: Float[Tensor, " prompt"]


def _margins(evaluator: Evaluator, candidate: Candidate) -> dict[Ablation, Margins]:
    gates = _nested(evaluator, candidate)
    model = evaluator.model_outcome().logit_diff[0]
    found = {}
    for ablation in Ablation:
        none, own = evaluator.outcome(gates, ablation, ErrorRegime.ABLATED).logit_diff
        found[ablation] = Margins(own, none, model)
    return found


def _nested(evaluator: Evaluator, candidate: Candidate) -> Gates:
    """Nothing, and the circuit."""
    nodes = candidate.first(candidate.size)
    places = Places.of(nodes, evaluator.bounds, candidate.attention)
    return places.gates(torch.stack([torch.zeros(len(nodes)), torch.ones(len(nodes))]))


def _f(margins: Margins) -> float:
    return float(faithfulness(margins.own[None], margins.none, margins.model)[0])


def _gap(searched: Margins, tested: Margins, seed: int) -> dict[str, Any]:
    """F on the labels split less F on the test split."""
    generator = torch.Generator().manual_seed(seed)
    drawn = _drawn(searched, generator) - _drawn(tested, generator)
    low, high = interval(drawn)
    value = _f(searched) - _f(tested)
    return {
        "labels_minus_test": number(value),
        "interval": [number(low), number(high)] if number(value) is not None else [None, None],
    }


def _drawn(margins: Margins, generator: torch.Generator) -> Float[Tensor, " draw"]:
    rows = resamples(len(margins.own), generator)
    own, none, model = (one[rows].mean(1) for one in margins)
    return (own - none) / (model - none)


def _third(
    prepared: Prepared, coders: TranscoderSet, candidate: Candidate, seed: int
) -> dict[str, dict[str, Any]]:
    """Interchange and steering; empty where no test prompt has a third one of another answer."""
    batches = third_batches(head(prepared.batches[Split.TEST], PROMPTS), seed)
    if not batches:
        return {}
    evaluator = Evaluator(
        prepared.model,
        coders,
        batches,
        mean_over=prepared.mean_reference(coders),
        length=prepared.length,
    )
    gates = _nested(evaluator, candidate)
    random = matched_circuits(
        candidate.first(candidate.size),
        Alive.on(evaluator, candidate.attention),
        draws=DRAWS,
        seed=seed,
    )
    both = Gates(
        feature=torch.cat([gates.feature, random.gates.feature]),
        head=torch.cat([gates.head, random.gates.head]),
    )
    return {
        "interchange": _interchange(evaluator, both),
        "steering": _steering(evaluator, both, batches, candidate, prepared),
    }


def third_batches(batches: Batches, seed: int) -> Batches:
    """The prompts with third prompts as their twins, and the third prompts' answers as wrong."""
    found = []
    for batch in batches:
        rows = third_rows(batch, seed)
        fits = (rows >= 0) & (batch.answer[rows] != batch.answer)
        kept = fits.nonzero()[:, 0]
        if len(kept):
            third = batch.take(rows[kept])
            found.append(replace(batch.take(kept), corrupt=third.clean, wrong=third.answer))
    return tuple(found)


def _interchange(evaluator: Evaluator, gates: Gates) -> dict[str, Any]:
    """F of the second circuit between the first (nothing) and the model; the rest is random."""
    outcome = evaluator.outcome(gates, Ablation.RESAMPLE, ErrorRegime.ABLATED).logit_diff
    model = evaluator.model_outcome().logit_diff[0]
    f = faithfulness(outcome[1:], outcome[0], model)
    return {"faithfulness": number(float(f[0])), **_beside(f)}


def _steering(
    evaluator: Evaluator,
    gates: Gates,
    batches: Batches,
    candidate: Candidate,
    prepared: Prepared,
) -> dict[str, Any]:
    rest = gates[1:].complement(candidate.attention)
    moved = evaluator.outcome(rest, Ablation.RESAMPLE, ErrorRegime.KEPT)
    model = evaluator.model_outcome().logit_diff[0].mean()
    there = _mean_on_third(prepared, batches)
    share = (model - moved.logit_diff.mean(1)) / (model - there)
    return {"faithfulness": number(float(share[0])), **_beside(share)}


def _mean_on_third(prepared: Prepared, batches: Sequence[Any]) -> Tensor:
    """Mean logit(answer) − logit(third prompt's answer) of the model on the third prompts."""
    found = []
    for batch in batches:
        with torch.no_grad():
            logits = prepared.model.logits(batch.corrupt)
        found.append(batch.margin(logits))
    return torch.cat(found).mean()


def _beside(values: Float[Tensor, " circuit"]) -> dict[str, Any]:
    random = values[1:]
    return {
        "random_n": len(random),
        "random_mean": number(float(random.mean())),
        "random_max": number(float(random.max())),
    }


def _sentence(result: dict[str, Any]) -> str:
    splits, families = result["splits"], result["families"]
    others = [name for name in families if name not in {a.value for a in JUDGED}]
    gaps = [or_nan(result["gap"][a.value]["labels_minus_test"]) for a in JUDGED]
    shown = ", ".join(f"{name} {figure(families[name]['faithfulness'])}" for name in others)
    return (
        f"F on the prompts it was searched on less F on unseen ones: {figure(gaps[0])} (resample), "
        f"{figure(gaps[1])} (mean). Under resampling, as in the search, F "
        f"{figure(splits['test']['resample'])}; under interventions that the search does not make: "
        f"{shown}."
    )
