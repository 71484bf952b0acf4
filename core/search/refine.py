"""Hard-concrete gates: a circuit of exactly the size asked for.

1. Every candidate gets a gate
   g = clip(sigmoid((log u - log(1-u) + theta) / beta) (zeta - gamma) + gamma, 0, 1), u uniform
   (Louizos et al. 1712.01312), which is its mask.
2. Logits start from the scores: the `size` best nodes above 0, the others below.
3. Adam minimises loss(mask) + lambda (E - size)/size + mu ((E - size)/size)², E the expected number
   of open nodes; lambda and mu ascend (Edge Pruning, 2406.16778), so E is driven to the size.
4. The `size` nodes with the largest probability of being open are the circuit: exactly that many.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import SettingsError
from core.search.progress import OnProgress, SearchProgress, ignore

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
"""Temperature and stretch of the hard-concrete distribution, as in Louizos et al."""

LR_SIZE = 0.1
"""Ascent rate of the two multipliers that hold the size."""

Loss = Callable[[Tensor], Tensor]
"""mask [node] -> scalar, differentiable in the mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineSettings:
    """How the gates are trained."""

    steps: int = 300
    """Gradient steps."""
    lr: float = 0.1
    """Adam learning rate of the gate logits. The loss should be of order 1."""
    spread: float = 1.0
    """Standard deviation of the first logits; larger trusts the scores more."""
    seed: int = 0
    """Noise of the gates."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if self.steps < 1 or min(self.lr, self.spread) < 0:
            raise SettingsError(
                f"Refinement settings are out of range: got {self}; steps must be 1 or more, the "
                "rate and spread 0 or more. Change them."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refinement:
    """A circuit of exactly the size asked for."""

    chosen: Int[Tensor, " chosen"]
    """Node indices, most surely open first; exactly `size` of them."""
    probability: Float[Tensor, " node"]
    """Probability that each node's mask is not 0; 0 for nodes that are no candidates."""


def refine(
    loss: Loss,
    size: int,
    scores: Float[Tensor, " node"],
    settings: RefineSettings | None = None,
    *,
    candidates: Int[Tensor, " candidate"] | None = None,
    progress: OnProgress = ignore,
) -> Refinement:
    """Choose exactly `size` nodes by training gates.

    Args:
        loss: See `Loss`; the circuit is where the mask is 1.
        size: Number of nodes to keep, 1 to the number of candidates.
        scores: Where to start: larger is likelier in; any scale.
        candidates: Nodes that may be chosen, all if None; the mask is 0 elsewhere.
        progress: Called every step; raise in it to stop.
    """
    settings = settings or RefineSettings()
    inside = torch.arange(len(scores)) if candidates is None else candidates.long()
    _check_request(size, scores, inside)
    gates = _Gates(scores, inside, size, settings)
    _train(loss, gates, size, settings, progress)
    probability = gates.probability().detach()
    # Scores break ties between gates that are equally sure.
    by_score = torch.argsort(scores[inside], descending=True, stable=True)
    best = torch.argsort(probability[inside[by_score]], descending=True, stable=True)
    return Refinement(chosen=inside[by_score][best][:size], probability=probability)


class _Gates:
    """Gate logits of the candidates."""

    def __init__(self, scores: Tensor, inside: Tensor, size: int, settings: RefineSettings) -> None:
        """Logits from scores."""
        self.n, self.inside = len(scores), inside
        self.logit = _first_logits(scores[inside], size, settings.spread).requires_grad_(True)
        self.generator = torch.Generator().manual_seed(settings.seed)

    def sample(self) -> Tensor:
        """One draw of the mask, [node]."""
        return self._spread(_draw(self.logit, self.generator))

    def probability(self) -> Tensor:
        """Probability that each node's mask is not 0, [node]."""
        return self._spread(_open(self.logit))

    def _spread(self, value: Tensor) -> Tensor:
        return torch.zeros(self.n).index_put((self.inside,), value)


def _train(
    loss: Loss, gates: _Gates, size: int, settings: RefineSettings, progress: OnProgress
) -> None:
    optimiser = torch.optim.Adam([gates.logit], lr=settings.lr)
    linear, square = 0.0, 0.0
    for step in range(settings.steps):
        with torch.enable_grad():
            value = loss(gates.sample())
            expected = gates.probability().sum()
            excess = (expected - size) / size
            held = linear * excess + square * excess**2
            optimiser.zero_grad()
            (value + held).backward()
        optimiser.step()
        off = float(excess.detach())
        linear, square = linear + LR_SIZE * off, square + LR_SIZE * off**2
        progress(SearchProgress(stage="refine", done=step + 1, total=settings.steps))


def _draw(logit: Tensor, generator: torch.Generator) -> Tensor:
    u = torch.rand(logit.shape, generator=generator).clamp(1e-6, 1 - 1e-6)
    soft = torch.sigmoid((torch.log(u) - torch.log1p(-u) + logit) / BETA)
    return (soft * (ZETA - GAMMA) + GAMMA).clamp(0, 1)


def _open(logit: Tensor) -> Tensor:
    """P(gate > 0)."""
    return torch.sigmoid(logit - BETA * math.log(-GAMMA / ZETA))


def _first_logits(scores: Tensor, size: int, spread: float) -> Tensor:
    """Normal quantiles of the ranks, moved so that the expected number open is near `size`.

    Ranks, not values: scores of any scale and any tail start alike.
    """
    rank = torch.argsort(torch.argsort(scores, stable=True), stable=True)
    quantile = (rank + 0.5) / len(scores)
    normal = math.sqrt(2) * torch.erfinv(2 * quantile - 1)
    share = 1 - min(max(size / len(scores), 1e-3), 1 - 1e-3)
    edge = math.sqrt(2) * torch.erfinv(torch.tensor(2 * share - 1))
    # At the edge a gate is as likely open as shut.
    return spread * (normal - edge) + BETA * math.log(-GAMMA / ZETA)


def _check_request(size: int, scores: Tensor, inside: Tensor) -> None:
    if not 1 <= size <= len(inside):
        raise SettingsError(
            f"The circuit size is out of range: got {size}; it must lie between 1 and the number "
            f"of candidates, {len(inside)}. Ask for fewer nodes or allow more candidates."
        )
    if not torch.isfinite(scores).all():
        raise SettingsError(
            f"{int((~torch.isfinite(scores)).sum())} scores are not finite; all must be. Correct "
            "the guide or the ranking that made them."
        )
