"""Comparisons as they are kept and shown: in the store, under both circuits' key, with ceilings.

The ceiling of a score is the mean of the same score between two circuits of one model from two
seeds, and

    normalised = (τ − null) / (ceiling − null)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.circuit import Circuit, circuit_to_json
from core.store import Record, Store, code_version, plain, stage_key
from core.transfer.compare import TransferSettings, compare
from core.transfer.subject import Subject
from core.transfer.twins import differences

SCHEMA = 2
"""Of the stored record."""
KIND = "transfer"
"""Of the store's entries."""


def kept(
    one: Subject, two: Subject, store: Store, settings: TransferSettings | None = None
) -> Mapping[str, Any]:
    """`Transfer.to_json` of a pair, from the store if it was compared before.

    Raises:
        TransferError: If the two share no prompts.
    """
    options = settings or TransferSettings()
    keys = [circuit_key(subject.bundle.circuit) for subject in (one, two)]
    inputs = {"one": keys[0], "two": keys[1], "code": code_version()}
    about = {"settings": plain(options), "twin": not differences(one, two)}
    record = store.get_or_compute(
        stage_key(KIND, SCHEMA, inputs, plain(options)),
        lambda: Record(data=compare(one, two, options).to_json()),
        kind=KIND,
        provenance={**inputs, **about},
    )
    return record.data


def with_ceiling(found: Mapping[str, Any], twins: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A kept comparison whose scores have a `ceiling` and are `normalised` by it.

    Args:
        found: What `kept` gives.
        twins: The same for circuits of one model; none leaves both fields null.
    """
    scores = {
        name: _normalised(score, [twin["scores"][name]["value"] for twin in twins])
        for name, score in found["scores"].items()
    }
    return {**found, "scores": scores}


def _normalised(score: Mapping[str, Any], values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    ceiling = float(np.mean(known)) if known else None
    value, null = score["value"], score["null_mean"]
    usable = None not in (ceiling, value, null) and ceiling > null
    share = (value - null) / (ceiling - null) if usable else None
    return {**score, "ceiling": ceiling, "normalised": share}


def circuit_key(circuit: Circuit) -> str:
    """Content key of a circuit: its nodes, and keys of what they were found on."""
    return stage_key("circuit", SCHEMA, {}, circuit_to_json(circuit))
