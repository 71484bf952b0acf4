"""Circuits by noising and by denoising: each sees nodes that the other cannot.

    noising      nodes are corrupted in the clean model; those that it does without are dropped.
                 Of an OR gate one input is left: the others stood in for those dropped before.
    denoising    nodes are restored in the corrupt model; those that bring nothing back are dropped.
                 Of an AND gate one input is left: it spoils the gate whatever the others do.

Denoising is the same search of another question. Where a circuit C is asked about, its complement
is run, and what the empty circuit answers is what it should answer:

    r'(C) = r(V ∖ C) - r(∅)        J'(C) = -J(V ∖ C)

since a node that joins C leaves the complement. All inputs of AND and ADDER gates are in the first
circuit, all of OR and ADDER gates in the second (arXiv 2505.10039): their union is complete where
either alone is not, and what both hold are the ADDERs and one input of each other gate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.search.descend import Measure
from core.search.joint import Respond, Response

Search = Callable[[Respond, Measure], Tensor]
"""Finds the nodes of a circuit by what it may ask, see `Respond` and `Measure`."""
Residuals = Callable[[Tensor], Tensor]
"""masks [circuit node] -> residuals [circuit measurement], really run."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoWay:
    """The circuits of either direction."""

    noising: Int[Tensor, " noised"]
    """Nodes the behaviour cannot do without."""
    denoising: Int[Tensor, " denoised"]
    """Nodes that bring the behaviour back."""

    @property
    def union(self) -> Int[Tensor, " either"]:
        """Nodes of either, ascending: inputs of AND, OR and ADDER gates."""
        return torch.unique(torch.cat([self.noising, self.denoising]))

    @property
    def both(self) -> Int[Tensor, " both"]:
        """Nodes of both, ascending."""
        return torch.unique(self.noising[torch.isin(self.noising, self.denoising)])


def both_ways(n: int, search: Search, respond: Respond, residuals: Residuals) -> TwoWay:
    """Search in both directions.

    Args:
        n: Number of nodes.
        search: Called twice, with what to ask of noising and of denoising.
        respond: Of noising, see `Respond`.
        residuals: Of noising; the same as `respond` has.
    """
    there = search(respond, lambda masks: _loss(residuals(masks)))
    back = denoising(n, respond, residuals)
    return TwoWay(noising=there, denoising=search(*back))


def denoising(n: int, respond: Respond, residuals: Residuals) -> tuple[Respond, Measure]:
    """What to ask so that a search from the full circuit down denoises."""
    corrupt = residuals(torch.zeros(1, n))

    def answer(mask: Float[Tensor, " node"]) -> Response:
        rest = respond(1 - mask)
        return Response(residual=rest.residual - corrupt[0], slope=-rest.slope)

    return answer, lambda masks: _loss(residuals(1 - masks) - corrupt)


def _loss(
    residual: Float[Tensor, "circuit measurement"],
) -> Float[Tensor, " circuit"]:
    return residual.square().mean(1)
