"""What the Lab's changes do: on this prompt, on the task, against random selections; the log."""

import math
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from core.bundle import Bundle
from core.lab import Comparison, Lab, RandomTest, TaskEffect
from explorer.inspector import parts as inspector
from explorer.jobs.files import Job, Report
from explorer.look import figures, notices, theme
from explorer.look.figures import Bars, Dots
from explorer.session import changes, resources, state, testlog
from explorer.session.testlog import Test
from explorer.session.view import View

DRAWS = 200
KEYS = (
    '<span class="hs-keys"><i class="hs-full"></i>full<i class="hs-circuit"></i>circuit'
    '<i class="hs-ablated"></i>changed</span>'
)
HERE = Path(__file__).resolve().parent

_log = component(
    "hagd_testlog",
    html='<div class="log"></div>',
    css=(HERE / "testlog.css").read_text("utf-8"),
    js=(HERE / "testlog.js").read_text("utf-8"),
)


def _chart(figure: Any, key: str) -> None:
    st.plotly_chart(figure, key=key, theme=None, config=figures.CONFIG, width="stretch")


def this_prompt(bundle: Bundle, lab: Lab, view: View) -> None:
    """P(next token) before and after, as bars."""
    found = lab.predict(
        view.prompt, changes.expand(bundle, view.changes), changes.settings_of(view)
    )
    shown = lab.prompts[view.prompt]
    rows = [
        Bars(row.text, row.full, row.circuit, row.changed, row.token == shown.answer_id)
        for row in found.rows
    ]
    with st.container(key="panel-lab-prompt"):
        st.html(
            '<div class="hs-head"><h3>This prompt</h3><span class="hs-sub">P(next token)</span>'
            f"{KEYS}</div>"
            '<div class="hs-values" data-testid="p-answer" '
            f'data-full="{found.full.p_answer:.6g}" data-circuit="{found.circuit.p_answer:.6g}" '
            f'data-changed="{found.changed.p_answer:.6g}">P({notices.text(shown.answer)}) '
            f"<b>{found.full.p_answer:.3f}</b> full · <b>{found.circuit.p_answer:.3f}</b> circuit "
            f"· <b>{found.changed.p_answer:.3f}</b> changed</div>"
        )
        base = "full" if view.inside == "model" else "circuit"
        _chart(figures.prompt_bars(rows, theme.palette(), base=base, height=212), "prompt-bars")


def across_task(bundle: Bundle, lab: Lab, view: View, effect: TaskEffect) -> None:
    """P(right answer) of every test prompt as a dot."""
    series = [
        Dots("full model", "full", effect.full.tolist()),
        Dots("circuit", "circuit", effect.circuit.tolist()),
    ]
    random = _stored(bundle, view)
    if random is not None:
        left = random.random_p_answer.tolist()
        series.append(Dots("random ablated", "random", left, random.prompts.tolist()))
    if view.changes:
        series.append(Dots("changed", "ablated", effect.changed.tolist()))
    with st.container(key="panel-lab-task"):
        st.html(
            '<div class="hs-head"><h3>Across the task</h3><span class="hs-sub">P(right answer), a '
            f"dot for each of {len(lab.prompts)} unseen prompts</span><span>"
            f'F <b class="hx-strong">{inspector.number(effect.faithfulness)}</b> · right '
            f'<b class="hx-strong">{effect.accuracy_changed:.0%}</b></span></div>'
        )
        figure = figures.task_strip(
            series,
            theme.palette(),
            names=[notices.text(prompt.text) for prompt in lab.prompts],
            chance=effect.chance,
            current=view.prompt,
            height=64 + 54 * len(series),
        )
        _chart(figure, "task-strip")


def against_random(bundle: Bundle, lab: Lab, view: View) -> None:
    """Necessity and sufficiency of the ablated set beside random selections of its size."""
    with st.container(key="panel-lab-random"):
        st.html(
            '<div class="hs-head"><h3>Against random selections of the same size</h3>'
            f"<span>{DRAWS} draws, matched by layer, position, activation</span></div>"
        )
        nodes = changes.ablated(bundle, view.changes)
        if not nodes:
            _nothing_ablated(bundle, view)
            return
        found = _stored(bundle, view)
        if found is not None:
            _comparison(found)
            return
        job = _job(bundle, view)
        if job is None or job.state in ("cancelled", "lost"):
            _offer(bundle, lab, view, nodes)
        elif job.state == "failed":
            notices.failed("The comparison failed", job.error, details=job.crash, key="random")
            resources.jobs().forget(job.id)
        else:
            st.fragment(partial(_follow, job.id), run_every=0.4)()


def _nothing_ablated(bundle: Bundle, view: View) -> None:
    top = bundle.hierarchy.level(min(1, bundle.hierarchy.depth))
    largest = bundle.hierarchy.name[max(top, key=lambda s: len(bundle.hierarchy.members(s)))]
    button = notices.Button(
        f"Ablate {largest}, the largest supernode",
        lambda: state.update(changes=changes.toggled(view.changes, largest)),
        "ablate-largest",
    )
    advice = "Click a node in the network, or select one and press X."
    notices.empty("Nothing ablated yet", advice, button if largest != "all" else None, "random")


def _offer(bundle: Bundle, lab: Lab, view: View, nodes: tuple[str, ...]) -> None:
    words = changes.sentence(bundle, view.changes)
    notices.empty(
        f"Is it more than any {len(nodes)} nodes?",
        f"Runs {DRAWS} random selections of {len(nodes)} nodes beside “{words}”.",
        notices.Button(
            f"Compare with {DRAWS} random selections",
            partial(_start, bundle, lab, view, nodes),
            "start-random",
        ),
        key="offer-random",
    )


def _start(bundle: Bundle, lab: Lab, view: View, nodes: tuple[str, ...]) -> None:
    key = testlog.random_key(bundle, view, DRAWS)
    store, settings = resources.store(), changes.settings_of(view)

    def work(_: Mapping[str, Any], report: Report) -> Mapping[str, Any]:
        def tell(done: int, total: int) -> None:
            report("Random selections", done, total)

        found = lab.against_random(nodes, settings, draws=DRAWS, progress=tell)
        about = {"circuit": testlog.circuit_key(bundle), "name": bundle.name, "nodes": len(nodes)}
        store.put(key, testlog.pack(found), kind=testlog.RANDOM, provenance=about)
        return {"key": key}

    title = f"{changes.sentence(bundle, view.changes)} · {bundle.name}"
    resources.jobs().start_here("random", title, {"key": key}, work)


def _job(bundle: Bundle, view: View) -> Job | None:
    key = testlog.random_key(bundle, view, DRAWS)
    found = [job for job in resources.jobs().list() if job.kind == "random"]
    return next((job for job in found if job.settings.get("key") == key), None)


def _stored(bundle: Bundle, view: View) -> RandomTest | None:
    if not changes.ablated(bundle, view.changes):
        return None
    return testlog.stored_random(resources.store(), testlog.random_key(bundle, view, DRAWS))


@notices.guard
def _follow(id: str) -> None:
    job = resources.jobs().find(id)
    if job is None or not job.active:
        st.rerun(scope="app")
        return
    step = job.steps[-1] if job.steps else None
    done, total = (step.done, step.total) if step else (0, 0)
    st.html(
        f'<div class="hs-follow"><div><b>Random selections</b> <span>{done:,} of {total or "…"} '
        f'draws</span></div><div class="hs-bar"><i style="width:{100 * done / max(total, 1):.1f}%">'
        "</i></div></div>"
    )
    notices.skeleton(3)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html('<span class="hs-note">Goes on if you leave this page.</span>')
        st.button("Cancel", key=f"cancel-{id}", on_click=resources.jobs().cancel, args=(id,))


def _comparison(found: RandomTest) -> None:
    with st.container(horizontal=True, gap="medium", key="random-halves"):
        _half("Necessity", "F lost when it is ablated", found.necessity, "necessity")
        _half("Sufficiency", "F when the rest of the circuit is ablated", found.sufficiency, "suff")
    tone = {2: "ok", 1: "warn", 0: "idle"}[found.necessity.shown + found.sufficiency.shown]
    rest = found.sentence.removeprefix(found.verdict).strip()
    st.html(
        f'<div class="hs-verdict">{theme.mark_html(tone, 16)}<span><b>{notices.text(found.verdict)}'
        f"</b> {notices.text(rest)}</span></div>"
    )


def _half(title: str, what: str, one: Comparison, key: str) -> None:
    with st.container(key=f"half-{key}"):
        p = "p < 0.01" if one.p_value < 0.01 else f"p = {one.p_value:.2f}"
        st.html(f'<div class="hs-half"><b>{title}</b><span>{p}</span><em>{what}</em></div>')
        if not math.isfinite(one.value):
            return  # nothing to be faithful to: the sentence below says so
        figure = figures.against_random(one.value, one.random.tolist(), theme.palette(), height=190)
        _chart(figure, f"random-{key}")


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


def log(bundle: Bundle, view: View) -> None:
    """Every test of this circuit; a click opens its set and settings again."""
    tests = resources.tests().of(bundle)
    with st.container(key="panel-lab-log"):
        with st.container(horizontal=True, vertical_alignment="center", key="log-head"):
            st.html(f'<div class="hs-head"><h3>Tests <em>{len(tests) or ""}</em></h3></div>')
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
        data = [_line(bundle, test, view) for test in tests]
        _log(data={"tests": data}, key="testlog", on_reopened_change=partial(_reopen, bundle))


def _line(bundle: Bundle, test: Test, view: View) -> dict[str, Any]:
    when = datetime.fromisoformat(test.time).astimezone()
    today = when.date() == datetime.now().astimezone().date()
    return {
        "key": test.key,
        "title": changes.sentence(bundle, test.changes),
        "before": f"{test.before:.2f}",
        "after": f"{test.after:.2f}",
        "share": max(0.0, min(1.0, test.after)),
        "when": when.strftime("%H:%M" if today else "%d %b"),
        "how": test.how if test.inside == "circuit" else f"{test.how}, in the model",
        "open": testlog.is_open(test, view),
    }


def _reopen(bundle: Bundle) -> None:
    result = state.value("testlog") or {}
    key = result.get("reopened") if isinstance(result, Mapping) else None
    test = next((t for t in resources.tests().of(bundle) if t.key == key), None)
    if test is not None:
        state.update(changes=test.changes, how=test.how, errors=test.errors, inside=test.inside)
