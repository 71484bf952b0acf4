"""The Library page: cards, table, filters; new run, running jobs, refusals, one-prompt trace."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from core.store import default_location
from explorer import engine, memory, menu, sharing
from explorer.library import gallery, graphs, order, preview, removing, runs, starting
from explorer.library.gallery import Said
from explorer.library.shelf import KINDS, NULLS, Row, shelf
from explorer.look import notices, theme
from explorer.network import THUMBNAIL
from explorer.session import resources, state
from explorer.session.first import choose
from explorer.session.view import Imported, Shelf, Traced

MOST_CARDS = 12
"""Cards drawn before more are asked for: each is a circuit to be opened."""
WARM = 8
"""Circuits that a drawing is kept of ahead of time; the rest when they are first opened."""
VERDICT_WORDS = {"": "any"} | {name: shown.word for name, shown in theme.VERDICTS.items()}


def page() -> None:
    """Draw the page."""
    with st.container(key="library", horizontal=True, wrap=False, gap="medium"):
        with st.container(key="library-main"):
            notices.guarded(_main)
            notices.guarded(graphs.section)
        with st.container(key="library-rail", width=316):
            notices.guarded(starting.new_run)
            notices.guarded(runs.running)
            notices.guarded(_trace)
    with st.container(key="library-end"):
        if not engine.ready():
            st.fragment(_await_engine, run_every=0.7)()


def _await_engine() -> None:
    """Start the engine once the page is on the screen; draw it again when circuits can be opened.

    Its import holds the interpreter, so it would delay the very page it is meant to follow.
    """
    if engine.ready():
        st.rerun(scope="app")
    if memory.local("page-is-drawn"):
        engine.start(_warm)
    memory.remember("page-is-drawn", True)


def _warm() -> None:
    """Load the circuit that most visitors open first; keep a drawing of each for the next start."""
    infos = [info for info in resources.library() if not info.error]
    if name := choose(infos):
        resources.warm(name)
    rows = order.pick(shelf(infos, resources.task_titles()), Shelf(sort="faithfulness"))
    for row in (*order.featured_of(rows), *rows[:WARM]):
        preview.keep(row.name)


def _main() -> None:
    sharing.imported()
    infos = resources.library()
    rows = shelf(infos, resources.task_titles())
    bundled = sum(resources.is_bundled(info) for info in infos)
    _heading(rows, bundled)
    if not rows:
        notices.empty(
            "No circuits yet",
            "Start a run on the right: pick a model and a task, and its circuit appears here with "
            f"its controls. Results are kept in {default_location()}.",
            key="no-circuits",
        )
        with st.container(horizontal_alignment="center"):
            sharing.import_button()
        return
    wanted = state.current().shelf
    said = [_cards(order.featured_of(rows), "featured")] if wanted == Shelf() else []
    _filters(rows, wanted)
    shown = order.pick(rows, wanted)
    if not shown:
        clear = notices.Button("Show all", "show-all", lambda: state.update(shelf=Shelf()))
        notices.empty("Nothing fits", "No stored circuit fits this search.", clear, "nothing-fits")
    elif wanted.layout == "cards":
        said.append(_all_cards([row for row in shown if not row.error]))
        shown = tuple(row for row in shown if row.error)
    said.append(_table(shown, wanted))
    _answer(said, {row.name: row for row in rows if not row.error})


def _table(rows: Sequence[Row], wanted: Shelf) -> Said:
    """The rows under their tasks, or in the order that was asked for."""
    parts = order.sections(rows, wanted)
    groups = [
        {
            "title": part.title,
            "note": part.note,
            "rows": len(part.rows),
            "first": order.FIRST if part.folded else 0,
        }
        for part in parts
    ]
    rows = [row for part in parts for row in part.rows] or rows
    table = [gallery.row_data(row, _address(row)) for row in rows]
    return gallery.gallery([], table, "table", groups)


def _all_cards(rows: Sequence[Row]) -> Said:
    """The first cards, and the rest when asked for."""
    all_of_them = bool(memory.local("all-cards")) or len(rows) <= MOST_CARDS
    with st.container(key="all-cards"):
        said = _cards(rows if all_of_them else rows[:MOST_CARDS], "cards")
        if not all_of_them:
            more = f"Show {len(rows) - MOST_CARDS} more"
            st.button(more, key="more-cards", on_click=memory.remember, args=("all-cards", True))
    return said


def _answer(said: Sequence[Said], known: Mapping[str, Row]) -> None:
    """Open or share what was clicked."""
    for opened, shared in said:
        if opened in known:
            menu.go("circuit", circuit=opened, path=(), selection=(), changes=(), prompt=0)
        if shared in known:
            row = known[shared]
            parts = (row.called or row.task, row.model, row.tag)
            title = " · ".join(part for part in parts if part)
            does = "Share or remove" if row.called else "Share"
            st.dialog(f"{does} {title}", on_dismiss=removing.forget)(_row_menu)(row)


def _row_menu(row: Row) -> None:
    """What can be done with a circuit besides opening it."""
    sharing.share_list(row.name, "library")
    if row.called:
        removing.offer(row.name, resources.find(row.name).path)


def _heading(rows: Sequence[Row], bundled: int) -> None:
    many = f"{len(rows)} stored, {bundled} bundled. " if rows else ""
    with st.container(key="library-head", horizontal=True, vertical_alignment="center"):
        st.html(
            '<div class="hs-heading"><h1>Circuits</h1><span class="hx-dim">'
            f'{many}<span class="hs-roomy">Every score is on unseen prompts, beside its '
            "controls.</span></span></div>"
        )
        if rows:
            _ways()


def _ways() -> None:
    """Table or cards, and what is taken in."""
    with st.container(key="filters-end", horizontal=True, gap="small"):
        st.segmented_control(
            "Layout",
            ["table", "cards"],
            format_func=str.title,
            key=memory.widget("shelf-layout", state.current().shelf.layout),
            on_change=lambda: _set("layout"),
            label_visibility="collapsed",
            required=True,
        )
        sharing.import_button()


def _cards(rows: Sequence[Row], key: str) -> Said:
    drawn = [
        gallery.card_data(row, _address(row), resources.thumbnail(row.name), THUMBNAIL)
        for row in rows
    ]
    return gallery.gallery(drawn, [], key=key)


def _address(row: Row) -> str:
    return menu.address("circuit", circuit=row.name, path=(), selection=(), changes=(), prompt=0)


def _filters(rows: Sequence[Row], wanted: Shelf) -> None:
    sound = [row for row in rows if not row.error]
    with st.container(key="filters", horizontal=True, vertical_alignment="center", gap="small"):
        st.text_input(
            "Search circuits, tasks, models",
            key=memory.widget("shelf-search", wanted.search),
            placeholder="Search",
            label_visibility="collapsed",
            max_chars=160,
            on_change=lambda: _set("search"),
            width=176,
        )
        _choice("task", "Task", _named(sorted({row.section for row in sound}, key=_last)), 196)
        _choice("family", "Family", _named(sorted({row.family for row in sound})), 150)
        _choice("dictionary", "Dictionary", _named(_kinds(sound)), 172)
        _choice("verdict", "Verdict", VERDICT_WORDS, 158)
        _choice("sort", "Sort", dict(order.SORTS), 152)


def _named(options: Sequence[str]) -> dict[str, str]:
    return {"": f"all {len(options)}"} | {name: name for name in options}


def _last(section: str) -> tuple[bool, str]:
    return section == NULLS, section


def _kinds(rows: Sequence[Row]) -> list[str]:
    """Kinds of dictionary that there are, in their own order."""
    known = {row.dictionary for row in rows}
    return [kind for kind in (*KINDS, "own") if kind in known]


def _choice(name: str, label: str, options: dict[str, str], width: int) -> None:
    """A select box that shows its name and its choice, as “Task all 6”."""
    chosen = getattr(state.current().shelf, name)
    if chosen not in options:
        state.note(f"“{name}={chosen[:40]}” is not among the {len(options) - 1} here")
        chosen = ""
    with st.container(key=f"named-{name}", width=width):
        st.selectbox(
            label,
            list(options),
            format_func=lambda option: str(options.get(option, option)),
            key=memory.widget(f"shelf-{name}", chosen),
            on_change=lambda: _set(name),
            label_visibility="collapsed",
        )


def _set(name: str) -> None:
    shelf = state.current().shelf
    state.update(shelf=replace(shelf, **{name: memory.value(f"shelf-{name}") or ""}))


def _trace() -> None:
    with st.container(key="panel-trace"):
        st.html(
            '<div class="hs-head"><h3>Trace one prompt</h3>'
            "<span>seconds, nothing stored</span></div>"
        )
        with st.form("trace", border=False), st.container(horizontal=True, gap="small"):
            text = st.text_input(
                "Prompt", key="trace-text", placeholder="a prompt", label_visibility="collapsed"
            )
            if st.form_submit_button("Trace") and text:
                menu.go("prompt", traced=Traced(text=text[:2000]), imported=Imported())
