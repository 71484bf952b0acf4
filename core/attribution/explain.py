"""A prompt in words, its graph and the graph's scores: what the command line and a page call.

The targets: the likeliest tokens; one named token; or a named token against another. A token is
named as text, tried as written and with a space in front.
"""

import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

from jaxtyping import Int
from torch import Tensor

from core.attribution.build import build_graph
from core.attribution.settings import DEFAULT_SETTINGS, AttributionSettings
from core.attribution.targets import SALIENT, Direction, TargetChoice, Tokens
from core.errors import TaskError
from core.graph import (
    AttributionGraph,
    completeness_score,
    completeness_score_without_leaves,
    replacement_score,
)
from core.models import LanguageModel
from core.transcoders import TranscoderSet, check_belongs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """A prompt's attribution graph with its scores and what it took."""

    ids: Int[Tensor, " pos"]
    """The prompt's tokens."""
    targets: TargetChoice
    """What is explained."""
    graph: AttributionGraph
    """Every node and edge, unpruned."""
    replacement_score: float
    """Share of influence that reaches the prompt rather than errors, in [0, 1]."""
    completeness_score: float
    """Influence-weighted share of inputs that are not errors, in [0, 1]."""
    completeness_score_without_leaves: float
    """The same over nodes that have inputs: the stricter figure."""
    seconds: tuple[float, ...]
    """Of each build, from token ids to graph; loading and scores not counted."""
    notes: tuple[str, ...] = ()
    """What a reader should know about the transcoders, as sentences."""

    def as_json(self) -> dict[str, Any]:
        """The figures `hagd graph --json` prints."""
        return {
            "nodes": self.graph.n_nodes,
            "edges": self.graph.n_edges,
            "seconds": list(self.seconds),
            "max_rss_gb": max_rss_gb(),
            "replacement_score": self.replacement_score,
            "completeness_score": self.completeness_score,
            "completeness_score_without_leaves": self.completeness_score_without_leaves,
            "notes": list(self.notes),
        }


def explain_prompt(
    model: LanguageModel,
    transcoders: TranscoderSet,
    prompt: str,
    *,
    target: str | None = None,
    against: str | None = None,
    settings: AttributionSettings = DEFAULT_SETTINGS,
    repeat: int = 1,
) -> Explanation:
    """The graph of a prompt as text.

    Args:
        model: The model.
        transcoders: One for each layer.
        prompt: As written; no special token is added.
        target: Output token to explain; the likeliest tokens if None.
        against: Token whose logit is subtracted from the target's.
        settings: Size and memory of the graph.
        repeat: Builds it this many times, to time it.

    Raises:
        TaskError: If a target is not one token of the vocabulary, or `against` comes alone.
        ModelError: If the prompt does not fit the model.
        TranscoderError: If the transcoders are another model's; and, like GraphError, as
            `build_graph`.
    """
    ids, targets = model.encode(prompt), target_choice(model, target, against)
    notes = (*transcoders.notes, *check_belongs(transcoders, model, [ids[None]]))

    def timed_build() -> tuple[AttributionGraph, float]:
        start = time.perf_counter()
        graph = build_graph(model, transcoders, ids, targets, settings)
        return graph, time.perf_counter() - start

    graph, first = timed_build()
    seconds = [first, *(timed_build()[1] for _ in range(repeat - 1))]
    return Explanation(
        ids=ids,
        targets=targets,
        graph=graph,
        replacement_score=replacement_score(graph),
        completeness_score=completeness_score(graph),
        completeness_score_without_leaves=completeness_score_without_leaves(graph),
        seconds=tuple(seconds),
        notes=notes,
    )


def target_choice(model: LanguageModel, target: str | None, against: str | None) -> TargetChoice:
    """What the texts name: nothing, one token, or one against another.

    Raises:
        TaskError: If a text is not one token, or `against` comes without a target.
    """
    if target is None and against is not None:
        raise TaskError(
            f"A token to subtract was given ({against!r}) without one to explain; a direction "
            "needs both. Name that too."
        )
    if target is None:
        return SALIENT
    if against is None:
        return Tokens(ids=(token_id(model, target),))
    return Direction(answer=token_id(model, target), wrong=token_id(model, against))


def token_id(model: LanguageModel, text: str) -> int:
    """The one token that a text is, as written or with a space in front.

    Raises:
        TaskError: If it is none or several.
    """
    found = [_known(model, form) for form in (text, f" {text}")]
    for ids in found:
        if len(ids) == 1:
            return ids[0]
    got = f"{len(found[0])} tokens {found[0]}" if found[0] else "not in the vocabulary"
    raise TaskError(
        f"{text!r} is {got} of {model.name}. The token to explain, or to subtract, must be one of "
        "its vocabulary: choose another."
    )


def _known(model: LanguageModel, text: str) -> list[int]:
    """Token ids of a text; none where the tokenizer does not know a word of it."""
    ids = model.tokenizer.encode(text, add_special_tokens=False)
    unknown = model.tokenizer.unk_token_id
    spelled_out = unknown is not None and text.strip() == model.tokenizer.unk_token
    return list(ids) if spelled_out or unknown not in ids else []


def max_rss_gb() -> float:
    """Most memory this process has held so far, in GB; model and transcoders are part of it."""
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
