"""Fused Gromov-Wasserstein likeness of two circuits: no matching is needed.

    d = min_T (1 − α) Σ M_ij T_ij + α Σ |W¹_ik − W²_jl|² T_ij T_kl        (Vayer et al. 2019)

over couplings T of the two node distributions (influence), with M = 1 − likeness of the profiles
and W the wiring in shares of its largest edge. Directed. Solved by conditional gradient (POT), so d
is an upper bound; the null is solved the same way.

    τ = 1 − d / E[d | profiles of the second exchanged within each layer and position]

0 is what circuits of the same wiring with unrelated features at the same sites give, 1 a perfect
match. Exchanged across sites, profiles would meet where their likeness is 0 by definition, and
any two circuits of one task would beat chance.
"""

from dataclasses import dataclass

import numpy as np
import ot
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from core.transfer.matching import exchanged
from core.transfer.wiring import Wiring

ALPHA = 0.5
"""Weight of the wiring against the profiles."""
LARGEST = 96
"""Features compared on each side, those of the largest influence: the solver is cubic."""
ITERATIONS = 60
"""Of the conditional gradient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """The distance of two circuits, and of the same two with the profiles exchanged."""

    distance: float
    null: tuple[float, ...]

    @property
    def score(self) -> float:
        """1 − d / mean of the null; 0 where the null has no distance."""
        mean = float(np.mean(self.null)) if self.null else 0.0
        return 1 - self.distance / mean if mean > 0 else 0.0


def transport(
    one: Wiring,
    two: Wiring,
    alike: Float[Tensor, "one two"],
    site: Int[Tensor, " two"],
    *,
    draws: int = 100,
    seed: int = 0,
) -> Transport:
    """Distance of two wirings with the likeness of their features, and its null.

    Args:
        one: First wiring.
        two: Second wiring.
        alike: Likeness of each pair of features, in [0, 1].
        site: Number of the layer and position of each feature of the second.
        draws: Shuffles of the second circuit's profiles, within each site.
        seed: Of the shuffles.
    """
    first, second = _chief(one), _chief(two)
    cost = 1 - alike[first][:, second].double().numpy()
    given = (_graph(one, first), _graph(two, second), _weights(one, first), _weights(two, second))
    generator = torch.Generator().manual_seed(seed)
    null = [
        _distance(cost[:, exchanged(site[second], generator).numpy()], *given) for _ in range(draws)
    ]
    return Transport(distance=_distance(cost, *given), null=tuple(null))


def _chief(of: Wiring) -> Tensor:
    return of.influence.argsort(descending=True, stable=True)[:LARGEST]


def _graph(of: Wiring, rows: Tensor) -> NDArray[np.float64]:
    matrix = of.score[rows][:, rows].numpy()
    return matrix / max(float(matrix.max(initial=0.0)), 1e-12)


def _weights(of: Wiring, rows: Tensor) -> NDArray[np.float64]:
    """Influence as a distribution; what has none keeps a little, so that it must go somewhere."""
    mass = of.influence[rows].numpy()
    mass = mass + 1e-3 * max(float(mass.max(initial=0.0)), 1e-12)
    return mass / mass.sum()


def _distance(
    cost: NDArray[np.float64],
    one: NDArray[np.float64],
    two: NDArray[np.float64],
    p: NDArray[np.float64],
    q: NDArray[np.float64],
) -> float:
    found = ot.gromov.fused_gromov_wasserstein2(
        cost, one, two, p, q, symmetric=False, alpha=ALPHA, max_iter=ITERATIONS, tol_rel=1e-6
    )
    return float(torch.as_tensor(found))
