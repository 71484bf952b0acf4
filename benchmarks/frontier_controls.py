"""Circuits found without a search, to hold those of `frontier` against.

A *site* is a kind, layer and position (-1: all of them). All but the swept ones have as many nodes
at every site as the circuit that they stand beside:

1. random: drawn among the candidates of the site; or, in a nested dictionary, among those of its
   dense prefix as long as there are any.
2. first: the features that come first in the dictionary, of those that fire at the site.
3. most active: the features of the largest mean |activation| at the site.
4. swept: all heads and the first features of both layers of a model of two; of all ways to part
   their number between the two, the best on the selection split is taken.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.graph import NodeKind


def is_head(nodes: Int[Tensor, "node 4"]) -> Bool[Tensor, " node"]:
    """Heads among nodes."""
    return nodes[:, 0] == int(NodeKind.HEAD)


def matched_draws(
    nodes: Int[Tensor, "node 4"],
    chosen: Int[Tensor, " chosen"],
    draws: int,
    prefer: Bool[Tensor, " node"] | None = None,
) -> Float[Tensor, "draw node"]:
    """Masks of random circuits with as many nodes at every site; others than `prefer` come last."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.zeros(draws, len(nodes))
    for here, wanted in _sites(nodes, chosen):
        rank = torch.rand(draws, len(here), generator=generator)
        rank = rank if prefer is None else rank + (~prefer[here]).float()
        masks.scatter_(1, here[rank.argsort(1)[:, :wanted]], 1.0)
    return masks


def matched_top(
    nodes: Int[Tensor, "node 4"], chosen: Int[Tensor, " chosen"], worth: Float[Tensor, " node"]
) -> Int[Tensor, " chosen"]:
    """As many features at every site as the circuit has, those worth most; its own heads."""
    kept = [chosen[is_head(nodes[chosen])]]
    for here, wanted in _sites(nodes, chosen):
        if not is_head(nodes[here[:1]]).item():
            kept.append(here[worth[here].argsort(descending=True, stable=True)[:wanted]])
    return torch.cat(kept)


def partings(nodes: Int[Tensor, "node 4"], size: int) -> dict[tuple[int, int], Tensor]:
    """By how many features of either layer there are: all heads and the first of both layers."""
    every, heads = torch.arange(len(nodes)), is_head(nodes)
    low, high = (every[~heads & (nodes[:, 1] == layer)] for layer in (0, 1))
    low, high = (part[nodes[part, 3].argsort()] for part in (low, high))
    left = size - int(heads.sum())
    return {
        (n, left - n): torch.cat([every[heads], low[:n], high[: left - n]])
        for n in range(max(0, left - len(high)), min(left, len(low)) + 1)
    }


def _sites(nodes: Tensor, chosen: Tensor) -> list[tuple[Tensor, int]]:
    """Candidates of every site that a circuit has nodes at, and how many it has."""
    _, place = torch.unique(nodes[:, :3], dim=0, return_inverse=True)
    wanted = torch.bincount(place[chosen], minlength=int(place.max()) + 1)
    return [
        ((place == site).nonzero().squeeze(1), int(wanted[site]))
        for site in wanted.nonzero().squeeze(1).tolist()
    ]
