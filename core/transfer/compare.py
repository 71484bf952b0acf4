"""How far one model's circuit is another's: four scores, each with its null and its ceiling.

1. Both models read the same prompts; features get profiles (`subject`, `matching`).
2. Within the circuits features are matched one to one: edge Jaccard and role likeness (`wiring`).
3. Without a matching: fused Gromov-Wasserstein (`transport`).
4. Into the whole second model: functional transfer (`functional`).

A *null* says what the score is for a matching of the same sites without likeness (edges, roles),
for profiles exchanged at each site (transport), for random features of the same sites (functional).
A site is a layer and a position: that circuits of one task have their features at the same ones is
no likeness of the features. A *ceiling* is the same score
between two circuits of the *same* model from two seeds: no two models can be asked to agree better
than one model does with itself (`stored.with_ceiling`). A raw score means nothing without the two.

The paper's coefficient (HAGD, arXiv 2601.12879) is an edge Jaccard with neither.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from core.circuit import node_of
from core.figures import json_safe
from core.transfer.functional import Carried, carried
from core.transfer.matching import LEAST, WINDOW, Match, Profiles, likeness, match, shuffled, sites
from core.transfer.subject import Subject, activations, shared_prompts
from core.transfer.transport import transport
from core.transfer.wiring import (
    Wiring,
    edge_jaccard,
    partners,
    role_likeness,
    roles,
    strongest,
    wiring,
)

SCORES = ("edges", "transport", "functional", "roles")
"""In the order they are told."""
SYMMETRIC = ("edges", "transport")
"""Edge Jaccard and FGW distance are the same from either side, so the two orders of a pair are one
measurement; only their nulls are drawn anew. Roles are the first circuit's, functions the
second's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSettings:
    """How hard two circuits are compared."""

    window: float = WINDOW
    """Relative depth by which matched features may differ."""
    least: float = LEAST
    """Least correlation of a matched pair."""
    draws: int = 200
    """Shuffled matchings behind a null."""
    solves: int = 100
    """Shuffles that are solved or run anew: transport, functional. The least p is 1 / (n + 1)."""
    seed: int = 0
    """Of all draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One score beside its null."""

    value: float
    null_mean: float
    null_max: float
    p: float
    """(1 + #{null ≥ value}) / (draws + 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two nodes that stand for each other."""

    one: str
    two: str
    r: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One circuit compared with another; not symmetric."""

    one: str
    two: str
    scores: dict[str, Score]
    """By name, as in `SCORES`."""
    matched: tuple[Pair, ...]
    """Features of the two circuits that stand for each other, strongest of the first one first."""
    n_nodes: tuple[int, int]
    """Features of the two circuits."""
    found: int
    """Features of the first circuit with a partner anywhere in the second model."""
    carried: tuple[Carried, ...] = field(default_factory=tuple)
    """The functional scores by ablation, with their controls."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values; a figure that cannot be computed is null."""
        body = asdict(self)
        body["carried"] = [
            asdict(one) | {"score": one.score, "null": list(one.null)} for one in self.carried
        ]
        return json_safe(body)


def compare(one: Subject, two: Subject, settings: TransferSettings | None = None) -> Transfer:
    """The four scores of a pair, without a ceiling.

    Raises:
        TransferError: If the two share no prompts.
    """
    options = settings or TransferSettings()
    acts = [activations(s, b) for s, b in zip((one, two), shared_prompts(one, two), strict=True)]
    first, second = (Profiles.of(s.nodes, a) for s, a in zip((one, two), acts, strict=True))
    wired = wiring(one.bundle.graph, one.nodes), wiring(two.bundle.graph, two.nodes)
    inside = match(first, second, window=options.window, least=options.least)
    everywhere = Profiles.alive(acts[1])
    moved = match(first, everywhere, window=options.window, least=options.least)
    into = carried(two, everywhere.nodes[moved.two], draws=options.solves, seed=options.seed)
    return Transfer(
        one=one.bundle.name,
        two=two.bundle.name,
        scores={
            **_wired(one, (first, second), inside, wired, options),
            "transport": _transported(first, second, wired, options),
            "functional": _score(into[0].score, into[0].null),
        },
        matched=_pairs(inside, one.nodes, two.nodes),
        n_nodes=(len(one.nodes), len(two.nodes)),
        found=len(moved.one),
        carried=into,
    )


def _wired(
    one: Subject,
    profiles: tuple[Profiles, Profiles],
    found: Match,
    wired: tuple[Wiring, Wiring],
    options: TransferSettings,
) -> dict[str, Score]:
    """Edges and roles, with shuffled matchings as null."""
    a, b = wired
    strong = strongest(a.score), strongest(b.score)
    role = _feature_roles(one)
    nodes = profiles[0].nodes, profiles[1].nodes
    generator = torch.Generator().manual_seed(options.seed)

    def both(pairs: Match) -> tuple[float, float]:
        row = partners(a, b, pairs)
        return edge_jaccard(*strong, row), role_likeness(a, b, row, role)

    value = both(found)
    null = [both(shuffled(found, *nodes, generator)) for _ in range(options.draws)]
    edges, alike = zip(*null, strict=True)
    return {"edges": _score(value[0], edges), "roles": _score(value[1], alike)}


def _feature_roles(of: Subject) -> Int[np.ndarray, " feature"]:
    """Supernode of each feature; heads among the circuit's nodes are passed over."""
    kept = [
        i for i, node in enumerate(of.bundle.circuit.nodes) if node in of.bundle.circuit.features
    ]
    found = np.asarray(roles(of.bundle))[kept]
    return np.unique(found, return_inverse=True)[1]


def _transported(
    first: Profiles, second: Profiles, wired: tuple[Wiring, Wiring], options: TransferSettings
) -> Score:
    alike = likeness(first, second, options.window)
    site = sites(second.nodes[:, 1:3])
    found = transport(*wired, alike, site, draws=options.solves, seed=options.seed)
    mean = float(np.mean(found.null))
    null = [1 - d / mean if mean > 0 else 0.0 for d in found.null]
    return _score(found.score, null)


def _score(value: float, null: Sequence[float]) -> Score:
    if not null:
        return Score(value=value, null_mean=math.nan, null_max=math.nan, p=1.0)
    reached = sum(not one < value for one in null)
    return Score(
        value=value,
        null_mean=float(np.mean(null)),
        null_max=max(null),
        p=(1 + reached) / (len(null) + 1),
    )


def _pairs(found: Match, one: Int[Tensor, "one 4"], two: Int[Tensor, "two 4"]) -> tuple[Pair, ...]:
    return tuple(
        Pair(one=str(node_of(*one[i].tolist())), two=str(node_of(*two[j].tolist())), r=round(r, 4))
        for i, j, r in zip(
            found.one.tolist(), found.two.tolist(), found.likeness.tolist(), strict=True
        )
    )
