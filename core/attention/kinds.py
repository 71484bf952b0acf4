"""What kind of head a head is, measured on a task's prompts.

Attention to some cells (query, key) is given as *lift*: the share of it that is there beyond what
even attention would put there, (w - u) / (1 - u); 0 for even attention, 1 if all of it is there.

1. *previous token*: from each token to the one before (Voita et al. 2019, arXiv 1905.09418); the
   median over positions, since in a short prompt one place may happen to follow another. Control:
   the same for longer distances.
2. *duplicate token*: to an earlier place of the same token; *induction*: to what followed it there
   (Olsson et al. 2022, arXiv 2209.11895; Wang et al. 2022, arXiv 2211.00593). Control: the cells
   of another prompt, so that a habit of looking at some place does not count.
3. *reader*: from the last position to one place, or up to three; names them by role.
4. *mover*: a reader that raises the very token it reads, above all others that could be answers,
   read directly by the unembedding; *suppressor*: one that lowers it below all others (a negative
   mover; McDougall et al. 2023, arXiv 2310.04625). Chance is 1 / number of answers.
5. *even*: its attention is spread evenly over what it may see.

What a head does causally is in `effects`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.models import LanguageModel, Trace

LEAST_LIFT = 0.3
"""Least lift of a kind."""
LEAST_PREVIOUS = 0.5
"""Least lift of the previous token, which a reader of short prompts may happen to be in part."""
LEAST_OVER_CONTROL = 0.2
"""Least lift above that on another prompt's cells."""
LEAST_COPIED = 0.5
"""Least share of what is read whose own token is moved most."""
EVEN = 0.97
"""Least entropy of even attention, over the largest possible."""
MOST_ROLES = 3


class HeadKind(StrEnum):
    """Kinds, in the order in which a head with several is named."""

    MOVER = "moves"
    SUPPRESSOR = "suppresses"
    INDUCTION = "induction"
    DUPLICATE = "duplicate token"
    PREVIOUS = "previous token"
    READER = "reads"
    EVEN = "even"
    OTHER = "other"


def duplicates(ids: Int[Tensor, "prompt pos"]) -> Bool[Tensor, "prompt query key"]:
    """Keys that hold the query's token at an earlier place."""
    return (ids[:, :, None] == ids[:, None]).tril(-1)


def inductions(ids: Int[Tensor, "prompt pos"]) -> Bool[Tensor, "prompt query key"]:
    """Keys that follow an earlier place of the query's token."""
    found = torch.zeros(len(ids), ids.shape[1], ids.shape[1], dtype=torch.bool)
    found[:, :, 1:] = duplicates(ids)[:, :, :-1]
    return found


BY_TOKEN = {HeadKind.DUPLICATE: duplicates, HeadKind.INDUCTION: inductions}
DISTANCES = (2, 3, 4)
"""Controls of the previous token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadProfile:
    """What one head does on the prompts."""

    layer: int
    head: int
    lift: dict[HeadKind, float]
    """Of previous, duplicate, induction and reader; NaN where no prompt has such a cell."""
    control: dict[HeadKind, float]
    """Lift of the control, of previous, duplicate and induction."""
    roles: tuple[str, ...]
    """What it reads from the last position, in order of position."""
    moved: tuple[str, ...]
    """Those of the roles that hold what may be an answer."""
    raised: float
    """Share of what it reads there whose own token is raised most, in [0, 1]."""
    lowered: float
    """The same, lowered most."""
    evenness: float
    """Entropy of its attention at the last position over the largest possible, in [0, 1]."""

    @property
    def kinds(self) -> tuple[HeadKind, ...]:
        """All kinds that it is of, the one that names it first."""
        reads = self.lift[HeadKind.READER] >= LEAST_LIFT
        holds = {
            HeadKind.MOVER: reads and bool(self.moved) and self.raised >= LEAST_COPIED,
            HeadKind.SUPPRESSOR: reads and bool(self.moved) and self.lowered >= LEAST_COPIED,
            HeadKind.READER: reads,
            HeadKind.EVEN: self.evenness >= EVEN,
        }
        for kind, control in self.control.items():
            lift = self.lift[kind]
            least = LEAST_PREVIOUS if kind is HeadKind.PREVIOUS else LEAST_LIFT
            holds[kind] = lift >= least and lift - control >= LEAST_OVER_CONTROL
        return tuple(kind for kind in HeadKind if holds.get(kind)) or (HeadKind.OTHER,)

    @property
    def kind(self) -> HeadKind:
        """What names it."""
        return self.kinds[0]

    @property
    def score(self) -> float:
        """The figure that its kind rests on."""
        scores = {HeadKind.MOVER: self.raised, HeadKind.SUPPRESSOR: self.lowered}
        scores |= {HeadKind.EVEN: self.evenness, HeadKind.OTHER: self.lift[HeadKind.READER]}
        return scores.get(self.kind, self.lift.get(self.kind, float("nan")))

    @property
    def label(self) -> str:
        """Its name for people, as `moves name 1, name 2`; empty where it is of no kind."""
        match self.kind:
            case HeadKind.MOVER | HeadKind.SUPPRESSOR:
                return f"{self.kind.value} {', '.join(self.moved)}"
            case HeadKind.READER:
                return f"{self.kind.value} {', '.join(self.roles)}"
            case HeadKind.EVEN:
                return "looks everywhere"
            case HeadKind.OTHER:
                return ""
            case other:
                return other.value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompts:
    """Prompts of one length that heads are told by."""

    model: LanguageModel
    ids: Int[Tensor, "prompt pos"]
    trace: Trace
    """Of all of them."""
    answers: Int[Tensor, " answer"]
    """Vocabulary ids that may be an answer, none twice."""
    roles: tuple[str, ...]
    """Name of each position."""


def profiles(
    prompts: Prompts, heads: Sequence[tuple[int, int]] | None = None, seed: int = 0
) -> tuple[HeadProfile, ...]:
    """Every head of a model, layer by layer, or some.

    Args:
        prompts: What they are told by.
        heads: (layer, head) of those wanted; all if None.
        seed: Deals the cells of the control.
    """
    model = prompts.model
    if heads is None:
        heads = list(itertools.product(range(model.n_layers), range(model.n_heads)))
    order = torch.randperm(len(prompts.ids), generator=torch.Generator().manual_seed(seed))
    copied = {layer: copying(prompts, layer) for layer in {place[0] for place in heads}}
    return tuple(_profile(prompts, place, copied[place[0]], order) for place in heads)


def _profile(
    prompts: Prompts, place: tuple[int, int], copied: "Copied", order: Int[Tensor, " prompt"]
) -> HeadProfile:
    layer, head = place
    pattern = prompts.trace.pattern[layer, :, head]
    holds_answer = torch.isin(prompts.ids, prompts.answers).float().mean(0) >= 0.5
    lift, control = _lifts(pattern, prompts.ids, order)
    chosen, lift[HeadKind.READER] = _read(pattern[:, -1])
    return HeadProfile(
        layer=layer,
        head=head,
        lift=lift,
        control=control,
        roles=tuple(prompts.roles[at] for at in chosen),
        moved=tuple(prompts.roles[at] for at in chosen if holds_answer[at]),
        raised=float(copied.raised[head]),
        lowered=float(copied.lowered[head]),
        evenness=evenness(pattern[:, -1]),
    )


Lifts = dict[HeadKind, float]


def _lifts(
    pattern: Float[Tensor, "prompt query key"],
    ids: Int[Tensor, "prompt pos"],
    order: Int[Tensor, " prompt"],
) -> tuple[Lifts, Lifts]:
    """Lifts of the kinds that every query is asked about, and of their controls."""
    lift = {HeadKind.PREVIOUS: distance_lift(pattern, 1)}
    control = {HeadKind.PREVIOUS: max(distance_lift(pattern, away) for away in DISTANCES)}
    for kind, make in BY_TOKEN.items():
        cells = make(ids)
        lift[kind] = lift_at(pattern, cells)
        control[kind] = lift_at(pattern, cells[order])
    return lift, control


def distance_lift(pattern: Float[Tensor, "prompt query key"], away: int) -> float:
    """Lift of the key that is `away` before the query: median over queries of the mean."""
    if away >= pattern.shape[-1]:
        return float("-inf")
    weight = pattern.diagonal(-away, 1, 2).mean(0)
    even = 1 / torch.arange(away + 1, pattern.shape[-1] + 1, dtype=pattern.dtype)
    return float(((weight - even) / (1 - even)).median())


def lift_at(
    pattern: Float[Tensor, "prompt query key"], cells: Bool[Tensor, "prompt query key"]
) -> float:
    """Mean lift over the queries that have such a cell; NaN where none has."""
    asked = cells.any(-1)
    if not asked.any():
        return float("nan")
    seen = torch.arange(1, cells.shape[-1] + 1, dtype=pattern.dtype)
    weight = (pattern * cells).sum(-1)[asked]
    even = (cells.sum(-1) / seen)[asked]
    return float(((weight - even) / (1 - even).clamp(min=1e-6)).mean())


def evenness(row: Float[Tensor, "prompt key"]) -> float:
    """Mean entropy of rows of a pattern, over that of even ones."""
    entropy = -(row * row.clamp(min=1e-30).log()).sum(-1)
    return float(entropy.mean() / torch.tensor(float(max(2, row.shape[-1]))).log())


def _read(row: Float[Tensor, "prompt key"]) -> tuple[list[int], float]:
    """The few positions read most of all, clearly above even attention, in order; their lift."""
    weight = row.mean(0)
    even = 1 / len(weight)
    order = weight.argsort(descending=True)[:MOST_ROLES].tolist()
    chosen = [p for p in order if weight[p] >= max(1.5 * even, weight[order[0]] / 3)] or order[:1]
    share, expected = float(weight[chosen].sum()), len(chosen) * even
    return sorted(chosen), (share - expected) / max(1 - expected, 1e-6)


class Copied(NamedTuple):
    """How much of what each head of a layer reads is moved most, in [0, 1]."""

    raised: Float[Tensor, " head"]
    lowered: Float[Tensor, " head"]


def copying(prompts: Prompts, layer: int) -> Copied:
    """How much of what each head reads at the last position is raised most, and lowered most.

    Over positions that hold a token that may be an answer, weighted by attention: whether what the
    head writes from there moves that token's logit more than every other answer's, up or down.
    The final norm is frozen at its scale, which does not matter to an order.
    """
    model, trace = prompts.model, prompts.trace
    weights = model.weights(layer)
    value = weights.norm1(trace.resid_pre[layer])[:, None] @ weights.W_V
    unembed = model.W_U[prompts.answers]
    read = model.final_norm.transpose(unembed, unembed.new_ones(1, 1))
    effect = value @ weights.W_O @ (read - read.mean(0)).T
    own = prompts.ids[:, :, None] == prompts.answers
    weight = trace.pattern[layer, :, :, -1] * own.any(-1)[:, None]
    place = own.long().argmax(-1)[:, None].expand_as(weight)
    total = weight.sum((0, 2)).clamp(min=1e-12)
    raised = (weight * (effect.argmax(-1) == place)).sum((0, 2)) / total
    lowered = (weight * (effect.argmin(-1) == place)).sum((0, 2)) / total
    return Copied(raised, lowered)
