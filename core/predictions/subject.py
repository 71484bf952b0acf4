"""What predictions are made of: a circuit, its groups, what is expected of them and measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from core.circuit import GatedNode
from core.graph import AttributionGraph
from core.hierarchy import Hierarchy
from core.models import LanguageModel
from core.models.threads import mapped
from core.predictions.expected import by_gradient, by_graph
from core.predictions.groups import Groups, members, supernodes
from core.predictions.score import Measured
from core.predictions.trials import Intervention, Trial, effect
from core.tasks import PromptBatch
from core.transcoders import TranscoderSet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """A found circuit, before anything is predicted of it."""

    model: LanguageModel
    coders: TranscoderSet
    nodes: tuple[GatedNode, ...]
    """Leaf i of the tree is node i."""
    tree: Hierarchy
    """The browsing tree."""
    graph: AttributionGraph
    """The task graph of the attribution split."""
    attribution: Sequence[PromptBatch]
    """Prompts that predictions are made on."""
    test: Sequence[PromptBatch]
    """Prompts that they are about."""
    length: int
    """Aligned length of the task."""
    seed: int = 0


class Chosen(NamedTuple):
    """The supernodes that predictions are made for."""

    ids: tuple[int, ...]
    groups: Groups
    """Nodes of each."""
    level: int
    """The last one."""
    last: np.ndarray
    """Whether each is of the last level."""

    @property
    def ends(self) -> Groups:
        """The groups of the last level."""
        return [group for group, last in zip(self.groups, self.last, strict=True) if last]


def chosen_of(subject: Subject, nodes: Sequence[GatedNode]) -> Chosen:
    """The supernodes, with these nodes at the tree's leaves."""
    some = supernodes(subject.tree)
    groups = members(subject.tree, some.ids, nodes)
    return Chosen(some.ids, groups, some.level, np.array(some.last))


def expected_of(
    subject: Subject, known: Sequence[Trial], groups: Groups, how: Intervention
) -> dict[str, np.ndarray]:
    """Predicted Δ of each group by predictor, from prompts that discovery knows."""
    gradient = by_gradient(subject.model, subject.coders, known, groups, how)
    graph = by_graph(subject.graph, groups, how)
    return {"graph": graph.double().numpy(), "gradient": gradient.double().numpy()}


def measured_of(
    subject: Subject, tested: Sequence[Trial], groups: Groups, how: Intervention
) -> Measured:
    """Δ of each group when it is intervened on, with its error over prompts."""

    def run(group: Sequence[GatedNode]) -> Float[Tensor, " prompt"]:
        return effect(subject.model, subject.coders, tested, group, how).double()

    means, errors = [], []
    for found in mapped(subject.model, run, groups):
        means.append(float(found.mean()))
        errors.append(float(found.std(correction=0)) / max(1, len(found) - 1) ** 0.5)
    return Measured(np.array(means), np.array(errors))
