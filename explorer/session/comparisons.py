"""Comparisons with random selections: as the store holds them, and in one line for the log."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from core.errors import CoreError
from core.figures import or_nan, real
from core.lab import Comparison, RandomTest
from core.store import Record, Store

RANDOM = "lab-matched"
"""Kind of the store's entries. Those of `lab-random` were judged by p alone and those of
`lab-comparison` whether or not a draw was matched: they are not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a comparison found, each figure beside its control."""

    key: str
    """Where the whole comparison is stored."""
    draws: int
    necessity: float
    """F lost when it is ablated; NaN where F cannot be computed."""
    necessity_random: float
    """The same of the best of the random selections."""
    necessity_p: float
    necessity_matched: float
    """Share of the random nodes that were matched by layer, position and activation."""
    sufficiency: float
    """F when the rest of the circuit is ablated; NaN where F cannot be computed."""
    sufficiency_random: float
    """The same of the best of the random selections."""
    sufficiency_p: float
    sufficiency_matched: float
    """As for necessity."""
    verdict: str
    """"Necessary, not sufficient." and the like."""


def summary(key: str, found: RandomTest) -> Compared:
    """A comparison in one line; `key` is where the whole is stored."""
    need, suffice = found.necessity, found.sufficiency
    return Compared(
        key=key,
        draws=found.draws,
        necessity=need.value,
        necessity_random=best(need),
        necessity_p=need.p_value,
        necessity_matched=need.matched,
        sufficiency=suffice.value,
        sufficiency_random=best(suffice),
        sufficiency_p=suffice.p_value,
        sufficiency_matched=suffice.matched,
        verdict=found.verdict,
    )


def best(one: Comparison) -> float:
    """The largest figure of a random selection; NaN where none can be computed."""
    return float(one.random.max()) if len(one.random) else math.nan


def told(short: Compared) -> dict[str, Any]:
    """The line as JSON."""
    return {n: real(v) if isinstance(v, float) else v for n, v in asdict(short).items()}


def untold(data: Mapping[str, Any]) -> Compared:
    """The inverse of `told`.

    Raises:
        KeyError, TypeError: If a field is missing.
    """
    found: dict[str, Any] = {item.name: data[item.name] for item in fields(Compared)}
    found |= {name: math.nan for name, value in found.items() if value is None}
    return Compared(**found)


def pack(test: RandomTest) -> Record:
    """A comparison as the store holds it."""
    tensors = {
        "necessity": test.necessity.random.float(),
        "sufficiency": test.sufficiency.random.float(),
        "prompts": test.prompts,
        "random_p_answer": test.random_p_answer.float(),
    }
    names = ("size", "draws", "n_prompts", "overlap", "verdict", "sentence")
    data = {name: getattr(test, name) for name in names}
    for name in ("necessity", "sufficiency"):
        one: Comparison = getattr(test, name)
        data[name] = {
            "value": real(one.value),
            "p_value": one.p_value,
            "claim": one.claim,
            "matched": one.matched,
        }
    return Record(data=data, tensors=tensors)


def unpack(record: Record) -> RandomTest:
    """The inverse of `pack`."""
    data: dict[str, Any] = dict(record.data)
    tensors = record.tensors
    for name in ("necessity", "sufficiency"):
        one = data[name] | {"value": or_nan(data[name]["value"])}
        data[name] = Comparison(random=tensors[name], **one)
    data["prompts"] = tensors["prompts"].to(torch.int64)
    return RandomTest(**data, random_p_answer=tensors["random_p_answer"])


def stored(store: Store, key: str) -> RandomTest | None:
    """A stored comparison; None where there is none or it is damaged (it can be run again)."""
    try:
        record = store.get(key)
        return None if record is None else unpack(record)
    except (CoreError, KeyError, TypeError):
        return None
