"""From behaviour under each stand-in to a word: structured, noise or undecided.

All tests are paired over prompts. With m the logit difference and S = m(M) − m(∅), a difference of
F is the mean over prompts of (m − m′) / S.

1. *Is the error more to its prompt than noise, and than another prompt's error?* Under the null the
   real error is one more draw: which of the draws is called real is then a matter of chance, prompt
   by prompt (`exchanged`, a randomisation test, one-sided). Both nulls must fall; the larger p
   counts, adjusted over the layers by Holm (1979).
2. *Does what a probe finds in it matter?* F lost when the directions that tell a variable of the
   task are taken out of the error, against adding noise as large as what was taken out; the same
   test, p adjusted over the variables, and the variable whose directions carry most counts.
3. *Is it noise, for all that F can tell?* Two one-sided t tests (Schuirmann 1987, TOST) that noise
   of equal norm, another prompt's error and the corrupt prompt's error each change F by less
   than 0.02 either way. Each at 5 %, all required, which needs no adjustment (intersection-union).

*Structured*: 1 and 2 at p < 0.01, and 2 moves F by 0.05 or more. Else *noise* where 3 passes; else
*undecided*. An error that matters by a significant but tiny amount is noise by this rule: the tests
say that it matters and the size says how little.

Whether shuffling costs more than noise is told beside these (`sign_flip`), but is no condition: an
error can carry what the behaviour needs in directions that are no more sensitive than any other,
and then both cost the same.
"""

import math
from enum import StrEnum
from typing import NamedTuple

import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from core.figures import figure

ALPHA = 0.01
"""Of the tests for structure."""
EQUIVALENT = 0.05
"""Of each equivalence test."""
MARGIN = 0.02
"""F that noise may change and still be equivalent."""
MOVED = 0.05
"""Least F that the probed directions must carry."""
RANDOMISED = 9999
"""Random assignments of a test; the least p is 1 / 10000."""


class Content(StrEnum):
    """What an error is to the behaviour."""

    STRUCTURED = "structured"
    NOISE = "noise"
    UNDECIDED = "undecided"


class Probed(NamedTuple):
    """What the directions that tell one variable are to the behaviour."""

    variable: str
    lost: float
    """F lost without them; NaN where the task declares no variable."""
    p_value: float
    """Adjusted over the variables; 1 where it was not needed."""


class Evidence(NamedTuple):
    """The results that a word is read from; differences are in shares of F."""

    over_noise: float
    """F of the real error beyond noise of equal norm."""
    over_shuffled: float
    """F of the real error beyond another prompt's."""
    p_structure: float
    """Test 1, adjusted over the layers."""
    probed: Probed
    """Test 2, of the variable whose directions carry most."""
    p_equivalent: float
    """Test 3, the largest of the three."""


class Word(NamedTuple):
    """A verdict and the sentence that gives its reason."""

    content: Content
    reason: str


def exchanged(
    real: Float[Tensor, " prompt"], draws: Float[Tensor, "draw prompt"], seed: int
) -> float:
    """One-sided p of the mean over prompts of `real`, if each prompt's were one draw of many."""
    values = torch.cat([real[None], draws]).double()
    generator = torch.Generator().manual_seed(seed)
    pick = torch.randint(len(values), (RANDOMISED, len(real)), generator=generator)
    return _reached(values[0], values[pick, torch.arange(len(real))])


def sign_flip(difference: Float[Tensor, " prompt"], seed: int) -> float:
    """One-sided p of a mean above 0 when each prompt's sign is a coin; 1 where all are 0."""
    generator = torch.Generator().manual_seed(seed)
    shape = (RANDOMISED, len(difference))
    signs = torch.randint(2, shape, generator=generator, dtype=torch.float64) * 2 - 1
    return _reached(difference.double(), signs * difference)


def _reached(
    found: Float[Tensor, " prompt"], by_chance: Float[Tensor, "assignment prompt"]
) -> float:
    # a sum of another order may differ in the last digit: what is equal counts as reached
    slack = 1e-12 * found.abs().sum()
    return (1 + int((by_chance.sum(1) >= found.sum() - slack).sum())) / (RANDOMISED + 1)


def equivalence(difference: Float[Tensor, " prompt"], margin: float = MARGIN) -> float:
    """p of |mean| ≥ margin: the larger of two one-sided t tests; 1 for a single prompt."""
    d = difference.double()
    mean, n = float(d.mean()), len(d)
    if n < 2:
        return 1.0
    error = float(d.std()) / math.sqrt(n)
    if error == 0:
        return 0.0 if abs(mean) < margin else 1.0
    return float(stats.t.sf((margin - abs(mean)) / error, n - 1))


def holm(values: list[float]) -> list[float]:
    """p values adjusted for their number; in the order given."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, most = [1.0] * len(values), 0.0
    for rank, place in enumerate(order):
        most = max(most, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = most
    return adjusted


def decide(tested: Evidence) -> Word:
    """The word for one layer, or for all at once."""
    p_structure = _chance(tested.p_structure)
    carries = (
        f"the real error gives {_three(tested.over_noise)} of F more than noise of equal norm and "
        f"{_three(tested.over_shuffled)} more than another prompt's ({p_structure})"
    )
    probed = tested.probed
    tells = (
        "the task declares no variable to probe"
        if math.isnan(probed.lost)
        else f"the directions that tell {probed.variable} carry {_three(probed.lost)}"
    )
    significant = tested.p_structure < ALPHA
    if significant and probed.lost >= MOVED and probed.p_value < ALPHA:
        return Word(Content.STRUCTURED, f"{_up(carries)}; {tells} ({_chance(probed.p_value)}).")
    if tested.p_equivalent < EQUIVALENT:
        beside = f"; {carries}" if significant else ""
        return Word(
            Content.NOISE,
            "Noise of equal norm, another prompt's error and the corrupt prompt's each change F by "
            f"less than {MARGIN} (equivalence {_chance(tested.p_equivalent)}){beside}.",
        )
    return Word(
        Content.UNDECIDED,
        f"{_up(carries)}; {tells} ({_chance(probed.p_value)}; {MOVED} at p < {ALPHA} is required), "
        f"and equivalence to noise within {MARGIN} is not shown ({_chance(tested.p_equivalent)}).",
    )


def _three(value: float) -> str:
    """Three decimals: two would show most errors as nothing."""
    return figure(value, 3)


def _chance(p: float) -> str:
    return "p < 0.0001" if p < 0.00005 else f"p {p:.4f}"


def _up(text: str) -> str:
    return text[:1].upper() + text[1:]
