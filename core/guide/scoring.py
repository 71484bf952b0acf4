"""How well a ranking finds the nodes that matter.

Members are the nodes whose measured effect is among the largest. Ties are handled without regard
to order: in AUROC a tie counts one half; average precision takes tied scores as one step; recall at
a budget is the expectation under random tie-breaking. Guides learn from `members`; only benchmarks
score rankings.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata


class RankScores(NamedTuple):
    """Figures of one ranking, each in [0, 1]; NaN without a member or without any other node."""

    auroc: float
    """Chance that a member stands before another node; 0.5 is a coin."""
    average_precision: float
    """Mean over members of the precision at their place; the share of members is a coin."""
    recall: float
    """Share of members among as many first nodes as there are members."""


def members(effect: Float[np.ndarray, " node"], share: float) -> Bool[np.ndarray, " node"]:
    """The strongest `share` of nodes by |effect|, at least one; none whose effect is 0."""
    size = np.abs(effect)
    budget = max(1, round(share * len(size)))
    chosen = np.zeros(len(size), dtype=bool)
    chosen[np.argsort(-size, kind="stable")[:budget]] = True
    return chosen & (size > 0)


def rank_scores(score: Float[np.ndarray, " node"], member: Bool[np.ndarray, " node"]) -> RankScores:
    """AUROC, average precision and recall at the number of members."""
    positive = int(member.sum())
    if positive == 0 or positive == len(member):
        return RankScores(np.nan, np.nan, np.nan)
    above = rankdata(score)[member].sum() - positive * (positive + 1) / 2
    hits, taken = _steps(score, member)
    precision = hits / taken
    gained = np.diff(hits, prepend=0)
    return RankScores(
        float(above / (positive * (len(member) - positive))),
        float((precision * gained).sum() / positive),
        _recall(hits, taken, positive),
    )


def _steps(score: np.ndarray, member: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Members found and nodes taken after each group of tied scores, best first."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(score[order], append=np.nan) != 0)
    return member[order].cumsum()[last].astype(float), last + 1.0


def _recall(hits: np.ndarray, taken: np.ndarray, budget: int) -> float:
    place = int(np.searchsorted(taken, budget))
    before, start = (hits[place - 1], taken[place - 1]) if place else (0.0, 0.0)
    share = (budget - start) / (taken[place] - start)
    return float((before + share * (hits[place] - before)) / budget)
