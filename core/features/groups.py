"""What is known of a group of features, each part beside its control.

1. What it carries. Frequencies: those that can be decoded from the group nearly as well as the best
   one (`readout`), named by their share of its members' variance, where that share is more than any
   frequency has when the values are dealt new numbers: a group that merely knows the value gives
   every frequency. Else the variables that explain most of that variance (mean η²). Both only where
   they beat the variable shuffled between prompts.
2. Where it is: the layer and position of most of its members.
3. Values: those of what it carries on which its members are, on average, most active; only values
   that stand out more than any value does when the variable is shuffled.
4. Tokens, at the last position: the answers that it writes most where they are the answer, directly
   through the unembedding; only those that beat every answer when the answers are shuffled.
`siblings` makes labels of them.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.circuit import FeatureNode, GatedNode, HeadNode
from core.features.activations import role_of, values_of
from core.features.readout import Decoded, Target, decoded, standardised, target_of
from core.features.variables import (
    SHUFFLES,
    Column,
    Value,
    VariableFit,
    columns_of,
    group_means,
    orders,
    variable_fits,
)
from core.features.waves import periods_of, wave_fits
from core.lab import Lab

LEAST = 0.3
"""Least score, or share of the members' variance, of what names a group."""
LEAST_WAVE = 0.5
"""The same for frequencies: a slow wave follows anything that grows with the variable a little."""
DECODED = 0.75
"""Share of the best score that another frequency must reach."""
NEAR = 0.7
"""Share of the largest share that another variable or frequency must reach."""
MOST = {"frequency": 3, "variable": 2, "value": 2}
"""Parts of a kind that a name holds."""
MOSTLY = 0.6
"""Share of the members that must be in one layer, or at one position, to place the group."""


Members = Literal["features", "heads", "both"]
"""What a group is made of."""


class Carried(NamedTuple):
    """What a group carries."""

    variables: tuple[str, ...]
    """As the task declares them, strongest first."""
    frequencies: tuple[int, ...]
    """Strongest first; empty where no wave leads."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """Everything that groups of these features are judged by."""

    lab: Lab
    nodes: tuple[FeatureNode, ...]
    fits: tuple[tuple[VariableFit, ...], ...]
    """Of each node, strongest first."""
    activation: Float[Tensor, "prompt node"]
    """Standardised; 0 before the first token of a short prompt."""
    columns: tuple[Column, ...]
    """The declared variables on the Lab's prompts."""
    targets: tuple[Target, ...]
    """The same, made ready to be read off a group."""
    renumbered: Mapping[str, Float[Tensor, "copy wave node"]]
    """Each frequency's share of a feature's variance with the variable's values dealt anew."""
    written: Float[Tensor, "node token"]
    """What one standard deviation adds to the logits, less the mean token's."""
    answer: Int[Tensor, " prompt"]
    """Vocabulary id of each prompt's answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A group's own, whatever its siblings are."""

    size: int
    carried: Carried | None
    """None where nothing beats its control."""
    decoded: tuple[Decoded, ...]
    """What can be read off it, best first."""
    layer: str
    """`L1`, or `L0–2`."""
    role: str
    """Name of the position, or of two; empty where two do not have most of it."""
    of: Members
    """What it is made of."""
    kinds: tuple[str, ...]
    """What most of its heads do, commonest first; empty where they are of no known kind."""
    values: tuple[Value, ...]
    """Of its first variable, strongest first."""
    tokens: tuple[str, ...]
    """Answers that it raises, strongest first."""
    leader: str
    """Id of its member that ranks first in the circuit."""


def measure(lab: Lab, nodes: Sequence[FeatureNode]) -> Measured:
    """Run the numbers of some features once."""
    periods = periods_of([pair.variables for pair in lab.task.pairs])
    raw = torch.zeros(len(lab.prompts), len(nodes))
    fits: dict[int, tuple[VariableFit, ...]] = {}
    by_position: dict[int, list[int]] = defaultdict(list)
    for place, node in enumerate(nodes):
        by_position[node.position].append(place)
    for places in by_position.values():
        values = [values_of(lab, nodes[place]) for place in places]
        rows = torch.tensor(values[0].prompt)
        here = torch.stack([v.value for v in values], 1)
        raw[rows[:, None], torch.tensor(places)] = here
        variables = [lab.prompts[i].variables for i in values[0].prompt]
        fits |= dict(zip(places, variable_fits(here, variables, periods), strict=True))
    columns = columns_of([view.variables for view in lab.prompts], periods)
    return Measured(
        lab=lab,
        nodes=tuple(nodes),
        fits=tuple(fits[place] for place in range(len(nodes))),
        activation=standardised(raw),
        columns=tuple(columns),
        targets=tuple(map(target_of, columns)),
        renumbered={c.name: _renumbered(raw, c) for c in columns if c.angle is not None},
        written=_written(lab, nodes, raw),
        answer=torch.tensor([view.answer_id for view in lab.prompts]),
    )


def facts(measured: Measured, nodes: Sequence[GatedNode], heads: Mapping[str, str]) -> Facts:
    """What is known of a group: heads have kinds, what it carries is read off its features.

    Args:
        measured: Of its features and others.
        nodes: Its members, by rank.
        heads: What each of its heads is called, by id (`head_labels`).
    """
    place = {str(node): i for i, node in enumerate(measured.nodes)}
    members = [place[str(node)] for node in nodes if isinstance(node, FeatureNode)]
    read, carried = (), None
    if members:
        read = decoded(measured.activation[:, members], measured.targets)
        carried = _waves(measured, members, read) or _variables(measured, members)
    layer, role = _place(measured.lab, nodes)
    return Facts(
        size=len(nodes),
        carried=carried,
        decoded=tuple(sorted((d for d in read if d.found), key=lambda d: -d.score)),
        layer=layer,
        role=role,
        of="both" if members and len(members) < len(nodes) else "features" if members else "heads",
        kinds=_kinds([node for node in nodes if isinstance(node, HeadNode)], heads),
        values=_values(measured, members, carried.variables[0]) if carried else (),
        tokens=raised_answers(measured, members) if members else (),
        leader=str(nodes[0]),
    )


def _waves(measured: Measured, members: Sequence[int], read: Sequence[Decoded]) -> Carried | None:
    """The frequencies that are decoded nearly as well as the best, by share of the variance."""
    share: dict[tuple[str, int | None], float] = defaultdict(float)
    for i in members:
        for fit in measured.fits[i]:
            for wave in fit.waves if fit.found else ():
                share[fit.variable, wave.frequency] += wave.r2 / len(members)
    waves = [d for d in read if d.frequency and d.found]
    best = max((d.score for d in waves), default=0.0)
    good = {
        (d.variable, d.frequency): share[d.variable, d.frequency]
        for d in waves
        if d.score >= DECODED * best
    }
    luck = {name: _luck(values, members) for name, values in measured.renumbered.items()}
    chosen = [one for one in _near(good) if good[one] > luck[one[0]]]
    # Few rectified features cannot give a whole cosine and sine, however purely they follow them.
    if max(best, sum(share[one] for one in chosen)) < LEAST_WAVE:
        return None
    order = [column.name for column in measured.columns]
    found = _carried(chosen)
    return found and found._replace(variables=tuple(sorted(found.variables, key=order.index)))


def _luck(renumbered: Float[Tensor, "copy wave node"], members: Sequence[int]) -> float:
    """The largest share that any frequency has by luck."""
    return float(renumbered[:, :, list(members)].mean(2).max())


def _renumbered(
    activation: Float[Tensor, "prompt node"], column: Column
) -> Float[Tensor, "copy wave node"]:
    """Shares of every frequency where each value has another one's angle."""
    assert column.angle is not None  # only waved columns are asked for
    first = torch.stack([(column.group == v).nonzero()[0, 0] for v in range(len(column.values))])
    copies = [
        wave_fits(activation, column.angle[first[order]][column.group]).r2.clamp(min=0)
        for order in orders(len(column.values), SHUFFLES)
    ]
    return torch.stack(copies)


def _variables(measured: Measured, members: Sequence[int]) -> Carried | None:
    """The variables that explain most of the members' variance."""
    share: dict[str, float] = defaultdict(float)
    control: dict[str, float] = defaultdict(float)
    for i in members:
        for fit in measured.fits[i]:
            share[fit.variable] += fit.eta2 / len(members)
            control[fit.variable] += fit.control / len(members)
    good: dict[tuple[str, int | None], float] = {
        (n, None): v for n, v in share.items() if v >= LEAST and v > control[n]
    }
    return _carried(_near(good))


def _near(share: Mapping[tuple[str, int | None], float]) -> list[tuple[str, int | None]]:
    """Those whose share is near the largest one, in order."""
    ranked = sorted(share, key=lambda name: -share[name])
    return [name for name in ranked if share[name] >= NEAR * share[ranked[0]]]


def _carried(found: Sequence[tuple[str, int | None]]) -> Carried | None:
    variables = tuple(dict.fromkeys(name for name, _ in found))[: MOST["variable"]]
    turns = dict.fromkeys(k for name, k in found if k and name in variables)
    return Carried(variables, tuple(turns)[: MOST["frequency"]]) if variables else None


def _kinds(nodes: Sequence[HeadNode], heads: Mapping[str, str]) -> tuple[str, ...]:
    """The fewest kinds, two at most, that most of the heads are of."""
    named = Counter(heads[str(n)] for n in nodes if not is_plain(n, heads[str(n)]))
    first = named.most_common(2)
    for many in range(1, len(first) + 1):
        if sum(count for _, count in first[:many]) >= MOSTLY * len(nodes):
            return tuple(kind for kind, _ in first[:many])
    return ()


def is_plain(head: HeadNode, name: str) -> bool:
    """Whether a head is called by its place only: it is of no known kind."""
    return name in (str(head), f"L{head.layer}H{head.head}")


def _place(lab: Lab, nodes: Sequence[GatedNode]) -> tuple[str, str]:
    """Layer and position of most of them; two positions where it takes two."""
    layers = Counter(node.layer for node in nodes)
    layer, most = layers.most_common(1)[0]
    span = f"L{min(layers)}–{max(layers)}"
    known = [node.position for node in nodes if node.position is not None]
    positions = Counter(known).most_common(2)
    needed = 1 if known and positions[0][1] >= MOSTLY * len(nodes) else 2
    enough = sum(count for _, count in positions) >= MOSTLY * len(nodes)
    chosen = sorted(position for position, _ in positions[:needed]) if enough else []
    named = "/".join(role_of(lab, position) for position in chosen)
    return f"L{layer}" if most >= MOSTLY * len(nodes) else span, named


def _values(measured: Measured, members: Sequence[int], variable: str) -> tuple[Value, ...]:
    """Values on which the members are active above what shuffled values reach."""
    column = next(c for c in measured.columns if c.name == variable)
    mean = measured.activation[:, list(members)].mean(1, keepdim=True)
    size, n = len(column.values), len(mean)
    profile = group_means(mean, column.group, size)[0][:, 0]
    luck = [group_means(mean, column.group[order], size)[0].max() for order in orders(n, SHUFFLES)]
    return tuple(column.values[i] for i in _above(profile, luck, "value"))


def raised_answers(measured: Measured, members: Sequence[int]) -> tuple[str, ...]:
    """Answers whose logit the members raise where they are the answer; none but at the end."""
    if any(measured.nodes[i].position < measured.lab.length - 1 for i in members):
        return ()
    chosen = list(members)
    added = measured.activation[:, chosen] @ measured.written[chosen]
    kinds, group = measured.answer.unique(return_inverse=True)

    def raised(answer: Int[Tensor, " prompt"]) -> Float[Tensor, " answer"]:
        own = added.gather(1, kinds[answer][:, None])
        return group_means(own, answer, len(kinds))[0][:, 0]

    luck = [raised(group[order]).max() for order in orders(len(group), SHUFFLES)]
    best = _above(raised(group), luck, "value")
    return tuple(measured.lab.model.token_text(int(kinds[i])).strip() for i in best)


def _above(profile: Tensor, luck: Sequence[Tensor], kind: str) -> list[int]:
    """The largest entries that beat every shuffle, strongest first."""
    limit = max(float(v) for v in luck)
    best = profile.argsort(descending=True, stable=True)[: MOST[kind]].tolist()
    return [i for i in best if float(profile[i]) > limit]


def _written(
    lab: Lab, nodes: Sequence[FeatureNode], raw: Float[Tensor, "prompt node"]
) -> Float[Tensor, "node token"]:
    """Decoder rows through the final norm's direction and the unembedding, for any norm scale."""
    norm, model = lab.model.final_norm, lab.model
    if not nodes:
        return torch.zeros(0, model.d_vocab, dtype=torch.double)
    rows = torch.cat(
        [lab.transcoders.all_writes(n.layer, torch.tensor([n.feature])) for n in nodes]
    )
    effect = norm.centre(rows) * norm.weight @ model.W_U.T
    effect = (effect - effect.mean(1, keepdim=True)).double()
    return effect * raw.double().std(0, correction=0)[:, None]
