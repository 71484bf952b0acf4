"""What group testing measured: values of nodes, at any moment of the search, and their gates.

Noising corrupts a node in the clean circuit, denoising restores it in the corrupt one. A node of an
AND gate shows in noising alone (the others are still there to be spoilt), a node of an OR gate in
denoising alone (the others stand in for it), one whose effect adds up in both: with N and D the
nodes found by either, ADDER = N ∩ D, AND = N ∖ D, OR = D ∖ N (arXiv 2505.10039). A gate of gates,
say an AND of two ORs, can hide from both: every node alone is backed up and not enough.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from core.errors import SettingsError

Want = Literal["either", "both"]
"""Which effects make a node count: any kind that was measured, or all of them."""


class Gate(StrEnum):
    """How a node takes part, told from its two effects."""

    AND = "and"
    """Needed, and not enough: noising alone shows it."""
    OR = "or"
    """Enough, and not needed: denoising alone shows it."""
    ADDER = "adder"
    """Both show it."""
    NONE = "none"
    """Neither does."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """What is known of every node."""

    by_kind: Float[np.ndarray, "node kind"]
    """|effect| of each node alone, or its share of its smallest measured group's."""
    measured: Bool[np.ndarray, " node"]
    """True where the node was measured alone."""
    want: Want

    @property
    def value(self) -> Float[np.ndarray, " node"]:
        """The largest kind of effect, or the smallest if both are wanted."""
        return self.by_kind.max(1) if self.want == "either" else self.by_kind.min(1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchTrace:
    """What group testing measured, in order."""

    prior: Float[np.ndarray, " node"]
    """Not negative; shares out the effect of a group."""
    want: Want
    order: tuple[tuple[int, ...], ...]
    """Node indices of every group, in the order measured."""
    effect: Float[np.ndarray, "group kind"]
    """Effects of those groups."""
    discarded: tuple[int, ...]
    """Places in `order` of the groups that were discarded."""

    @property
    def value(self) -> Float[np.ndarray, " node"]:
        """|effect| of each node at the end, see `Values`."""
        return self.after(len(self.order)).value

    @property
    def measured(self) -> Bool[np.ndarray, " node"]:
        """True where the node was measured alone."""
        return self.after(len(self.order)).measured

    @property
    def forwards(self) -> int:
        """Forwards used: groups measured times kinds of effect."""
        return self.effect.size

    def after(self, groups: int) -> Values:
        """What was known after the first so many measurements."""
        by_kind = np.zeros((len(self.prior), self.effect.shape[1]))
        measured = np.zeros(len(self.prior), dtype=bool)
        for members, effect in zip(self.order[:groups], self.effect[:groups], strict=True):
            nodes = np.array(members)
            by_kind[nodes] = np.abs(effect) * shares(self.prior[nodes])[:, None]
            measured[nodes] = len(nodes) == 1
        return Values(by_kind=by_kind, measured=measured, want=self.want)


def shares(prior: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
    """How a group's effect is dealt out to its members: by prior, evenly where there is none."""
    total = prior.sum()
    return prior / total if total > 0 else np.full(len(prior), 1 / len(prior))


def gates_of(effect: Float[np.ndarray, "node 2"], epsilon: float) -> tuple[Gate, ...]:
    """The gate that each node takes part in.

    Args:
        effect: Noising and denoising effect of each node alone.
        epsilon: |effects| below this are taken for none, in their units; above 0.
    """
    if epsilon <= 0:
        raise SettingsError(
            f"Gates are told apart by effects that are there or not: got epsilon {epsilon}; it "
            "must be above 0. Take the noise floor of the effects."
        )
    named = {
        (True, True): Gate.ADDER,
        (True, False): Gate.AND,
        (False, True): Gate.OR,
        (False, False): Gate.NONE,
    }
    seen = np.abs(effect) >= epsilon
    return tuple(named[bool(noised), bool(denoised)] for noised, denoised in seen)
