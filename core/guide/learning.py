"""Episodic training of guides: one step sees the graph of one (model, task), whole.

1. Labels of a graph are its own: effects are divided by that of the weakest member (the strongest
   `SHARE` of nodes, at most `MOST`), and log(1 + 10 x) of that is regressed. So no scale of a
   model's effects is learned, and a member is a member of its own graph.
2. Loss of a step: smooth L1 of the logarithm, a pairwise logistic loss over pairs of a member and
   another node and over random pairs (ranking within the graph), and binary cross-entropy of
   membership, members and others weighing the same in all. A supernode's label is the largest of
   its members'.
3. Graphs are drawn without replacement, epoch after epoch, so that each (task, model) counts alike
   however large it is; AdamW, one cosine.
4. A network that sends messages first learns without them (`alone` steps, which cost a fifth), then
   all of it is trained at half the rate: messages have to correct what columns alone can say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from core.errors import SettingsError
from core.guide.hetero import HeteroData
from core.guide.network import GuideNetwork, NetworkSettings, Scores, network
from core.guide.scoring import members

SHARE, MOST = 0.1, 100
"""Members: this share of the nodes, at most so many."""
SPREAD = 10.0
"""Effects are told apart down to about 1 / this of the weakest member's."""
PAIRS = 4096
"""Pairs compared in a step."""
SUPERNODES = 0.3
"""Weight of the supernodes' loss."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Episode:
    """One graph with its labels."""

    name: str
    data: HeteroData
    place: Int[Tensor, " leaf"]
    """The node of each leaf."""
    effect: Float[Tensor, " leaf"]
    """log(1 + 10 × effect over the weakest member's)."""
    member: Bool[Tensor, " leaf"]
    above_effect: Float[Tensor, " supernode"]
    """The largest of each supernode's members."""
    above_member: Bool[Tensor, " supernode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSettings:
    """How a guide is trained."""

    steps: int = 300
    """Graphs seen, after those of `alone`."""
    alone: int = 0
    """Graphs seen before any message is sent."""
    lr: float = 3e-3
    """AdamW's largest learning rate."""
    weight_decay: float = 0.02
    """Decoupled weight decay."""
    seed: int = 0
    """Of first weights, order, pairs and dropout."""

    def __post_init__(self) -> None:
        """Refuse values that train nothing."""
        if self.steps < 1 or self.alone < 0 or not self.lr > 0 or self.weight_decay < 0:
            raise SettingsError(
                f"The guide cannot be trained so: got {self}; steps must be 1 or more, lr above 0, "
                "alone and weight_decay 0 or more. Change them."
            )


def episode(
    name: str,
    data: HeteroData,
    place: Int[Tensor, " leaf"],
    strength: Float[Tensor, " leaf"],
    inside: Int[Tensor, "2 inside"],
) -> Episode:
    """A graph with the labels that its measured effects give.

    Args:
        name: For messages.
        data: From `to_hetero`.
        place: The node of each leaf.
        strength: Measured |effect| of each leaf, any unit.
        inside: (supernode, leaf) for every supernode that holds the leaf.

    Raises:
        SettingsError: If no node has an effect.
    """
    chosen = members(strength.double().numpy(), min(SHARE, MOST / len(strength)))
    if not chosen.any():
        raise SettingsError(
            f"There is nothing to learn from {name}: got {len(strength)} nodes without any effect; "
            "at least one must have one. Leave it out."
        )
    member = torch.from_numpy(chosen)
    effect = torch.log1p(SPREAD * strength / strength[member].min()).float()
    supernode, leaf = inside
    nothing = torch.zeros(len(data["supernode"].x))
    above = nothing.scatter_reduce(0, supernode, effect[leaf], "amax")
    any_member = nothing.scatter_reduce(0, supernode, member.float()[leaf], "amax")
    return Episode(
        name=name,
        data=data,
        place=place,
        effect=effect,
        member=member,
        above_effect=above,
        above_member=any_member > 0,
    )


def trimmed(one: Episode, most: int, seed: int = 0) -> Episode:
    """The episode with at most `most` leaves: four fifths the strongest, the rest at random.

    Bounds the cost of a step; scoring always sees the whole graph. Supernodes keep their labels.
    """
    if len(one.place) <= most:
        return one
    generator = torch.Generator().manual_seed(seed)
    strongest = one.effect.argsort(descending=True, stable=True)[: most * 4 // 5]
    rest = torch.ones(len(one.place), dtype=torch.bool)
    rest[strongest] = False
    others = rest.nonzero().squeeze(1)
    others = others[torch.randperm(len(others), generator=generator)[: most - len(strongest)]]
    leaves = torch.cat([strongest, others]).sort().values
    kept = torch.ones(len(one.data["node"].x), dtype=torch.bool)
    kept[one.place] = False
    kept[one.place[leaves]] = True
    return replace(
        one,
        data=one.data.subgraph({"node": kept.nonzero().squeeze(1)}),
        place=(kept.cumsum(0) - 1)[one.place[leaves]],
        effect=one.effect[leaves],
        member=one.member[leaves],
    )


def fit(
    episodes: Sequence[Episode],
    shape: NetworkSettings,
    settings: LearningSettings,
    progress: Callable[[int, float], None] = lambda _step, _loss: None,
) -> nn.Module:
    """A trained network, in evaluation mode.

    Args:
        episodes: Graphs to learn from, one or more.
        shape: Of the network.
        settings: Of the training.
        progress: Told of each step's loss; raise in it to stop.
    """
    if not episodes:
        raise SettingsError(
            "There is nothing to learn from: got no graph; at least one is required. Take lessons "
            "first with `python -m core.lessons`."
        )
    # The dropout of torch draws from the global generator; it is left as it was found.
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(settings.seed)
        made = network(shape).train()
        if settings.alone and isinstance(made, GuideNetwork):
            first = replace(settings, steps=settings.alone)
            _descend(made.alone, episodes, first, progress)
            settings = replace(settings, lr=settings.lr / 2)
        _descend(made, episodes, settings, progress)
    return made.eval().requires_grad_(False)


def _descend(
    made: nn.Module,
    episodes: Sequence[Episode],
    settings: LearningSettings,
    progress: Callable[[int, float], None],
) -> None:
    generator = torch.Generator().manual_seed(settings.seed)
    weights = list(made.parameters())
    optimiser = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.lr, total_steps=settings.steps + 1, pct_start=0.1
    )
    order: list[int] = []
    for step in range(settings.steps):
        order = order or torch.randperm(len(episodes), generator=generator).tolist()
        one = episodes[order.pop()]
        loss = loss_of(made(one.data), one, generator)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        progress(step, float(loss.detach()))


def loss_of(
    scores: dict[str, Scores], one: Episode, generator: torch.Generator
) -> Float[Tensor, ""]:
    """The loss of one episode."""
    leaf = Scores(*(column[one.place] for column in scores["node"]))
    own = _pointwise(leaf, one.effect, one.member) + _ranking(leaf.effect, one, generator)
    above = _pointwise(scores["supernode"], one.above_effect, one.above_member)
    return own + SUPERNODES * above


def ranking_score(scores: Scores) -> Float[Tensor, " row"]:
    """What nodes are ordered by: a positive figure that grows with both outputs."""
    return torch.exp(scores.effect + torch.nn.functional.logsigmoid(scores.member))


def _pointwise(
    scores: Scores, effect: Float[Tensor, " row"], member: Bool[Tensor, " row"]
) -> Float[Tensor, ""]:
    positive = member.float().mean().clamp(1e-3, 1 - 1e-3)
    weight = torch.where(member, 0.5 / positive, 0.5 / (1 - positive))
    wanted = member.float()
    belongs = functional.binary_cross_entropy_with_logits(scores.member, wanted, weight)
    return functional.smooth_l1_loss(scores.effect, effect) + belongs


def _ranking(
    score: Float[Tensor, " leaf"], one: Episode, generator: torch.Generator
) -> Float[Tensor, ""]:
    """Logistic loss of pairs in the wrong order, each as much as the pair is apart."""
    n, chosen = len(score), one.member.nonzero().squeeze(1)
    first = chosen[torch.randint(len(chosen), (PAIRS // 2,), generator=generator)]
    left = torch.cat([first, torch.randint(n, (PAIRS // 2,), generator=generator)])
    right = torch.randint(n, (PAIRS,), generator=generator)
    apart = one.effect[left] - one.effect[right]
    wrong = functional.softplus(-torch.sign(apart) * (score[left] - score[right]))
    weight = apart.abs().clamp(max=1)
    return (weight * wrong).sum() / weight.sum().clamp(min=1e-6)


def score_nodes(made: nn.Module, data: HeteroData) -> dict[str, Float[np.ndarray, " row"]]:
    """Ranking scores of every node and supernode; no gradient."""
    with torch.no_grad():
        return {kind: ranking_score(s).numpy() for kind, s in made(data).items()}
