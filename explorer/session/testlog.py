"""Every test of a circuit, kept in the result store: what was changed, how, and what came of it.

A test is named by its content (circuit, changed set, settings), so doing it again renews its line.
Comparisons with random selections are results of their own and are read back instead of run again;
each names the test it belongs to, whose line then carries its figures. The list is read from the
store once a process and then kept up in memory.
"""

import csv
import io
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from core.bundle import Bundle
from core.figures import or_nan, real
from core.lab import RandomTest
from core.store import Record, Store, list_entries, stage_key
from explorer.session import comparisons
from explorer.session.comparisons import RANDOM, Compared
from explorer.session.view import Changed, View

TEST = "lab-test"
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
    compared: Compared | None = None
    """Its comparison with random selections, where one was run."""


@dataclass(slots=True)
class TestLog:
    """The tests of one store."""

    store: Store
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: dict[str, dict[str, Test]] | None = None
    _compared: dict[str, Compared] = field(default_factory=dict)
    """By the key of the test."""

    def of(self, bundle: Bundle) -> tuple[Test, ...]:
        """Tests of a circuit, newest first."""
        with self._lock:
            known = self._all().get(nodes_key(bundle), {})
            newest = sorted(known.values(), key=lambda test: test.time, reverse=True)[:MOST]
            return tuple(replace(t, compared=self._compared.get(t.key)) for t in newest)

    def compare(self, bundle: Bundle, view: "View | Test", found: RandomTest) -> str:
        """Store a comparison and note it at its test; returns the comparison's key."""
        test, key = test_key(bundle, view), random_key(bundle, view, found.draws)
        short = comparisons.summary(key, found)
        about = {"circuit": nodes_key(bundle), "name": bundle.name, "test": test}
        about |= {"found": comparisons.told(short)}
        self.store.put(key, comparisons.pack(found), kind=RANDOM, provenance=about)
        with self._lock:
            self._all()
            self._compared[test] = short
        return key

    def add(self, bundle: Bundle, view: View, *, outcome: Mapping[str, float], nodes: int) -> Test:
        """Store one test; the same one again only gets a new time."""
        what = _what(view)
        numbers = {name: real(value) for name, value in outcome.items()}
        key = test_key(bundle, view)
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        data = what | numbers | {"nodes": nodes, "time": time}
        about = {"circuit": nodes_key(bundle), "name": bundle.name, "test": data}
        self.store.put(key, Record(data=data), kind=TEST, provenance=about)
        test = _test(key, data)
        with self._lock:
            self._all().setdefault(nodes_key(bundle), {})[key] = test
        return test

    def _all(self) -> dict[str, dict[str, Test]]:
        if self._known is None:
            self._known = {}
            for entry in list_entries(self.store):
                if entry.kind == TEST and entry.error is None:
                    self._remember(entry.key, entry.provenance)
                if entry.kind == RANDOM and entry.error is None:
                    self._remember_compared(entry.provenance)
        return self._known

    def _remember(self, key: str, about: Any) -> None:
        try:
            test = _test(key, about["test"])
        except (KeyError, TypeError, ValueError):
            return  # a line this version cannot read is left out, and stays in the store
        assert self._known is not None
        self._known.setdefault(str(about["circuit"]), {})[key] = test

    def _remember_compared(self, about: Any) -> None:
        try:
            self._compared[str(about["test"])] = comparisons.untold(about["found"])
        except (KeyError, TypeError):
            return  # as above


def test_key(bundle: Bundle, view: "View | Test") -> str:
    """Content key of a test."""
    return stage_key(TEST, SCHEMA, {"circuit": nodes_key(bundle)}, _what(view))


def nodes_key(bundle: Bundle) -> str:
    """Content key of a circuit's nodes and of what they were found on: whose the tests are.

    Not `core.transfer.circuit_key`, which changes with the seed and the settings of the search too:
    the same nodes answer a test alike, however they were found.
    """
    circuit = bundle.circuit
    inputs = {
        "model": circuit.model_key,
        "transcoders": circuit.transcoder_key,
        "task": circuit.task_key,
    }
    return stage_key("circuit", SCHEMA, inputs, [str(node) for node in circuit.nodes])


def random_key(bundle: Bundle, view: "View | Test", draws: int) -> str:
    """Content key of a comparison with random selections."""
    inputs = {"circuit": nodes_key(bundle)}
    return stage_key(RANDOM, SCHEMA, inputs, _what(view) | {"draws": draws, "seed": 0})


def _what(view: "View | Test") -> dict[str, Any]:
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
        faithfulness=or_nan(data["faithfulness"]),
        accuracy=float(data["accuracy"]),
    )


def is_open(test: Test, view: View) -> bool:
    """Whether the page shows this test now."""
    same = (test.how, test.errors, test.inside) == (view.how, view.errors, view.inside)
    return same and sorted(test.changes) == sorted(view.changes)


def errors_shown(test: View | Test) -> str:
    """What became of the errors: inside a circuit, which has none, those left live are ablated."""
    return "ablated" if test.inside == "circuit" and test.errors == "live" else test.errors


def to_csv(tests: Sequence[Test]) -> str:
    """The log as a table for a spreadsheet."""
    out = io.StringIO()
    names = (
        "time", "changes", "nodes", "how", "errors", "inside", "before", "after", "faithfulness",
        "accuracy",
    )  # fmt: skip
    beside = [item.name for item in fields(Compared) if item.name != "key"]
    table = csv.writer(out)
    table.writerow([*names, *beside])
    for test in tests:
        changes = " ".join(f"{c.node}*{c.scale:g}" for c in test.changes)
        row = {name: getattr(test, name) for name in names}
        row |= {"changes": changes, "errors": errors_shown(test)}
        figures = [getattr(test.compared, name, "") for name in beside]
        table.writerow([*(row[name] for name in names), *figures])
    return out.getvalue()
