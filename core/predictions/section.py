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
from typing import Any

import numpy as np

from core.figures import figure, number, probability
from core.predictions.controls import controls, regrouped_effects
from core.predictions.expected import scale_of
from core.predictions.register import close, register
from core.predictions.score import DIGITS, Measured, always, compared, reliable
from core.predictions.subject import Chosen, Subject, chosen_of, expected_of, measured_of
from core.predictions.trials import Intervention, third_rows, trials

WORDS = {
    Intervention.THIRD: "interchange with a third prompt",
    Intervention.HALF: "scaling by 0.5",
    Intervention.MORE: "scaling by 1.5",
}
Say = Callable[[str], None]


def predictions(subject: Subject, say: Say = lambda note: None) -> dict[str, Any]:
    """The section `predictions` of validation.json.

    Args:
        subject: The circuit.
        say: Told the hash once the predictions are registered, before the test.
    """
    chosen = chosen_of(subject, subject.nodes)
    known = trials(subject.model, subject.coders, subject.attribution, subject.seed)
    expected = {how: expected_of(subject, known, chosen.groups, how) for how in Intervention}
    registered = register(_claims(subject, chosen, expected))
    say(f"predictions {registered['registered_hash'][:12]} registered")
    tested = trials(subject.model, subject.coders, subject.test, subject.seed)
    if not known or not tested:
        return registered | {"skipped": "No prompt has another one of its length to compare with."}
    measured = {how: measured_of(subject, tested, chosen.groups, how) for how in Intervention}
    record = close(registered, {how.value: _as_json(m) for how, m in measured.items()})
    random = regrouped_effects(subject)
    found = {
        how.value: _scored(expected[how], measured[how], chosen.last, random, how, subject.seed)
        for how in Intervention
    }
    return {
        **record,
        "scores": found,
        "controls": controls(subject, chosen, known, tested),
        "sentence": _sentence(found, int(chosen.last.sum()), chosen.level),
    }


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
