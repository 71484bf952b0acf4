"""Validation of one circuit on prompts that nothing was fitted, ranked or chosen on.

1. Published block: strict regime (everything outside the circuit ablated, errors too), resample.
2. The same under mean and zero ablation, and under every error regime, as `other_regimes`; the
   out-of-distribution split too, where the task has one.
3. Each block: F and φ with intervals, the empty circuit, all features, necessity (the complement
   alone, with the model's own errors back: the generous case for the complement, hence the strict
   one for us), matched random circuits with p, the size curve with CPR and CMD. The first two, test
   split under resample and mean, are what the verdict is read from, and have every control.
4. A verdict in words, from stated thresholds, with the tested reason where it falls short.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from core.figures import number, or_nan
from core.interventions import JUDGED, Ablation, ErrorRegime, Evaluator
from core.models.threads import mapped
from core.validation.bench import Candidate, ValidationSettings
from core.validation.block import measure
from core.validation.judgement import judge
from core.validation.metrics import smallest_span
from core.validation.verdict import Evidence

Progress = Callable[[int, int], None]
"""(blocks done, blocks in all)."""


class Row(NamedTuple):
    """A block of the plan: the prompts, and where everything outside the circuit goes."""

    evaluator: Evaluator
    split: str
    """Its name, as published."""
    ablation: Ablation
    errors: ErrorRegime = ErrorRegime.ABLATED
    judged: bool = False
    """Whether the verdict is read from it."""


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
    plan = _plan(evaluator, split, ood)
    progress(0, len(plan))

    def run(row: Row) -> dict[str, Any]:
        where, name, ablation, errors, judged = row
        return measure(where, candidate, name, ablation, errors, settings, judged=judged)

    blocks = []
    for block in mapped(evaluator.model, run, plan):
        blocks.append(block)
        progress(len(blocks), len(plan))
    judged = [block for row, block in zip(plan, blocks, strict=True) if row.judged]
    return _with_verdict(evaluator, blocks, judged, gate, worst_fvu)


def _plan(evaluator: Evaluator, split: str, ood: Evaluator | None) -> list[Row]:
    """All blocks, the published one first."""
    strict = [Row(evaluator, split, a, judged=a in JUDGED) for a in Ablation]
    errors = (ErrorRegime.KEPT, ErrorRegime.RESAMPLE, ErrorRegime.MEAN, ErrorRegime.ZERO)
    regimes = [Row(evaluator, split, Ablation.RESAMPLE, regime) for regime in errors]
    return strict + regimes + [Row(ood, "ood", a) for a in JUDGED if ood]


def _with_verdict(
    evaluator: Evaluator,
    blocks: list[dict[str, Any]],
    judged: list[dict[str, Any]],
    gate: float,
    worst_fvu: float | None,
) -> dict[str, Any]:
    """The published block with the verdict, and all others beneath it."""
    model = evaluator.model_outcome()
    evidence = Evidence(
        accuracy=float(model.correct.float().mean()),
        gate=gate,
        span_ci_low=or_nan(blocks[0]["span_ci"][0]),
        smallest_span=float(smallest_span(model.logit_diff[0])),
        blocks=tuple(judged),
        errors_kept=or_nan(_block(blocks, Ablation.RESAMPLE, ErrorRegime.KEPT)["faithfulness"]),
        worst_fvu=worst_fvu,
    )
    judgement = judge(evidence)
    return {
        **blocks[0],
        "model_accuracy": evidence.accuracy,
        "gate": gate,
        "smallest_span": number(evidence.smallest_span),
        "verdict": judgement.verdict.value,
        "reasons": list(judgement.reasons),
        "failed": {where: list(names) for where, names in judgement.failed.items()},
        "other_regimes": blocks[1:],
    }


def _block(blocks: list[dict[str, Any]], ablation: Ablation, errors: ErrorRegime) -> dict[str, Any]:
    """The first block of an ablation and an error regime."""
    wanted = (ablation.value, errors.value)
    return next(b for b in blocks if (b["ablation"], b["error_regime"]) == wanted)
