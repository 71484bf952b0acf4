"""The Lab's panel of necessity and sufficiency, beside random selections of the same size.

1. With a stored comparison of what is set now: its two figures, each beside the best of the random
   selections and its p, the verdict, and in small print the setting all of it was taken in.
2. Else the comparison shown last (or the newest of the same changed set) stays, dimmed and named as
   another test's, above what can be done: compare what is set now, or open that test again.
3. Else one sentence and one button: ablate something, or compare it.
"""

import math
from dataclasses import dataclass
from functools import partial

import streamlit as st

from core.bundle import Bundle
from core.figures import p_text
from core.lab import Comparison, Lab, RandomTest
from explorer import memory
from explorer.inspector.parts import number
from explorer.lab import running
from explorer.look import figures, notices, theme
from explorer.look.chart import chart
from explorer.session import changes, comparisons, resources, state, testlog
from explorer.session.testlog import Test
from explorer.session.view import View

WHAT = {"necessity": "F lost when it is ablated", "sufficiency": "F when all but it is ablated"}
NAMED = (" (necessity)", " (sufficiency)")
"""Which of two shares is whose."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """A comparison and whose it is."""

    found: RandomTest
    of: View | Test
    """What is set now, or the test that it belongs to."""


def panel(bundle: Bundle, lab: Lab, view: View, strongest: str) -> None:
    """Draw the panel; `strongest` is the supernode offered to a first visitor."""
    nodes = changes.ablated(bundle, view.changes)
    found = stored(bundle, view)
    with st.container(key="panel-lab-random"):
        _head(len(nodes), found)
        if found is not None:
            _remember(bundle, view)
            _comparison(lab, Shown(found=found, of=view))
            return
        earlier = _earlier(bundle, view)
        job = running.job_of(bundle, view) if nodes else None
        if job is not None and job.active:
            st.fragment(partial(running.follow, job.id), run_every=0.4)()
        elif job is not None and job.state == "failed":
            notices.failed("The comparison failed", job.error, details=job.crash, key="random")
            resources.jobs().forget(job.id)
        elif earlier is not None:
            _other(bundle, lab, view, earlier)
        elif nodes:
            _offer(bundle, lab, view, nodes)
        else:
            _nothing_ablated(view, strongest)


def _head(many: int, found: RandomTest | None) -> None:
    size = f"{many:,} nodes" if many > 1 else "the same size"
    how = "" if found is None else f", {_shares(found)} matched"
    st.html(
        f'<div class="hs-head"><h3>Against random selections of {size}</h3>'
        f"<span>{running.DRAWS} draws{how}</span></div>"
    )


def stored(bundle: Bundle, of: View | Test) -> RandomTest | None:
    """The stored comparison of a changed set under its settings."""
    if not changes.ablated(bundle, of.changes):
        return None
    return comparisons.stored(resources.store(), testlog.random_key(bundle, of, running.DRAWS))


# ---- nothing to show yet -------------------------------------------------------------------------


def _nothing_ablated(view: View, strongest: str) -> None:
    button = notices.Button(
        f"Ablate {strongest}, the strongest supernode",
        "ablate-strongest",
        lambda: state.update(changes=changes.toggled(view.changes, strongest)),
    )
    advice = (
        "Scaled nodes are not compared: only what is ablated can be set beside random ablations."
        if view.changes
        else "Click a node or supernode in the network; every figure here then answers it."
    )
    notices.empty("Nothing ablated yet", advice, button if strongest else None, "random")


def _offer(bundle: Bundle, lab: Lab, view: View, nodes: tuple[str, ...]) -> None:
    what = f"the {len(nodes):,} ablated nodes" if len(nodes) > 1 else "the ablated node"
    rest = "; what is scaled is left out" if _has_scaled(view) else ""
    notices.empty(
        f"Is it more than any {len(nodes):,} nodes?"
        if len(nodes) > 1
        else "Is it more than any node?",
        f"Necessity and sufficiency of {what} beside {running.DRAWS} random selections, "
        f"matched by layer, position and activation{rest}.",
        _start_button(bundle, lab, view, nodes),
        key="offer-random",
    )


def _has_scaled(view: View) -> bool:
    return any(change.scale not in (0, 1) for change in view.changes)


def _start_button(bundle: Bundle, lab: Lab, view: View, nodes: tuple[str, ...]) -> notices.Button:
    label = f"Compare with {running.DRAWS} random selections"
    return notices.Button(label, "start-random", partial(running.start, bundle, lab, view, nodes))


# ---- the comparison of another test --------------------------------------------------------------


def _remember(bundle: Bundle, view: View) -> None:
    place = f"compared.{testlog.nodes_key(bundle)}"
    memory.remember(place, testlog.test_key(bundle, view))


def _earlier(bundle: Bundle, view: View) -> Shown | None:
    """The comparison shown last, else the newest one of the same changed set."""
    tests = [test for test in resources.tests().of(bundle) if test.compared]
    last = memory.local(f"compared.{testlog.nodes_key(bundle)}")
    same = [test for test in tests if sorted(test.changes) == sorted(view.changes)]
    for test in [*(t for t in tests if t.key == last), *same]:
        found = stored(bundle, test)
        if found is not None:
            return Shown(found=found, of=test)
    return None


def _other(bundle: Bundle, lab: Lab, view: View, earlier: Shown) -> None:
    """A result that answers another test than the line on top."""
    test, nodes = earlier.of, changes.ablated(bundle, view.changes)
    with st.container(key="random-other", horizontal=True, vertical_alignment="center"):
        st.html(
            f'<div class="hs-other">{theme.mark_html("warn", 15)}'
            f"<span>{_whose(view, test)}</span></div>"
        )
        if nodes:
            button = _start_button(bundle, lab, view, nodes)
            st.button("Compare what is set", key=button.key, on_click=button.click)
        st.button("Open that test", key="open-earlier", on_click=reopen, args=(test,))
    with st.container(key="random-stale"):
        _comparison(lab, earlier)


def _whose(view: View, test: View | Test) -> str:
    """What the result shown belongs to, as HTML."""
    how = notices.text(setting(test))
    if sorted(test.changes) == sorted(view.changes):
        return f"Below is this set with other settings: <b>{how}</b>."
    words = notices.text(changes.sentence(test.changes))
    return f"Below is another test: <b>{words}</b>, {how}."


def setting(test: View | Test) -> str:
    """The three choices in short: “to mean, errors live, inside circuit”."""
    where = "circuit" if test.inside == "circuit" else "full model"
    return f"to {test.how}, errors {testlog.errors_shown(test)}, inside {where}"


def reopen(test: Test | View) -> None:
    """Set what a test had set."""
    state.update(changes=test.changes, how=test.how, errors=test.errors, inside=test.inside)


# ---- a comparison --------------------------------------------------------------------------------


def _comparison(lab: Lab, shown: Shown) -> None:
    found, regime = shown.found, changes.regime(shown.of)
    with st.container(horizontal=True, gap="medium", key="random-halves"):
        _half("Necessity", "necessity", found.necessity, regime)
        _half("Sufficiency", "sufficiency", found.sufficiency, regime)
    shown_claims = sum(one.claim == "shown" for one in (found.necessity, found.sufficiency))
    tone = {2: "ok", 1: "warn", 0: "idle"}[shown_claims]
    rest = found.sentence.removeprefix(found.verdict).strip()
    st.html(
        f'<div class="hs-verdict">{theme.mark_html(tone, 16)}<span><b>{notices.text(found.verdict)}'
        f"</b> {notices.text(rest)}</span></div>"
        f'<p class="hs-note">{notices.text(regime)} {_drawn(lab, found)}</p>'
    )


def _drawn(lab: Lab, found: RandomTest) -> str:
    """How the random selections were drawn, in a sentence."""
    nodes = "node" if found.size == 1 else "nodes"
    return (
        f"{found.draws} selections of {found.size:,} {nodes}, {_shares(found, NAMED)} of them "
        "matched by layer, position and activation, the others as closely as could be, on "
        f"{found.n_prompts} of {len(lab.prompts)} test prompts."
    )


def _shares(found: RandomTest, names: tuple[str, str] = ("", "")) -> str:
    """The share of matched draws: "49%"; where the two figures' differ both, a name after each."""
    need, suffice = f"{found.necessity.matched:.0%}", f"{found.sufficiency.matched:.0%}"
    return need if need == suffice else f"{need}{names[0]} and {suffice}{names[1]}"


def _half(title: str, key: str, one: Comparison, regime: str) -> None:
    with st.container(key=f"half-{key}"):
        top = number(comparisons.best(one))
        st.html(
            f'<div class="hs-half" title="{notices.text(regime)}"><b>{title} '
            f"{number(one.value)}</b><span>{notices.text(p_is(one.p_value))}</span>"
            f"<em>{WHAT[key]}</em><em>random at most {top}</em></div>"
        )
        if not math.isfinite(one.value):
            return  # nothing to be faithful to: the sentence below says so
        figure = figures.against_random(one.value, one.random.tolist(), theme.palette(), height=148)
        chart(figure, f"random-{key}")


def p_is(value: float) -> str:
    """ "p < 0.01", or "p = 0.14"."""
    told = p_text(value)
    return f"p {told}" if told.startswith("<") else f"p = {told}"
