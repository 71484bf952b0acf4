"""Which feature of one model does what a feature of another does.

1. A node's profile is its activation over the same prompts at one aligned position.
2. Two nodes may stand for each other if they are at the same aligned position and at about the same
   depth: |(l₁ + ½)/L₁ − (l₂ + ½)/L₂| ≤ window. Their likeness is Pearson's r of the profiles.
3. One to one, with the largest sum of likeness (Hungarian method, Kuhn 1955); a pair below `least`
   is no pair. Many-to-one arg-max matching would count one feature many times.

With m candidates per node the largest of m chance correlations over n prompts is near √(2 ln m / n)
(0.15 for 500 and 512); `least` is twice that.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from core.errors import SettingsError

WINDOW = 0.15
"""Relative depth by which matched nodes may differ (hagd: relative-depth window)."""
LEAST = 0.3
"""Least correlation of a matched pair."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profiles:
    """Some features of one model, and what each does over the prompts."""

    nodes: Int[Tensor, "node 4"]
    """(kind, layer, aligned position, feature)."""
    depth: Float[Tensor, " node"]
    """(layer + ½) / layers, in (0, 1)."""
    unit: Float[Tensor, "node prompt"]
    """Activation, centred and of length 1; zero for a constant one."""

    @classmethod
    def of(
        cls, nodes: Int[Tensor, "node 4"], activation: Float[Tensor, "layer prompt pos feature"]
    ) -> "Profiles":
        """The profiles of some nodes."""
        _, layer, position, feature = nodes.T
        found = activation[layer, :, position, feature]
        centred = found - found.mean(1, keepdim=True)
        size = centred.norm(dim=1, keepdim=True)
        unit = torch.where(size > 1e-6, centred / size.clamp(min=1e-6), 0.0)
        return cls(nodes=nodes, depth=(layer + 0.5) / len(activation), unit=unit)

    @classmethod
    def alive(cls, activation: Float[Tensor, "layer prompt pos feature"]) -> "Profiles":
        """All features that fire on some prompt, in ascending order."""
        rows = (activation != 0).any(1).nonzero()
        return cls.of(torch.cat([torch.zeros_like(rows[:, :1]), rows], 1), activation)


class Match(NamedTuple):
    """A one-to-one matching of some nodes of one model to some of another."""

    one: Int[Tensor, " pair"]
    """Rows of the first list."""
    two: Int[Tensor, " pair"]
    """Rows of the second; no row twice in either."""
    likeness: Float[Tensor, " pair"]
    """Pearson's r of the two profiles."""


def likeness(one: Profiles, two: Profiles, window: float = WINDOW) -> Float[Tensor, "one two"]:
    """Pearson's r of each pair of profiles, clamped at 0; 0 where the pair may not be matched."""
    if one.unit.shape[1] != two.unit.shape[1]:
        raise SettingsError(
            f"Profiles are over different prompts: got {one.unit.shape[1]} and "
            f"{two.unit.shape[1]}; the same prompts are required. Trace both models on them."
        )
    return torch.where(_allowed(one, two, window), one.unit @ two.unit.T, 0.0).clamp(min=0)


def _allowed(one: Profiles, two: Profiles, window: float) -> Bool[Tensor, "one two"]:
    near = (one.depth[:, None] - two.depth[None]).abs() <= window + 1e-6
    return near & (one.nodes[:, None, 2] == two.nodes[None, :, 2])


def match(one: Profiles, two: Profiles, *, window: float = WINDOW, least: float = LEAST) -> Match:
    """The best one-to-one matching, position by position; pairs ascending in the first list."""
    rows, columns, values = [], [], []
    for position in torch.unique(one.nodes[:, 2]).tolist():
        here = (one.nodes[:, 2] == position).nonzero()[:, 0]
        there = (two.nodes[:, 2] == position).nonzero()[:, 0]
        r = likeness(_take(one, here), _take(two, there), window)
        picked = torch.from_numpy(np.stack(linear_sum_assignment(r.numpy(), maximize=True)))
        found = r[picked[0], picked[1]]
        kept = found >= least
        rows.append(here[picked[0][kept]])
        columns.append(there[picked[1][kept]])
        values.append(found[kept])
    order = torch.cat(rows).argsort()
    return Match(*(torch.cat(part)[order] for part in (rows, columns, values)))


def _take(profiles: Profiles, rows: Int[Tensor, " row"]) -> Profiles:
    return Profiles(
        nodes=profiles.nodes[rows], depth=profiles.depth[rows], unit=profiles.unit[rows]
    )


def shuffled(
    found: Match,
    one: Int[Tensor, "one 4"],
    two: Int[Tensor, "two 4"],
    generator: torch.Generator,
) -> Match:
    """The matching with its partners exchanged at random among pairs of one site.

    The null of all that is read off a matching: as many pairs, the same sites, no likeness. A site
    is what the matching itself keeps: the aligned position, and the layers of both ends (which are
    within its window). Exchanged across layers, partners lose that edges run from lower layers to
    higher ones, and any matching of the right layers beats chance.

    Args:
        found: The matching.
        one: (kind, layer, aligned position, feature) of the first list.
        two: The same of the second.
        generator: Of the exchanges.
    """
    ends = torch.stack([one[found.one, 1], two[found.two, 1], two[found.two, 2]], 1)
    order = exchanged(sites(ends), generator)
    return Match(found.one, found.two[order], torch.zeros_like(found.likeness))


def sites(places: Int[Tensor, "row column"]) -> Int[Tensor, " row"]:
    """Number of each row's place; equal rows have equal numbers."""
    return torch.unique(places, dim=0, return_inverse=True)[1]


def exchanged(site: Int[Tensor, " row"], generator: torch.Generator) -> Int[Tensor, " row"]:
    """A random order of the rows that leaves each at its site."""
    chance = torch.rand(len(site), generator=generator, dtype=torch.float64)
    order = torch.empty_like(site)
    order[site.argsort(stable=True)] = (site + chance).argsort(stable=True)
    return order
