"""Predictions for each supernode of a circuit: registered, then tested, then scored.

1. From the attribution split and the task graph alone: what every supernode's interventions will do
   to the margin logit(answer) − logit(wrong), by both predictors (`expected`).
2. The predictions are registered with the numbers of the test prompts and of their third prompts,
   which are chosen by token ids; no test prompt has been run for it.
3. Then the interventions are made on the test prompts, and the record is closed (`register`).
4. Scores (`score`) on the last level's supernodes, which share no node, beside permuted predictions
   and predictions made of regrouped nodes; and, for interchange, the same predictors on random
   groups that are intervened on as well (`groups`): the circuit's nodes regrouped, and features
   from outside the circuit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import GatedNode
from core.figures import figure, number, probability
from core.graph import AttributionGraph
from core.hierarchy import Hierarchy
from core.models import LanguageModel
from core.models.threads import mapped
from core.predictions.expected import by_gradient, by_graph, group_effects, scale_of
from core.predictions.groups import Groups, members, outside, regrouped, supernodes
from core.predictions.register import close, register
from core.predictions.score import DIGITS, Measured, always, compared, reliable, scores
from core.predictions.trials import Intervention, Trial, effect, third_rows, trials
from core.tasks import PromptBatch
from core.transcoders import TranscoderSet

PREDICTORS = ("graph", "gradient")
"""The first is the method's own claim, and the one that a run is summed up by."""
REGROUPED = 99
"""Random regroupings that predictions are made of."""
WORDS = {
    Intervention.THIRD: "interchange with a third prompt",
    Intervention.HALF: "scaling by 0.5",
    Intervention.MORE: "scaling by 1.5",
}
Say = Callable[[str], None]


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


def predictions(subject: Subject, say: Say = lambda note: None) -> dict[str, Any]:
    """The section `predictions` of validation.json.

    Args:
        subject: The circuit.
        say: Told the hash once the predictions are registered, before the test.
    """
    chosen = _chosen(subject, subject.nodes)
    known = trials(subject.model, subject.coders, subject.attribution, subject.seed)
    expected = {how: _expected(subject, known, chosen.groups, how) for how in Intervention}
    registered = register(_claims(subject, chosen, expected))
    say(f"predictions {registered['registered_hash'][:12]} registered")
    tested = trials(subject.model, subject.coders, subject.test, subject.seed)
    if not known or not tested:
        return registered | {"skipped": "No prompt has another one of its length to compare with."}
    measured = {how: _measured(subject, tested, chosen.groups, how) for how in Intervention}
    record = close(registered, {how.value: _as_json(m) for how, m in measured.items()})
    random = _regrouped_effects(subject, chosen)
    found = {
        how.value: _scored(expected[how], measured[how], chosen.last, random, how, subject.seed)
        for how in Intervention
    }
    return {
        **record,
        "scores": found,
        "controls": _controls(subject, chosen, known, tested),
        "sentence": _sentence(found, int(chosen.last.sum()), chosen.level),
    }


def _chosen(subject: Subject, nodes: Sequence[GatedNode]) -> Chosen:
    """The supernodes, with these nodes at the tree's leaves."""
    some = supernodes(subject.tree)
    groups = members(subject.tree, some.ids, nodes)
    return Chosen(some.ids, groups, some.level, np.array(some.last))


def _claims(
    subject: Subject, chosen: Chosen, expected: Mapping[Intervention, Mapping[str, np.ndarray]]
) -> dict[str, Any]:
    """What is registered."""
    return {
        "supernodes": [subject.tree.name[i] for i in chosen.ids],
        "level": chosen.level,
        "nodes": [len(group) for group in chosen.groups],
        "split": "test",
        **_prompts(subject),
        "seed": subject.seed,
        "expected": {
            how.value: {name: _rounded(x) for name, x in by.items()} for how, by in expected.items()
        },
    }


def _prompts(subject: Subject) -> dict[str, list[int]]:
    """Numbers of the test prompts and of their third prompts, from their token ids alone."""
    prompts, third = [], []
    for batch in subject.test:
        rows = third_rows(batch, subject.seed)
        prompts += batch.index[rows >= 0].tolist()
        third += batch.index[rows[rows >= 0]].tolist()
    return {"prompts": prompts, "third_prompts": third}


def _expected(
    subject: Subject, known: Sequence[Trial], groups: Groups, how: Intervention
) -> dict[str, np.ndarray]:
    gradient = by_gradient(subject.model, subject.coders, known, groups, how)
    graph = by_graph(subject.graph, groups, how)
    return {"graph": graph.double().numpy(), "gradient": gradient.double().numpy()}


def _measured(
    subject: Subject, tested: Sequence[Trial], groups: Groups, how: Intervention
) -> Measured:
    def run(group: Sequence[GatedNode]) -> Float[Tensor, " prompt"]:
        return effect(subject.model, subject.coders, tested, group, how).double()

    means, errors = [], []
    for found in mapped(subject.model, run, groups):
        means.append(float(found.mean()))
        errors.append(float(found.std(correction=0)) / max(1, len(found) - 1) ** 0.5)
    return Measured(np.array(means), np.array(errors))


def _regrouped_effects(subject: Subject, chosen: Chosen) -> list[np.ndarray]:
    """T of the last level's groups when the circuit's nodes are dealt anew, draw by draw."""
    drawn = [
        group_effects(subject.graph, _chosen(subject, _dealt(subject, draw)).ends)
        for draw in range(REGROUPED)
    ]
    return [effects.double().numpy() for effects in drawn]


def _dealt(subject: Subject, draw: int) -> tuple[GatedNode, ...]:
    return regrouped(subject.nodes, 1000 * subject.seed + draw)


def _scored(
    expected: Mapping[str, np.ndarray],
    measured: Measured,
    last: np.ndarray,
    random: Sequence[np.ndarray],
    how: Intervention,
    seed: int,
) -> dict[str, Any]:
    ends = Measured(measured.mean[last], measured.error[last])
    drawn = [scale_of(how) * effects for effects in random]
    return {
        "n": int(last.sum()),
        "reliable": int(reliable(ends).sum()),
        "always": always(ends),
        "mean": number(float(ends.mean.mean()), DIGITS),
        "graph": compared(expected["graph"][last], ends, drawn, seed),
        "gradient": compared(expected["gradient"][last], ends, (), seed),
    }


def _controls(
    subject: Subject, chosen: Chosen, known: Sequence[Trial], tested: Sequence[Trial]
) -> dict[str, Any]:
    """The same predictors on random groups that are intervened on too, by interchange."""
    how = Intervention.THIRD
    activation = _mean_activation(subject, known)
    random = {
        "regrouped": _chosen(subject, _dealt(subject, REGROUPED)).ends,
        "outside": outside(chosen.ends, subject.nodes, activation, subject.seed),
    }
    found = {}
    for name, groups in random.items():
        groups = [group for group in groups if group]
        measured = _measured(subject, tested, groups, how)
        expected = _expected(subject, known, groups, how)
        # The graph that a bundle keeps has no feature from outside the circuit.
        told = PREDICTORS if name == "regrouped" else ("gradient",)
        found[name] = {
            "n": len(groups),
            "reliable": int(reliable(measured).sum()),
            "mean": number(float(measured.mean.mean()), DIGITS) if groups else None,
            **{predictor: scores(expected[predictor], measured) for predictor in told},
        }
    return found


def _mean_activation(
    subject: Subject, known: Sequence[Trial]
) -> Float[Tensor, "layer pos feature"]:
    frame = subject.model.n_layers, subject.length, subject.coders.n_features
    total = torch.zeros(frame)
    for trial in known:
        total[:, trial.batch.shift :] += trial.live.activation.abs().sum(1)
    return total / max(1, sum(len(trial.margin) for trial in known))


def _as_json(measured: Measured) -> dict[str, list[float]]:
    return {"mean": _rounded(measured.mean), "standard_error": _rounded(measured.error)}


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in values]


def _sentence(found: Mapping[str, Mapping[str, Any]], n: int, level: int) -> str:
    """The method's own claim, interchange first."""
    if found[Intervention.THIRD]["graph"]["r2"] is None:
        return f"Level {level} has {n} supernodes: too few for predictions to be scored."
    parts = []
    for how in Intervention:
        row, graph = found[how], found[how]["graph"]
        parts.append(
            f"{WORDS[how]} R² {figure(graph['r2'])}, rank correlation {figure(graph['spearman'])}, "
            f"sign {figure(graph['sign'])} (always the same sign: {figure(row['always'])})"
        )
    beside = found[Intervention.THIRD]["graph"]["random"]
    return (
        f"Of {n} supernodes (level {level}) the task graph predicted, before the test: "
        f"{'; '.join(parts)}. For interchange, predictions from regrouped nodes: R² "
        f"{figure(beside['r2_mean'])}, p = {probability(beside['p_r2'])}."
    )
