"""The Fourier structure that a model of modular addition has in its trained weights.

1. *Spectrum* of rows that stand for the numbers 0 ... p − 1 (embeddings, unembeddings): their
   discrete Fourier transform along the numbers; the share of each frequency k in the power of all
   but the constant (Nanda et al. 2023, arXiv 2301.05217).
2. *Key frequencies*: those with a larger share than any frequency has in any of the shuffles of the
   numbers among the rows, which keep every row and destroy the order.
3. *Clock or pizza* (Zhong et al. 2023, arXiv 2306.17844), with Q_abc the logit of c on a + b:

       gradient symmetry       mean cosine of ∂Q_abc/∂E_a and ∂Q_abc/∂E_b. A pizza looks at the sum
                               of the embeddings: 1. A clock multiplies them: far below.
       distance irrelevance    Std of Q_{a,b,a+b} at equal a − b, averaged over a − b, over its Std
                               in all. A pizza's logits depend on a − b: low. A clock's do not.

   `ideal_clock` and `ideal_pizza` are both in closed form, to read a model's figures against.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.features.variables import FEWEST_FOR_WAVE, Value
from core.models import LanguageModel

SHUFFLES = 99
"""Of the numbers among the rows; what beats them all has p ≤ 0.01."""


def spectrum(rows: Float[Tensor, "*copy value width"]) -> Float[Tensor, "*copy frequency"]:
    """Share of each frequency 1, 2, ... below half of the values; sums to at most 1."""
    power = torch.fft.rfft(rows.double(), dim=-2).abs().square().sum(-1)
    half = power[..., 1 : (rows.shape[-2] - 1) // 2 + 1]
    return half / power[..., 1:].sum(-1, keepdim=True).clamp(min=1e-30)


def shuffled_most(rows: Float[Tensor, "value width"], seed: int = 0) -> float:
    """The largest share that any frequency has in any shuffle of the numbers."""
    chance = torch.rand(SHUFFLES, len(rows), generator=torch.Generator().manual_seed(seed))
    return float(spectrum(rows[chance.argsort(1)]).max())


def key_frequencies(rows: Float[Tensor, "value width"], seed: int = 0) -> tuple[int, ...]:
    """Frequencies with more power than any has by chance, ascending."""
    found = spectrum(rows) > shuffled_most(rows, seed)
    return tuple((found.nonzero()[:, 0] + 1).tolist())


class Numbers(NamedTuple):
    """A variable that counts the answers."""

    variable: str
    """Name, as the task declares it."""
    tokens: tuple[int, ...]
    """Vocabulary id of the answer for each of its values 0, 1, ..., p − 1."""


def counted_answers(
    variables: Sequence[Mapping[str, Value]], answers: Sequence[int]
) -> Numbers | None:
    """The first variable whose values 0 ... p − 1 have one answer each, all different.

    Args:
        variables: Of each prompt.
        answers: Vocabulary id of each prompt's answer.
    """
    for name in variables[0] if variables else ():
        token: dict[Value, int] = {}
        if not all(
            name in row and token.setdefault(row[name], answer) == answer
            for row, answer in zip(variables, answers, strict=True)
        ):
            continue
        whole = set(token) == set(range(len(token)))
        if whole and len(set(token.values())) == len(token) >= FEWEST_FOR_WAVE:
            return Numbers(name, tuple(token[value] for value in range(len(token))))
    return None


def in_weights(model: LanguageModel, tokens: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Spectra and key frequencies of both ends of a model, as JSON values.

    Args:
        model: Its embedding, and its unembedding with the final norm's weight.
        tokens: Vocabulary id of each number, from 0.
    """
    chosen = torch.tensor(tokens)
    ends = {
        "embedding": model.hf.get_input_embeddings().weight.detach()[chosen],
        "unembedding": model.W_U[chosen] * model.final_norm.weight,
    }
    return {
        name: {
            "key": list(key_frequencies(rows)),
            "share": [round(x, 4) for x in spectrum(rows).tolist()],
            "largest_share_shuffled": round(shuffled_most(rows), 4),
        }
        for name, rows in ends.items()
    }


def gradient_symmetry(
    at_a: Float[Tensor, "sample width"], at_b: Float[Tensor, "sample width"]
) -> float:
    """Mean cosine of the gradients of one logit by the two operands' embeddings, in [−1, 1]."""
    return float(torch.nn.functional.cosine_similarity(at_a.double(), at_b.double()).mean())


def distance_irrelevance(correct: Float[Tensor, "a b"]) -> float:
    """Spread of the right answer's logit at one a − b, in units of its whole spread; in [0, 1].

    Args:
        correct: Q_{a,b,a+b} for all operands.
    """
    p = len(correct)
    a = torch.arange(p)
    same = torch.stack([correct[a, (a - distance) % p] for distance in range(p)]).double()
    whole = float(same.std(correction=0))
    return float(same.std(1, correction=0).mean()) / whole if whole > 0 else math.nan


Logits = Callable[[Tensor, Tensor], Tensor]
"""Embeddings of a and of b, each [sample width] → logits [sample value]."""


def circle_embedding(p: int, frequencies: Sequence[int]) -> Float[Tensor, "value width"]:
    """cos and sin of every frequency, number by number."""
    angle = 2 * math.pi * torch.arange(p)[:, None] * torch.tensor(frequencies) / p
    return torch.cat([angle.cos(), angle.sin()], 1).double()


def ideal_clock(p: int, frequencies: Sequence[int]) -> Logits:
    """Adds angles by multiplying the operands' embeddings: Σ_k cos k(a + b − c)."""
    table, n = circle_embedding(p, frequencies), len(frequencies)

    def logits(a: Tensor, b: Tensor) -> Tensor:
        (ca, sa), (cb, sb) = a.split(n, -1), b.split(n, -1)
        both = torch.cat([ca * cb - sa * sb, ca * sb + sa * cb], -1)
        return both @ table.T

    return logits


def ideal_pizza(p: int, frequencies: Sequence[int], slices: int = 32) -> Logits:
    """Reads the sum of the embeddings alone: Σ_k |cos k(a − b)/2| cos k(a + b − c), up to scale."""
    table, n = circle_embedding(p, frequencies), len(frequencies)
    phi = math.pi * torch.arange(slices, dtype=torch.float64) / slices

    def logits(a: Tensor, b: Tensor) -> Tensor:
        c, s = (a + b).split(n, -1)
        along = (c[..., None] * phi.cos() + s[..., None] * phi.sin()).abs()
        twice = torch.cat([along @ (2 * phi).cos(), along @ (2 * phi).sin()], -1)
        return twice @ table.T

    return logits
