"""The ways in which a run ranks its candidates, on the labels split.

`hierarchical` is the method, `flat` and `dense` stand beside it; see
`core.pipeline.finding.search`. Two more need no forwards of their own: `guide` goes by the guide's
score alone, and `active` has as many nodes of each site as the hierarchical ranking, at every size,
but takes the most active ones (`core.validation.controls` holds a circuit against just that
choice). Where one of them needs fewer nodes on the selection split it is the better circuit, and it
is taken.
Every prefix of a ranking is a circuit.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.graph import NodeKind
from core.guide import GuideScores
from core.hierarchy import Hierarchy
from core.models.threads import mapped
from core.pipeline.finding.probes import Probe
from core.pipeline.settings import RunSettings
from core.search import WIDE, DescendSettings, SearchProgress, descend, eliminate_jointly
from core.search.progress import ignore

RESPONSE_COST, MEASURE_COST = 6, 2
"""Forwards that slopes and one mask's loss cost: two ablations, a backward pass counted as two."""
RANKED = 4
"""Nodes ranked, in largest circuits; the rest are no candidates."""

OnSearch = Callable[[SearchProgress], None]
"""Told of the steps of one search."""


class Ranking(NamedTuple):
    """Candidates of one method, strongest first."""

    nodes: Int[Tensor, " candidate"]
    forwards: int
    """Circuits run; a backward pass counts as two."""
    rounds: list[dict[str, Any]]
    """Rounds down the tree, if there is one."""


def rankings_of(
    probe: Probe,
    tree: Hierarchy,
    prior: GuideScores,
    dense: Tensor,
    settings: RunSettings,
    tell: OnSearch,
) -> dict[str, Ranking]:
    """What each method makes of the labels split; those that run the model go side by side.

    `tell` hears of the method's own search: beside it the others would make it jump.
    """
    most, n = RANKED * largest(settings), len(probe.nodes)
    jobs = {"hierarchical": lambda: hierarchical(probe, tree, prior, dense, settings, tell)}
    if n <= WIDE:
        jobs["flat"] = lambda: flat(probe, torch.arange(n), ignore)
    if dense.any():
        jobs["dense"] = lambda: flat(probe, dense.nonzero().squeeze(1), ignore)
    found = mapped(probe.evaluator.model, lambda job: job(), jobs.values())
    rankings = dict(zip(jobs, found, strict=True))
    like = rankings["hierarchical"]
    if "dense" in rankings:
        alone, rest = rankings["dense"], like.nodes
        joined = torch.cat([alone.nodes, rest[~torch.isin(rest, alone.nodes)]])
        rankings["dense"] = alone._replace(nodes=joined)
    activity = _activity(probe)
    rankings["active"] = like._replace(nodes=most_active(like.nodes, probe.nodes, activity))
    rankings["guide"] = Ranking(best_by(prior), 0, [])
    return {name: r._replace(nodes=r.nodes[:most]) for name, r in rankings.items()}


def hierarchical(
    probe: Probe,
    tree: Hierarchy,
    prior: GuideScores,
    dense: Bool[Tensor, " node"],
    settings: RunSettings,
    tell: OnSearch,
) -> Ranking:
    """Supernodes down the tree, then single nodes; those dropped follow by the guide's score.

    The guide says which supernodes are tried first (`core.search.descend`), and orders those that
    are dropped. At least `largest(settings)` nodes are left, so no circuit that may be wanted
    reaches into that tail; an exchange may bring back its first, up to `RANKED` times as many.
    """
    options = DescendSettings(budget=settings.forwards, keep=largest(settings))
    known = tails(probe.nodes, dense)
    kept = descend(
        tree, probe.respond_inside, probe.measure, options, known=known, prior=prior, progress=tell
    )
    order = eliminate_jointly(
        tree.n_leaves, probe.respond_inside, candidates=kept.live, progress=tell
    )
    # The last dropped come first; within a round, what the guide thinks most of.
    guessed = best_by(prior)
    behind = guessed[torch.argsort(kept.round_of[guessed], descending=True, stable=True)]
    behind = behind[kept.round_of[behind] > 0]
    responses = kept.responses + order.rounds
    return Ranking(
        torch.cat([order.order, behind]),
        RESPONSE_COST * responses + MEASURE_COST * kept.forwards,
        [asdict(one) for one in kept.rounds],
    )


def best_by(prior: GuideScores) -> Int[Tensor, " node"]:
    """Every node, the guide's best first."""
    return torch.argsort(torch.from_numpy(prior.leaf).abs(), descending=True, stable=True)


def largest(settings: RunSettings) -> int:
    """Nodes of the largest circuit that may be wanted."""
    return max(settings.max_size, settings.size or 0)


def tails(nodes: Int[Tensor, "node 4"], dense: Bool[Tensor, " node"]) -> list[Tensor]:
    """The sparse features of a nested dictionary, one group per (layer, position)."""
    if not dense.any():
        return []
    sites, site = torch.unique(nodes[:, :3], dim=0, return_inverse=True)
    groups = [((site == i) & ~dense).nonzero().squeeze(1) for i in range(len(sites))]
    return [group for group in groups if len(group)]


def flat(probe: Probe, candidates: Int[Tensor, " candidate"], tell: OnSearch) -> Ranking:
    """Joint elimination without a tree."""
    found = eliminate_jointly(
        len(probe.nodes), probe.respond_inside, candidates=candidates, progress=tell
    )
    return Ranking(found.order, RESPONSE_COST * found.rounds, [])


def _activity(probe: Probe) -> Float[Tensor, " node"]:
    """Mean |activation| of each feature; heads have none and keep their order among themselves."""
    found = torch.zeros(len(probe.nodes))
    is_feature = probe.nodes[:, 0] == int(NodeKind.FEATURE)
    at = tuple(probe.nodes[is_feature, 1:].T)
    found[is_feature] = probe.evaluator.mean_activation()[at].abs()
    return found


def most_active(
    order: Int[Tensor, " candidate"],
    nodes: Int[Tensor, "node 4"],
    activity: Float[Tensor, " node"],
) -> Int[Tensor, " candidate"]:
    """The same sites in the same order, each giving its most active nodes first.

    Args:
        order: Another ranking; says which site comes when.
        nodes: (kind, layer, position, feature or head) of every node.
        activity: How active each is; larger first.
    """
    sites = torch.unique(nodes[order, :3], dim=0, return_inverse=True)[1]
    found = order.clone()
    for site in range(int(sites.max()) + 1):
        here = (sites == site).nonzero().squeeze(1)
        most = torch.argsort(activity[order[here]], descending=True, stable=True)
        found[here] = order[here[most]]
    return found
