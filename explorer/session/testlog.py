"""Every test of a circuit, kept in the result store: what was changed, how, and what came of it.

A test is named by its content (circuit, changed set, settings), so doing it again renews its line.
Comparisons with random selections are results of their own and are read back instead of run again.
The list is read from the store once a process and then kept up in memory.
"""

import csv
import io
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch

from core.bundle import Bundle
from core.errors import CoreError
from core.lab import Comparison, RandomTest
from core.store import Record, Store, list_entries, stage_key
from explorer.session.view import Changed, View

TEST, RANDOM = "lab-test", "lab-random"
SCHEMA = 1
MOST = 200
"""Tests listed; older ones stay in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One line of the log."""

    key: str
    time: str
    """ISO 8601, UTC."""
    changes: tuple[Changed, ...]
    how: str
    errors: str
    inside: str
    before: float
    """Median P(answer) over the test prompts with nothing changed."""
    after: float
    """The same with the changes."""
    faithfulness: float
    """NaN where the model is no better than the empty circuit."""
    accuracy: float
    nodes: int
    """Single nodes changed."""


@dataclass(slots=True)
class TestLog:
    """The tests of one store."""

    store: Store
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: dict[str, dict[str, Test]] | None = None

    def of(self, bundle: Bundle) -> tuple[Test, ...]:
        """Tests of a circuit, newest first."""
        with self._lock:
            known = self._all().get(circuit_key(bundle), {})
            return tuple(sorted(known.values(), key=lambda test: test.time, reverse=True)[:MOST])

    def add(self, bundle: Bundle, view: View, *, outcome: Mapping[str, float], nodes: int) -> Test:
        """Store one test; the same one again only gets a new time."""
        what = _what(view)
        numbers = {name: _or_none(value) for name, value in outcome.items()}
        key = stage_key(TEST, SCHEMA, {"circuit": circuit_key(bundle)}, what)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        data = what | numbers | {"nodes": nodes, "time": time}
        about = {"circuit": circuit_key(bundle), "name": bundle.name, "test": data}
        self.store.put(key, Record(data=data), kind=TEST, provenance=about)
        test = _test(key, data)
        with self._lock:
            self._all().setdefault(circuit_key(bundle), {})[key] = test
        return test

    def _all(self) -> dict[str, dict[str, Test]]:
        if self._known is None:
            self._known = {}
            for entry in list_entries(self.store):
                if entry.kind == TEST and entry.error is None:
                    self._remember(entry.key, entry.provenance)
        return self._known

    def _remember(self, key: str, about: Any) -> None:
        try:
            test = _test(key, about["test"])
        except (KeyError, TypeError, ValueError):
            return  # a line this version cannot read is left out, and stays in the store
        assert self._known is not None
        self._known.setdefault(str(about["circuit"]), {})[key] = test


def circuit_key(bundle: Bundle) -> str:
    """Content key of a circuit: its nodes and what they were found on."""
    circuit = bundle.circuit
    inputs = {
        "model": circuit.model_key,
        "transcoders": circuit.transcoder_key,
        "task": circuit.task_key,
    }
    return stage_key("circuit", SCHEMA, inputs, [str(node) for node in circuit.nodes])


def random_key(bundle: Bundle, view: View, draws: int) -> str:
    """Content key of a comparison with random selections."""
    inputs = {"circuit": circuit_key(bundle)}
    return stage_key(RANDOM, SCHEMA, inputs, _what(view) | {"draws": draws, "seed": 0})


def _what(view: View) -> dict[str, Any]:
    changes = sorted([changed.node, changed.scale] for changed in view.changes)
    return {"changes": changes, "how": view.how, "errors": view.errors, "inside": view.inside}


def _test(key: str, data: Any) -> Test:
    return Test(
        key=key,
        time=str(data["time"]),
        changes=tuple(Changed(str(node), float(scale)) for node, scale in data["changes"]),
        nodes=int(data["nodes"]),
        how=str(data["how"]),
        errors=str(data["errors"]),
        inside=str(data["inside"]),
        before=float(data["before"]),
        after=float(data["after"]),
        faithfulness=_or_nan(data["faithfulness"]),
        accuracy=float(data["accuracy"]),
    )


def is_open(test: Test, view: View) -> bool:
    """Whether the page shows this test now."""
    same = (test.how, test.errors, test.inside) == (view.how, view.errors, view.inside)
    return same and sorted(test.changes) == sorted(view.changes)


def to_csv(tests: Sequence[Test]) -> str:
    """The log as a table for a spreadsheet."""
    out = io.StringIO()
    names = (
        "time", "changes", "nodes", "how", "errors", "inside", "before", "after", "faithfulness",
        "accuracy",
    )  # fmt: skip
    table = csv.writer(out)
    table.writerow(names)
    for test in tests:
        changes = " ".join(f"{c.node}*{c.scale:g}" for c in test.changes)
        row = {name: getattr(test, name) for name in names} | {"changes": changes}
        table.writerow([row[name] for name in names])
    return out.getvalue()


def pack(test: RandomTest) -> Record:
    """A comparison as the store holds it."""
    tensors = {
        "necessity": test.necessity.random.float(),
        "sufficiency": test.sufficiency.random.float(),
        "prompts": test.prompts,
        "random_p_answer": test.random_p_answer.float(),
    }
    names = ("size", "draws", "n_prompts", "matched", "overlap", "verdict", "sentence")
    data = {name: getattr(test, name) for name in names}
    for name in ("necessity", "sufficiency"):
        one: Comparison = getattr(test, name)
        data[name] = {"value": _or_none(one.value), "p_value": one.p_value, "shown": one.shown}
    return Record(data=data, tensors=tensors)


def unpack(record: Record) -> RandomTest:
    """The inverse of `pack`."""
    data: dict[str, Any] = dict(record.data)
    tensors = record.tensors
    for name in ("necessity", "sufficiency"):
        one = data[name] | {"value": _or_nan(data[name]["value"])}
        data[name] = Comparison(random=tensors[name], **one)
    data["prompts"] = tensors["prompts"].to(torch.int64)
    return RandomTest(**data, random_p_answer=tensors["random_p_answer"])


def _or_none(value: float) -> float | None:
    """JSON has no NaN: what cannot be computed is written as null."""
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def stored_random(store: Store, key: str) -> RandomTest | None:
    """A stored comparison; None where there is none or it is damaged (it can be run again)."""
    try:
        record = store.get(key)
        return None if record is None else unpack(record)
    except (CoreError, KeyError, TypeError):
        return None
