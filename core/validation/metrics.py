"""Scores of a circuit, from the answers it gives.

With m the mean logit difference answer − wrong, M the model, C the circuit and ∅ the empty circuit
(everything ablated):

    F(C) = (m(C) − m(∅)) / (m(M) − m(∅))      faithfulness, a ratio of means (Marks et al. 2024,
                                              arXiv 2403.19647; MIB, arXiv 2504.13151)
    φ(C) = accuracy(C) / accuracy(M)          behavioural preservation (HAGD, arXiv 2601.12879)

Neither is bounded by 1. Intervals are percentile bootstraps over prompts, the same resample of
prompts for C, ∅ and M.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.interventions import Outcome

RESAMPLES = 1000
"""Bootstrap resamples of the prompts."""
SPAN_SHARE = 0.1
"""m(M) − m(∅), in shares of the model's own spread, below which F is not measurable."""

LEVEL = 0.05
"""What is claimed of a selection (Lab) or of a transfer needs p below this against random nodes; a
verdict asks for more (`core.validation.verdict.SIGNIFICANT`)."""
LEAST_BEYOND = 0.1
"""And at least this much F more than random nodes keep, or cost, on average."""


class Interval(NamedTuple):
    """A 95 % bootstrap interval."""

    low: float
    high: float


class Scores(NamedTuple):
    """One circuit on one split."""

    faithfulness: float
    """F; NaN where the model is no better than its empty circuit."""
    faithfulness_ci: Interval
    phi: float
    """φ; NaN where the model is never right."""
    phi_ci: Interval
    accuracy: float
    """Share of prompts answered right."""
    logit_diff: float
    """m(C), in logits."""
    kl: float
    """Mean KL(model ‖ circuit), in nats."""
    agreement: float
    """Share of prompts with the model's own top token."""


def smallest_span(model: Float[Tensor, " prompt"]) -> Float[Tensor, ""]:
    """The least m(M) − m(∅) by which F can be measured, in logits.

    A share of the root mean square of the model's logit differences: where ablating everything
    moves them by less, F is a ratio of two small numbers, whatever its interval says.
    """
    return SPAN_SHARE * model.square().mean().sqrt()


def faithfulness(
    circuit: Float[Tensor, "circuit prompt"],
    empty: Float[Tensor, " prompt"],
    model: Float[Tensor, " prompt"],
) -> Float[Tensor, " circuit"]:
    """F of each circuit from logit differences; NaN where the span is too small to measure by."""
    span = model.mean() - empty.mean()
    found = (circuit.mean(-1) - empty.mean()) / span
    measurable = span > smallest_span(model)
    return torch.where(measurable, found, torch.full_like(found, torch.nan))


def behaviour(outcome: Outcome, model: Outcome) -> Float[Tensor, " circuit"]:
    """φ of each circuit; NaN where the model is never right."""
    accuracy = model.correct.float().mean()
    return outcome.correct.float().mean(-1) / torch.where(accuracy > 0, accuracy, torch.nan)


def scores(outcome: Outcome, empty: Outcome, model: Outcome, *, seed: int = 0) -> Scores:
    """All scores of a single circuit (row 0 of each outcome), with intervals."""
    m, none, full = (o.logit_diff[0] for o in (outcome, empty, model))
    right, full_right = outcome.correct[0].float(), model.correct[0].float()
    draw = resamples(len(m), torch.Generator().manual_seed(seed))
    f_draws = (m[draw].mean(1) - none[draw].mean(1)) / (full[draw].mean(1) - none[draw].mean(1))
    phi_draws = right[draw].mean(1) / full_right[draw].mean(1)
    f = float(faithfulness(m[None], none, full)[0])
    return Scores(
        faithfulness=f,
        faithfulness_ci=interval(f_draws) if math.isfinite(f) else Interval(math.nan, math.nan),
        phi=float(behaviour(outcome, model)[0]),
        phi_ci=interval(phi_draws),
        accuracy=float(right.mean()),
        logit_diff=float(m.mean()),
        kl=float(outcome.kl[0].mean()),
        agreement=float(outcome.agree[0].float().mean()),
    )


def p_value(value: float, random: Float[Tensor, " draw"]) -> float:
    """(1 + #{random ≥ value}) / (draws + 1): the chance of a random circuit doing as well.

    A score that cannot be computed is no better than any random circuit: p is then 1.
    """
    if not math.isfinite(value):
        return 1.0
    return (1 + int((~(random < value)).sum())) / (len(random) + 1)


def resamples(n: int, generator: torch.Generator) -> Int[Tensor, "draw prompt"]:
    """Bootstrap resamples of `n` prompts, as places among them."""
    return torch.randint(n, (RESAMPLES, n), generator=generator)


def interval(draws: Float[Tensor, " draw"]) -> Interval:
    """What 95 % of the finite draws lie in; NaN where there are none."""
    kept = draws[torch.isfinite(draws)]
    if not len(kept):
        return Interval(math.nan, math.nan)
    low, high = torch.quantile(kept, torch.tensor([0.025, 0.975]))
    return Interval(float(low), float(high))
