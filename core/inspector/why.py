"""Why a head looks from one position at another: its QK attribution in words.

1. Every active feature, error, embedding and constant is a source at the query and at the key
   (`core.attention.qk`), taken against the mean of the keys that the query sees: the sum is the
   attention score less its row's mean, which the inspector shows beside the pattern.
2. Sources are put together into what has a name here: features of the circuit one by one; the
   other features of a layer and position; errors; token and position embeddings; constants.
3. The strongest pairs, and what each does on either side summed over the other; the rest is one
   number, so that every list sums to the score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attention.qk import Against, QKAttribution, Sources, attribute_heads
from core.circuit import FeatureNode
from core.errors import NodeError
from core.features.activations import role_of
from core.features.contents import EdgeRow
from core.features.edges import node_text
from core.graph import NodeKind
from core.inspector.head import head_node
from core.lab import Lab, PromptView

SHOWN = 6
"""Pairs, and sources of either side, that are named."""


class SourcePair(NamedTuple):
    """A source at the query together with one at the key."""

    query: str
    """Name of the source at the query."""
    key: str
    """Name of the source at the key."""
    value: float
    """Part of the score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyReport:
    """What makes one head look from one position at another, on one prompt."""

    head: str
    """`L0H2` or `L0H2@4`."""
    query: int
    """Aligned position looked from."""
    key: int
    """Aligned position looked at."""
    weight: float
    """Attention weight."""
    score: float
    """Attention score less the mean over the keys that the query sees; what all parts sum to."""
    pairs: tuple[SourcePair, ...]
    """Strongest first."""
    rest: float
    """All other pairs."""
    at_query: tuple[EdgeRow, ...]
    """What sources do through the query, strongest first; the last row may be all others."""
    at_key: tuple[EdgeRow, ...]
    """The same through the key."""
    gap: float
    """|sum of all pairs - score of the model| over the largest score of the row."""


class _Groups(NamedTuple):
    """Sources put together under names."""

    group: Int[Tensor, " source"]
    node: tuple[str, ...]
    """Id of each group; empty where several nodes share it."""
    text: tuple[str, ...]


def why_report(
    lab: Lab, head: str, prompt: int = 0, *, query: int | None = None, key: int | None = None
) -> WhyReport:
    """Why a head looks from a query at a key.

    Args:
        lab: Where the head lives.
        head: `L0H2` or `L0H2@4`.
        prompt: Number of the prompt.
        query: Aligned position looked from; the head's own, or the last one if None.
        key: Aligned position looked at; the one that gets most attention if None.

    Raises:
        NodeError: If it is no head of the model, or prompt or positions do not exist.
    """
    node = head_node(lab, head)
    number, row = lab.place(prompt)
    view, part = lab.prompts[prompt], lab.parts[number]
    own = lab.length - 1 if node.position is None else node.position
    at = (own if query is None else query) - view.shift
    ids = part.batch.clean[row]
    with torch.no_grad():
        pattern = lab.model.trace(ids[None]).pattern[node.layer, 0, node.head]
        inside = 0 <= at < len(ids)
        to = int(pattern[at].argmax()) if inside and key is None else (key or 0) - view.shift
        _check(head, view, at, to)
        found = attribute_heads(lab.model, lab.transcoders, ids, node.layer, [node.head])[0]
        return _report(lab, head, view, found, float(pattern[at, to]), at, to)


def _check(head: str, view: PromptView, at: int, to: int) -> None:
    if not 0 <= to <= at < len(view.ids):
        raise NodeError(
            f"Head {head} does not look from position {at + view.shift} to {to + view.shift}: the "
            f"prompt's tokens are at {view.shift}..{len(view.ids) + view.shift - 1}, and a query "
            "sees itself and what is before it. Choose a key at or before the query."
        )


def _report(
    lab: Lab, head: str, view: PromptView, found: QKAttribution, weight: float, at: int, to: int
) -> WhyReport:
    groups = _grouped(lab, view, found.sources)
    pairs = _summed(found.pairs(at, to, Against.ROW_MEAN), groups)
    total = float(pairs.sum())
    row = found.scores[at, : at + 1]
    order = pairs.flatten().abs().argsort(descending=True)[:SHOWN].tolist()
    best = [divmod(place, pairs.shape[1]) for place in order]
    strongest = tuple(
        SourcePair(groups.text[q], groups.text[k], float(pairs[q, k])) for q, k in best
    )
    return WhyReport(
        head=head,
        query=at + view.shift,
        key=to + view.shift,
        weight=weight,
        score=total,
        pairs=strongest,
        rest=total - sum(pair.value for pair in strongest),
        at_query=_side(pairs.sum(1), groups),
        at_key=_side(pairs.sum(0), groups),
        gap=float((row[to] - row.mean() - total).abs() / row.abs().max().clamp(min=1e-6)),
    )


def _summed(
    pairs: Float[Tensor, "query_source key_source"], groups: _Groups
) -> Float[Tensor, "query_group key_group"]:
    n = len(groups.text)
    rows = pairs.new_zeros(n, pairs.shape[1]).index_add_(0, groups.group, pairs)
    return pairs.new_zeros(n, n).index_add_(1, groups.group, rows)


def _side(sums: Float[Tensor, " group"], groups: _Groups) -> tuple[EdgeRow, ...]:
    order = sums.abs().argsort(descending=True).tolist()
    named = [i for i in order if sums[i] != 0][:SHOWN]
    rows = [EdgeRow(node=groups.node[i], text=groups.text[i], effect=float(sums[i])) for i in named]
    others = order[len(named) :]
    left = [i for i in others if sums[i] != 0]
    if left:
        rest = float(sums[left].sum())
        rows.append(EdgeRow(node="", text=f"{len(left)} others", effect=rest))
    return tuple(rows)


def _grouped(lab: Lab, view: PromptView, sources: Sources) -> _Groups:
    """A name for every source; sources of one name are one group."""
    members = set(lab.bundle.circuit.features)
    columns = (sources.kind, sources.layer, sources.position, sources.index)
    names = [_name(lab, view, members, *row) for row in zip(*map(_list, columns), strict=True)]
    place: dict[tuple[str, str], int] = {}
    group = torch.tensor([place.setdefault(name, len(place)) for name in names])
    return _Groups(group, tuple(name[0] for name in place), tuple(name[1] for name in place))


def _list(column: Tensor) -> Sequence[int]:
    return column.tolist()


def _name(
    lab: Lab,
    view: PromptView,
    members: set[FeatureNode],
    kind: int,
    layer: int,
    position: int,
    index: int,
) -> tuple[str, str]:
    """Id and text of a source."""
    at = position + view.shift
    match NodeKind(kind):
        case NodeKind.FEATURE:
            node = FeatureNode(layer, at, index)
            if node in members:
                return str(node), node_text(str(node), lab.bundle.labels, view)
            return "", f"other L{layer} features at {role_of(lab, at)}"
        case NodeKind.ERROR:
            node = f"e:{layer}:{at}"
        case NodeKind.TOKEN:
            node = f"tok:{at}"
        case NodeKind.POSITION:
            node = f"pos:{at}"
        case _:
            return "", "constants"
    return node, node_text(node, lab.bundle.labels, view)
