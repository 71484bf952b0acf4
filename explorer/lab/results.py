"""What the Lab's changes do: on this prompt, and on every prompt of the task."""

import streamlit as st

from core.bundle import Bundle
from core.lab import Lab, RandomTest, TaskEffect
from explorer.inspector import parts as inspector
from explorer.look import figures, notices, theme
from explorer.look.chart import chart
from explorer.look.figures import Bars, Dots
from explorer.session import changes
from explorer.session.view import View

STRIP = 212
"""Height of the strip of dots, whatever it shows: nothing below it moves."""


def this_prompt(bundle: Bundle, lab: Lab, view: View) -> None:
    """P(next token) before and after, as bars."""
    found = lab.predict(
        view.prompt, changes.expand(bundle, view.changes), changes.settings_of(view)
    )
    shown, word = lab.prompts[view.prompt], changes.word(view.changes)
    rows = [
        Bars(row.text, row.full, row.circuit, row.changed, row.token == shown.answer_id)
        for row in found.rows
    ]
    values = [("full", found.full), ("circuit", found.circuit)]
    values += [(word, found.changed)] if view.changes else []
    told = " · ".join(f"<b>{one.p_answer:.3f}</b> {name}" for name, one in values)
    with st.container(key="panel-lab-prompt"):
        st.html(
            f'<div class="hs-head"><h3 title="{notices.text(shown.text)}">This prompt</h3>'
            '<span class="hs-sub">P(next token)</span>'
            f"{_keys(word if view.changes else '')}</div>"
            '<div class="hs-values" data-testid="p-answer" '
            f'data-full="{found.full.p_answer:.6g}" data-circuit="{found.circuit.p_answer:.6g}" '
            f'data-changed="{found.changed.p_answer:.6g}">P({notices.text(shown.answer)}) {told}'
            "</div>"
        )
        figure = figures.prompt_bars(
            rows,
            theme.palette(),
            base="full" if view.inside == "model" else "circuit",
            changed=word if view.changes else None,
            height=212,
        )
        chart(figure, "prompt-bars")


def _keys(changed: str) -> str:
    """What each fill means."""
    last = f'<i class="hs-ablated"></i>{changed}' if changed else ""
    return (
        '<span class="hs-keys"><i class="hs-full"></i>full<i class="hs-circuit"></i>circuit'
        f"{last}</span>"
    )


def across_task(lab: Lab, view: View, effect: TaskEffect, random: RandomTest | None) -> None:
    """P(right answer) of every test prompt as a dot.

    Where the set was compared with random selections, these have a row too, which says on how many
    prompts they were run where these are not all.
    """
    series = strip(view, effect, random)
    with st.container(key="panel-lab-task"):
        st.html(
            '<div class="hs-head"><h3>Across the task</h3><span class="hs-sub">P(right answer), a '
            f"dot for each of {len(lab.prompts)} unseen prompts</span>{_scores(view, effect)}</div>"
        )
        figure = figures.task_strip(
            series,
            theme.palette(),
            names=[notices.text(prompt.text) for prompt in lab.prompts],
            chance=effect.chance,
            current=view.prompt,
            height=STRIP,
        )
        chart(figure, "task-strip")


def strip(view: View, effect: TaskEffect, random: RandomTest | None) -> list[Dots]:
    """The rows of the strip, all prompts in each but the random selections' own."""
    word = changes.word(view.changes)
    rows = [("full model", "full", effect.full), ("circuit", "circuit", effect.circuit)]
    if view.changes:
        rows.append((word, "ablated", effect.changed))
    series = [Dots(label, kind, values.tolist()) for label, kind, values in rows]
    if random is None:
        return series
    prompts = random.prompts.tolist()
    some = len(prompts) < len(effect.full)
    label = f"random, {len(prompts)} of them" if some else "random ablated"
    left = Dots(label, "random", random.random_p_answer.tolist(), prompts)
    return [*series[:2], left, *series[2:]]


def _scores(view: View, effect: TaskEffect) -> str:
    """F and accuracy with the changes, each beside the same of what they were made in."""
    name, *before = (
        ("full model", effect.faithfulness_full, effect.accuracy_full)
        if view.inside == "model"
        else ("circuit", effect.faithfulness_circuit, effect.accuracy_circuit)
    )
    base, now = _shown(*before), _shown(effect.faithfulness, effect.accuracy_changed)
    about = (
        "F: share of the model's margin that is kept. Right: prompts with the answer on top. "
        f"Both on all {len(effect.full)} test prompts. {changes.regime(view)}"
    )
    if not view.changes:
        told = f'F <b class="hx-strong">{now[0]}</b> · right <b class="hx-strong">'
        return f'<span title="{notices.text(about)}">{name} {told}{now[1]}</b></span>'
    pairs = zip(("F", "right"), base, now, strict=True)
    told = " · ".join(f'{n} {a} → <b class="hx-strong">{b}</b>' for n, a, b in pairs)
    return f'<span title="{notices.text(about)}">{told}</span>'


def _shown(faithfulness: float, accuracy: float) -> tuple[str, str]:
    return inspector.number(faithfulness), f"{accuracy:.0%}"
