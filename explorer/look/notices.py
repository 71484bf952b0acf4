"""What a page says when it has nothing to show, is waiting, or was refused.

    empty    what to do, and one button that does it
    loading  the shape of the answer, the stage, the count, the time left, Cancel
    failed   what was wrong, what was wanted, what to do; details folded

Text comes from files, links and people, so it is escaped here and nowhere trusted as HTML.
"""

import html
import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple

import streamlit as st

from core.errors import CoreError
from explorer.look import theme

LOG = logging.getLogger("hagd.explorer")

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    '<path d="M12 6v7M12 13l-6.5 6M12 13l6.5 6" stroke="#8592A0" stroke-width="2" fill="none"/>'
    '<circle cx="12" cy="5" r="3" fill="#E9EDF2" stroke="#0E1217" stroke-width=".6"/>'
    '<circle cx="12" cy="13" r="3" fill="#E3C65F"/><circle cx="5" cy="19.5" r="3" fill="#ACA4F7"/>'
    '<circle cx="19" cy="19.5" r="3" fill="#EC93BA"/></svg>'
)
"""The tree of the logo, for the browser's tab."""


class Button(NamedTuple):
    """One way on from a message."""

    label: str
    key: str
    click: Callable[[], None] | None = None
    """What it does, unless the page does it: another page is not opened from a callback."""


class Stage(NamedTuple):
    """One step of long work: `done` of `total`, or done where `total` is 0."""

    name: str
    note: str = ""
    state: str = "waiting"
    """waiting, running, done or failed."""
    seconds: float | None = None
    share: float | None = None
    """Part done of a running stage, 0 to 1; None where it is not known."""


def logo(colours: Mapping[str, str]) -> str:
    """The logo in the colours of the theme in use, as SVG."""
    c = colours
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">'
        f'<path d="M12 6v7M12 13l-6.5 6M12 13l6.5 6" stroke="{c["ink-3"]}" '
        'stroke-width="1.8" fill="none"/>'
        f'<circle cx="12" cy="4.6" r="2.7" fill="{c["ink-1"]}"/>'
        f'<circle cx="12" cy="13" r="2.7" fill="{c["role-c"]}"/>'
        f'<circle cx="5" cy="19.6" r="2.7" fill="{c["role-a"]}"/>'
        f'<circle cx="19" cy="19.6" r="2.7" fill="{c["role-b"]}"/></svg>'
    )


def text(value: object) -> str:
    """Text made safe for HTML."""
    return html.escape(str(value), quote=True)


def clock(seconds: float) -> str:
    """A duration as people read it: 0:07, 12:40, 1:02:03."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    tail = f"{minutes}:{whole % 60:02d}"
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else tail


def empty(title: str, advice: str, button: Button | None = None, key: str = "empty") -> bool:
    """A panel with nothing in it yet; returns whether its button was just pressed."""
    with st.container(key=f"state-{key}", horizontal_alignment="center"):
        st.html(
            '<div class="hs-empty"><i aria-hidden="true"></i>'
            f"<b>{text(title)}</b><span>{text(advice)}</span></div>"
        )
        return _button(button)


def failed(
    title: str,
    message: str,
    *,
    details: str = "",
    button: Button | None = None,
    key: str = "failed",
) -> None:
    """A refusal: title, then what was wanted and what to do, one line each."""
    lines = "".join(f"<p>{text(line)}</p>" for line in message.splitlines() if line.strip())
    with st.container(key=f"state-{key}"):
        st.html(
            f'<div class="hs-failed" role="alert">{theme.mark_html("bad", 18)}'
            f"<div><b>{text(title)}</b>{lines}</div></div>"
        )
        _button(button)
        if details:
            with st.expander("Details"):
                st.code(details, language=None)


def refused(title: str, problem: CoreError, key: str = "failed") -> None:
    """A refusal of the engine, as it words it."""
    failed(title, str(problem), key=key)


def skeleton(rows: int = 3) -> None:
    """The shape of an answer that is on its way."""
    bars = "".join(
        f'<div><i style="width:{46 + (index * 17) % 30}%"></i><i class="hs-end"></i></div>'
        for index in range(rows)
    )
    st.html(f'<div class="hs-skeleton" aria-busy="true">{bars}</div>')


def stages_html(stages: tuple[Stage, ...]) -> str:
    """A list of stages with what each cost; the running one has a bar."""
    return '<div class="hs-stages">' + "".join(map(_stage_html, stages)) + "</div>"


def _stage_html(stage: Stage) -> str:
    marks = {"done": theme.mark_html("ok", 14), "failed": theme.mark_html("bad", 14)}
    mark = marks.get(stage.state, '<i class="hs-turn"></i>')
    cost = "" if stage.seconds is None else clock(stage.seconds)
    bar = ""
    if stage.state == "running" and stage.share is not None:
        width = 100 * min(1.0, max(0.0, stage.share))
        bar = f'<div class="hs-bar"><i style="width:{width:.1f}%"></i></div>'
    return (
        f'<div class="hs-stage hs-{text(stage.state)}"><span>{mark}</span>'
        f"<span>{text(stage.name)} <em>{text(stage.note)}</em></span><em>{cost}</em></div>{bar}"
    )


def guarded(run: Callable[..., Any], *arguments: Any) -> None:
    """Run part of a page; what goes wrong becomes a message in its place."""
    try:
        run(*arguments)
    except CoreError as problem:
        head, _, rest = str(problem).partition("\n")
        failed("This could not be shown", f"{head}\n{rest}", key=f"refused-{_part(run)}")
    except Exception as problem:  # a page must never end in a traceback
        LOG.exception("page failed")
        failed(
            "This part of the page failed",
            "The rest of the app goes on, and nothing stored was changed. Reload to try again; if "
            "it stays, the details below tell a developer where to look.",
            details="".join(traceback.format_exception(problem))[-4000:],
            key=f"crashed-{_part(run)}",
        )


def _part(run: Callable[..., Any]) -> str:
    """A name for a part of a page: two of them may fail at once, and keys must differ."""
    return f"{run.__module__}-{run.__qualname__}".replace(".", "-").replace("_", "-")


def guard(run: Callable[..., Any]) -> Callable[..., Any]:
    """`guarded` as a decorator, for fragments that rerun on their own."""

    @wraps(run)
    def wrapper(*arguments: Any) -> None:
        guarded(run, *arguments)

    return wrapper


def _button(button: Button | None) -> bool:
    return button is not None and st.button(button.label, key=button.key, on_click=button.click)


# ---- long messages ----

LINES, LETTERS = 5, 320
"""What a refusal may have to be shown as it is; a longer one is folded."""
HEAD = 2
"""Lines of a folded refusal that stay in sight: what was wrong, and the first of its cases."""
BRIEF = 120
"""Letters of what to do that stay in sight as well."""


def folded_html(message: str) -> str:
    """A message as paragraphs; of a long one the head is shown, and a brief word on what to do."""
    lines = message.splitlines()
    if len(lines) <= HEAD or (len(lines) <= LINES and len(message) <= LETTERS):
        return _paragraphs(lines)
    end = lines[-1:] if len(lines[-1]) <= BRIEF else []
    inner = lines[HEAD : len(lines) - len(end)]
    many = f"{len(inner)} more line{'s' * (len(inner) != 1)}"
    fold = f"<summary>Details, {many}</summary>{_paragraphs(inner)}"
    folded = f"<details class='hx-more'>{fold}</details>" if inner else ""
    return f"{_paragraphs(lines[:HEAD])}{folded}{_paragraphs(end)}"


def _paragraphs(lines: Sequence[str]) -> str:
    return "".join(f"<p>{text(line)}</p>" for line in lines)
