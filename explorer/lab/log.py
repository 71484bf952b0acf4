"""The Lab's log: every test, its outcome, and its comparison with random selections."""

import math
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from core.bundle import Bundle
from core.lab import TaskEffect
from explorer import memory
from explorer.inspector.parts import number
from explorer.lab import against
from explorer.look import notices
from explorer.session import changes, resources, testlog
from explorer.session.comparisons import Compared
from explorer.session.testlog import Test
from explorer.session.view import View

HERE = Path(__file__).resolve().parent

_log = component(
    "hagd_testlog",
    html='<div class="log"></div>',
    css=(HERE / "testlog.css").read_text("utf-8"),
    js=(HERE / "testlog.js").read_text("utf-8"),
)


def record(bundle: Bundle, view: View, effect: TaskEffect) -> None:
    """Write the test that the page shows into the log, once."""
    tests = resources.tests()
    if not view.changes or any(testlog.is_open(test, view) for test in tests.of(bundle)):
        return
    base = effect.full if view.inside == "model" else effect.circuit
    outcome = {
        "before": float(base.median()),
        "after": float(effect.changed.median()),
        "faithfulness": effect.faithfulness,
        "accuracy": effect.accuracy_changed,
    }
    tests.add(bundle, view, outcome=outcome, nodes=changes.size(bundle, view.changes))


def panel(bundle: Bundle, view: View) -> None:
    """Every test of this circuit; a click opens its set and settings again."""
    tests = resources.tests().of(bundle)
    with st.container(key="panel-lab-log"):
        with st.container(horizontal=True, vertical_alignment="center", key="log-head"):
            st.html(
                f'<div class="hs-head"><h3>Tests <em>{len(tests) or ""}</em></h3>'
                '<span title="Median P(right answer) over the test prompts, before and after">'
                f"{'median P' if tests else ''}</span></div>"
            )
            if tests:
                st.download_button(
                    "CSV",
                    testlog.to_csv(tests),
                    file_name=f"{bundle.name}-tests.csv",
                    mime="text/csv",
                    on_click="ignore",
                    key="log-csv",
                )
        if not tests:
            notices.empty("No test yet", "Each change you make is kept here.", key="no-tests")
            return
        data = [line(test, view) for test in tests]
        _log(data={"tests": data}, key="testlog", on_reopened_change=partial(_reopen, bundle))


def line(test: Test, view: View) -> dict[str, Any]:
    """A test as the browser lists it."""
    when = datetime.fromisoformat(test.time).astimezone()
    today = when.date() == datetime.now().astimezone().date()
    return {
        "key": test.key,
        "title": changes.sentence(test.changes),
        "before": f"{test.before:.2f}",
        "after": f"{test.after:.2f}",
        "share": max(0.0, min(1.0, test.after)),
        "when": when.strftime("%H:%M" if today else "%d %b"),
        "how": test.how if test.inside == "circuit" else f"{test.how}, in the model",
        "setting": against.setting(test),
        "open": testlog.is_open(test, view),
        "compared": None if test.compared is None else _figures(test.compared),
    }


def _figures(found: Compared) -> dict[str, Any]:
    """The verdict, and each score beside the best of the random selections."""
    rows = [
        ("necessity", found.necessity, found.necessity_random, found.necessity_p),
        ("sufficiency", found.sufficiency, found.sufficiency_random, found.sufficiency_p),
    ]
    return {
        "verdict": found.verdict.rstrip("."),
        "draws": found.draws,
        "rows": [
            [name, number(value), number(random), against.p_is(p)]
            for name, value, random, p in rows
            if math.isfinite(value)
        ],
    }


def _reopen(bundle: Bundle) -> None:
    result = memory.value("testlog") or {}
    key = result.get("reopened") if isinstance(result, Mapping) else None
    test = next((t for t in resources.tests().of(bundle) if t.key == key), None)
    if test is not None:
        against.reopen(test)
