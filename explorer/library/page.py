"""The Library page: cards, table, filters; new run, running jobs, refusals, one-prompt trace."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from core.store import default_location
from explorer import engine, menu, sharing
from explorer.library import gallery, graphs, preview, runs
from explorer.library.gallery import Row, Said
from explorer.look import notices, theme
from explorer.network import THUMBNAIL
from explorer.session import resources, state
from explorer.session.first import choose, rank
from explorer.session.view import Imported, Shelf

CARDS = 3
VERDICT_WORDS = {"": "any"} | {name: shown.word for name, shown in theme.VERDICTS.items()}


def page() -> None:
    """Draw the page."""
    with st.container(key="library", horizontal=True, wrap=False, gap="medium"):
        with st.container(key="library-main"):
            notices.guarded(_main)
            notices.guarded(graphs.section)
        with st.container(key="library-rail", width=316):
            notices.guarded(runs.new_run)
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
    if state.local("page-is-drawn"):
        engine.start(_warm)
    state.remember("page-is-drawn", True)


def _warm() -> None:
    """Load the circuit that most visitors open first; keep a drawing of each for the next start."""
    infos = [info for info in resources.library() if not info.error]
    if name := choose(infos):
        resources.warm(name)
    for info in infos:
        preview.keep(info.name)


def _main() -> None:
    sharing.imported()
    infos = resources.library()
    rows = gallery.shelf(infos, resources.task_titles())
    bundled = sum(resources.is_bundled(info) for info in infos)
    _heading(len(rows), bundled)
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
    said = [_cards(featured_of(rows), "featured")] if wanted == Shelf() else []
    _filters(rows, wanted)
    shown = gallery.pick(rows, wanted)
    if not shown:
        clear = notices.Button("Show all", lambda: state.update(shelf=Shelf()), "show-all")
        notices.empty("Nothing fits", "No stored circuit fits this search.", clear, "nothing-fits")
    elif wanted.layout == "cards":
        said.append(_cards([row for row in shown if not row.error], "cards"))
        shown = tuple(row for row in shown if row.error)
    table = [gallery.row_data(row, _address(row)) for row in shown]
    said.append(gallery.gallery([], table, key="table"))
    _answer(said, {row.name: row for row in rows if not row.error})


def _answer(said: Sequence[Said], known: Mapping[str, Row]) -> None:
    """Open or share what was clicked."""
    for opened, shared in said:
        if opened in known:
            menu.go("circuit", circuit=opened, path=(), selection=(), changes=(), prompt=0)
        if shared in known:
            row = known[shared]
            st.dialog(f"Share {row.task} · {row.model}")(sharing.share_list)(shared, "library")


def _heading(stored: int, bundled: int) -> None:
    many = f"{stored} stored, {bundled} bundled. " if stored else ""
    st.html(
        '<div class="hs-heading"><h1>Circuits</h1><span class="hx-dim">'
        f"{many}Every score is on unseen prompts, beside its controls.</span></div>"
    )


def _cards(rows: Sequence[Row], key: str) -> Said:
    drawn = [
        gallery.card_data(row, _address(row), resources.thumbnail(row.name), THUMBNAIL)
        for row in rows
    ]
    return gallery.gallery(drawn, [], key=key)


def _address(row: Row) -> str:
    return menu.address("circuit", circuit=row.name, path=(), selection=(), changes=(), prompt=0)


def featured_of(rows: tuple[Row, ...], many: int = CARDS) -> tuple[Row, ...]:
    """Circuits for a first visit: those that hold first, each task and model once before twice."""
    good = [row for row in rows if not row.error and not row.null]
    first, again, seen = [], [], set[tuple[str, str]]()
    for row in sorted(good, key=lambda row: rank(row.verdict, row.faithfulness)):
        (again if (row.task, row.model) in seen else first).append(row)
        seen.add((row.task, row.model))
    return tuple((first + again)[:many])


def _filters(rows: tuple[Row, ...], wanted: Shelf) -> None:
    tasks = sorted({row.task for row in rows if not row.error})
    models = sorted({row.model for row in rows if row.model})
    with st.container(key="filters", horizontal=True, vertical_alignment="center", gap="small"):
        st.text_input(
            "Search circuits, tasks, models",
            key=state.widget("shelf-search", wanted.search),
            placeholder="Search",
            label_visibility="collapsed",
            max_chars=160,
            on_change=lambda: _set("search"),
            width=170,
        )
        _choice("task", "Task", {"": f"all {len(tasks)}"} | {name: name for name in tasks}, 152)
        _choice("model", "Model", {"": f"all {len(models)}"} | {name: name for name in models}, 152)
        _choice("verdict", "Verdict", VERDICT_WORDS, 136)
        _choice("sort", "Sort", dict(gallery.SORTS), 156)
        with st.container(
            key="filters-end", horizontal=True, horizontal_alignment="right", gap="small"
        ):
            st.segmented_control(
                "Layout",
                ["table", "cards"],
                format_func=str.title,
                key=state.widget("shelf-layout", wanted.layout),
                on_change=lambda: _set("layout"),
                label_visibility="collapsed",
                required=True,
            )
            sharing.import_button()


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
            key=state.widget(f"shelf-{name}", chosen),
            on_change=lambda: _set(name),
            label_visibility="collapsed",
        )


def _set(name: str) -> None:
    shelf = state.current().shelf
    state.update(shelf=replace(shelf, **{name: state.value(f"shelf-{name}") or ""}))


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
                traced = replace(state.current().traced, text=text[:2000])
                menu.go("prompt", traced=traced, imported=Imported())
