"""Validation of one circuit on prompts that nothing was fitted, ranked or chosen on.

1. Published block: strict regime (everything outside the circuit ablated, errors too), resample.
2. The same under mean and zero ablation, and under every error regime, as `other_regimes`; the
   out-of-distribution split too, where the task has one.
3. Each block: F and φ with intervals, the empty circuit, all features, necessity (the complement
   alone, with the model's own errors back: the generous case for the complement, hence the strict
   one for us), matched and free random circuits with p, the size curve with CPR and CMD.
4. A verdict in words, from stated thresholds, with the tested reason where it falls short.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import FeatureNode
from core.errors import SettingsError
from core.interventions import Ablation, ErrorRegime, Evaluator, Outcome
from core.validation.controls import RandomCircuits, free_circuits, matched_circuits
from core.validation.curve import BANDED, area, curve_sizes, nested_masks
from core.validation.metrics import Scores, behaviour, faithfulness, p_value, scores
from core.validation.verdict import Evidence, judge

Progress = Callable[[int, int], None]
"""(blocks done, blocks in all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSettings:
    """How hard a circuit is tested."""

    draws: int = 100
    """Random circuits of each kind in a block; at least 100 for p < 0.01."""
    curve_draws: int = 20
    """Random circuits behind each point of a curve."""
    seed: int = 0
    """Seed of random circuits and bootstraps."""

    def __post_init__(self) -> None:
        if self.draws < 100:
            raise SettingsError(
                f"draws is {self.draws}; at least 100 random circuits are required, or p cannot "
                "fall below 0.01. Raise draws."
            )


class Candidate(NamedTuple):
    """What is validated."""

    order: tuple[FeatureNode, ...]
    """All candidate features, strongest first."""
    size: int
    """The circuit is the first `size` of them."""
    n_edges: int
    """Edges between its nodes in the task graph."""


def validate(
    evaluator: Evaluator,
    candidate: Candidate,
    *,
    gate: float,
    split: str,
    settings: ValidationSettings,
    ood: Evaluator | None = None,
    worst_fvu: float | None = None,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """The content of `validation.json`.

    Args:
        evaluator: On the split to judge on.
        candidate: The circuit and the ranking it was cut from.
        gate: Least accuracy of the model.
        split: Name of the split, as published.
        settings: How hard to test.
        ood: On the out-of-distribution split, if there is one.
        worst_fvu: Largest FVU of the dictionary over layers, if measured.
        progress: Told after every block.
    """
    plan: list[tuple[Evaluator, str, Ablation, ErrorRegime]] = [
        (evaluator, split, ablation, ErrorRegime.ABLATED)
        for ablation in (Ablation.RESAMPLE, Ablation.MEAN, Ablation.ZERO)
    ]
    errors = (ErrorRegime.KEPT, ErrorRegime.RESAMPLE, ErrorRegime.MEAN, ErrorRegime.ZERO)
    plan += [(evaluator, split, Ablation.RESAMPLE, regime) for regime in errors]
    plan += [
        (ood, "ood", a, ErrorRegime.ABLATED) for a in (Ablation.RESAMPLE, Ablation.MEAN) if ood
    ]
    blocks = []
    for done, (where, name, ablation, regime) in enumerate(plan):
        progress(done, len(plan))
        blocks.append(_block(where, candidate, name, ablation, regime, settings))
    progress(len(plan), len(plan))
    return _judged(evaluator, blocks, gate, worst_fvu)


def _judged(
    evaluator: Evaluator, blocks: list[dict[str, Any]], gate: float, worst_fvu: float | None
) -> dict[str, Any]:
    model = evaluator.model_outcome()
    evidence = Evidence(
        accuracy=float(model.correct.float().mean()),
        gate=gate,
        span_ci_low=_real(blocks[0]["span_ci"][0]),
        blocks=(blocks[0], blocks[1]),
        errors_kept=_real(blocks[3]["faithfulness"]),
        worst_fvu=worst_fvu,
    )
    judgement = judge(evidence)
    return {
        **blocks[0],
        "model_accuracy": evidence.accuracy,
        "gate": gate,
        "verdict": judgement.verdict.value,
        "reasons": list(judgement.reasons),
        "other_regimes": blocks[1:],
    }


class _Bench(NamedTuple):
    """One evaluator under one ablation and error regime, with its end points."""

    evaluator: Evaluator
    ablation: Ablation
    regime: ErrorRegime
    model: Outcome
    empty: Outcome

    def run(self, masks: Float[Tensor, "circuit layer pos feature"]) -> Outcome:
        return self.evaluator.outcome(masks, self.ablation, self.regime)

    def f(self, masks: Float[Tensor, "circuit layer pos feature"]) -> Float[Tensor, " circuit"]:
        return self.f_of(self.run(masks))

    def f_of(self, outcome: Outcome) -> Float[Tensor, " circuit"]:
        return faithfulness(outcome.logit_diff, self.empty.logit_diff[0], self.model.logit_diff[0])


def _block(
    evaluator: Evaluator,
    candidate: Candidate,
    split: str,
    ablation: Ablation,
    regime: ErrorRegime,
    settings: ValidationSettings,
) -> dict[str, Any]:
    """One ablation and error regime on one split, beside its controls."""
    none = torch.zeros(1, *evaluator.mask_shape)
    strict_empty = evaluator.outcome(none, ablation, ErrorRegime.ABLATED)
    bench = _Bench(evaluator, ablation, regime, evaluator.model_outcome(), strict_empty)
    mask = nested_masks(candidate.order, [candidate.size], evaluator.mask_shape)
    outcome = bench.run(mask)
    found = scores(outcome, bench.empty, bench.model, seed=settings.seed)
    floor = scores(bench.run(none), bench.empty, bench.model, seed=settings.seed)
    everything = scores(bench.run(none + 1), bench.empty, bench.model, seed=settings.seed)
    return {
        "split": split,
        "ablation": ablation.value,
        "error_regime": regime.value,
        "n_prompts": evaluator.n_prompts,
        "n_nodes": candidate.size,
        "n_edges": candidate.n_edges,
        **_scores_json(found),
        "phi_empty": _number(floor.phi),
        "faithfulness_empty": _number(floor.faithfulness),
        "phi_full": _number(everything.phi),
        "faithfulness_full": _number(everything.faithfulness),
        "span_ci": _span_interval(bench, settings.seed),
        "necessity": _necessity(bench, mask),
        **_controls(bench, mask[0], found, settings),
        **_curve(bench, candidate, settings),
        "forwards_used": None,
    }


def _scores_json(found: Scores) -> dict[str, Any]:
    return {
        "faithfulness": _number(found.faithfulness),
        "faithfulness_ci": [_number(v) for v in found.faithfulness_ci],
        "phi": _number(found.phi),
        "phi_ci": [_number(v) for v in found.phi_ci],
        "accuracy": _number(found.accuracy),
        "logit_diff": _number(found.logit_diff),
        "kl": _number(found.kl),
        "agreement": _number(found.agreement),
    }


def _number(value: float) -> float | None:
    """JSON has no NaN: what cannot be computed (no span, no right answer) is null, never 0."""
    return round(value, 6) if math.isfinite(value) else None


def _real(number: float | None) -> float:
    return math.nan if number is None else number


def _span_interval(bench: _Bench, seed: int) -> list[float | None]:
    """95 % interval of m(M) − m(∅), in logits."""
    span = bench.model.logit_diff[0] - bench.empty.logit_diff[0]
    generator = torch.Generator().manual_seed(seed)
    draws = span[torch.randint(len(span), (1000, len(span)), generator=generator)].mean(1)
    low, high = torch.quantile(draws, torch.tensor([0.025, 0.975])).tolist()
    return [_number(low), _number(high)]


def _necessity(bench: _Bench, mask: Float[Tensor, "1 layer pos feature"]) -> float | None:
    """1 − F of everything but the circuit, the model's own errors live; None where F is."""
    rest = bench.evaluator.outcome(1 - mask, bench.ablation, ErrorRegime.KEPT)
    return _number(1 - float(bench.f_of(rest)[0]))


def _controls(
    bench: _Bench,
    mask: Float[Tensor, "layer pos feature"],
    found: Scores,
    settings: ValidationSettings,
) -> dict[str, Any]:
    evaluator = bench.evaluator
    active, activation = evaluator.active(), evaluator.mean_activation()
    options = {"draws": settings.draws, "seed": settings.seed}
    matched = matched_circuits(mask, active, activation, **options)
    free = free_circuits(mask, active, **options)
    return {
        "random": _random_json(bench, matched, found),
        "random_free": _random_json(bench, free, found),
        "n_alive": int((mask.bool() | active).sum()),
    }


def _random_json(bench: _Bench, random: RandomCircuits, found: Scores) -> dict[str, Any]:
    outcome = bench.run(random.masks)
    f = bench.f_of(outcome)
    phi = behaviour(outcome, bench.model)
    return {
        "n": len(f),
        "faithfulness_mean": _number(float(f.mean())),
        "faithfulness_max": _number(float(f.max())),
        "phi_mean": _number(float(phi.mean())),
        "phi_max": _number(float(phi.max())),
        "p_value": p_value(found.faithfulness, f),
        "overlap": _number(random.overlap),
    }


def _curve(bench: _Bench, candidate: Candidate, settings: ValidationSettings) -> dict[str, Any]:
    shape = bench.evaluator.mask_shape
    sizes = curve_sizes(len(candidate.order), candidate.size)
    masks = nested_masks(candidate.order, sizes, shape)
    outcome = bench.run(masks)
    f = bench.f_of(outcome)
    phi = behaviour(outcome, bench.model)
    # A band costs 20 circuits a point: drawn where the figure is published, not in every regime.
    published = bench.regime is ErrorRegime.ABLATED and bench.ablation is not Ablation.ZERO
    banded = {*BANDED, candidate.size, len(candidate.order)}
    points = [
        {
            "size": size,
            "faithfulness": _number(float(f[i])),
            "phi": _number(float(phi[i])),
            **(_band(bench, masks[i], settings) if published and size in banded else {}),
        }
        for i, size in enumerate(sizes)
    ]
    total = max(len(candidate.order), 1)
    gaps = (1 - f).abs().tolist()
    return {
        "curve": points,
        "cpr": _number(area(sizes, f.tolist(), total)),
        "cmd": _number(area(sizes, gaps, total)),
    }


def _band(
    bench: _Bench, mask: Float[Tensor, "layer pos feature"], settings: ValidationSettings
) -> dict[str, float | None]:
    """Range of F over free random circuits of the same size: 5 and 95 % quantiles."""
    draws = {"draws": settings.curve_draws, "seed": settings.seed + 1}
    random = free_circuits(mask, bench.evaluator.active(), **draws)
    f = bench.f(random.masks)
    low, high = torch.quantile(f, torch.tensor([0.05, 0.95])).tolist()
    return {"random_low": _number(low), "random_high": _number(high)}
