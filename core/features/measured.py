"""Everything that features and groups of them are judged by, measured once.

1. Activations on the Lab's prompts, standardised, and the fit of each to every declared variable.
2. The control of frequencies: their shares of variance when the variable's values are dealt new
   numbers.
3. What one standard deviation of each feature adds to the logits, for any scale of the final norm.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.circuit import FeatureNode
from core.features.activations import values_of
from core.features.readout import Target, standardised, target_of
from core.features.variables import SHUFFLES, Column, VariableFit, columns_of, orders, variable_fits
from core.features.waves import periods_of, wave_fits
from core.lab import Lab


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
