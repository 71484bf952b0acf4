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
from typing import Any

from core.figures import number, or_nan
from core.interventions import Ablation, ErrorRegime, Evaluator
from core.models.threads import mapped
from core.validation.bench import Candidate, ValidationSettings
from core.validation.block import measure
from core.validation.judgement import judge
from core.validation.metrics import smallest_span
from core.validation.verdict import Evidence

JUDGED = 2
"""Blocks that the verdict is read from: the first of the plan."""
Progress = Callable[[int, int], None]
"""(blocks done, blocks in all)."""


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
    progress(0, len(plan))

    def run(place: int) -> dict[str, Any]:
        where, name, ablation, regime = plan[place]
        judged = place < JUDGED
        return measure(where, candidate, name, ablation, regime, settings, judged=judged)

    blocks = []
    for block in mapped(evaluator.model, run, range(len(plan))):
        blocks.append(block)
        progress(len(blocks), len(plan))
    return _judged(evaluator, blocks, gate, worst_fvu)


def _judged(
    evaluator: Evaluator, blocks: list[dict[str, Any]], gate: float, worst_fvu: float | None
) -> dict[str, Any]:
    model = evaluator.model_outcome()
    evidence = Evidence(
        accuracy=float(model.correct.float().mean()),
        gate=gate,
        span_ci_low=or_nan(blocks[0]["span_ci"][0]),
        smallest_span=float(smallest_span(model.logit_diff[0])),
        blocks=tuple(blocks[:JUDGED]),
        errors_kept=or_nan(blocks[3]["faithfulness"]),
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
