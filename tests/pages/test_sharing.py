"""Share and import in the app: the same files as `hagd`, one notice for a bad one."""

import io
import json
import zipfile

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.bundle import FILES
from core.errors import FormatError
from explorer import engine
from explorer.session import resources
from explorer.session.resources import circuits
from tests.pages.conftest import html
from tests.pages.graph_files import neuronpedia_file
from tests.pages.tiny_store import write_store


@pytest.mark.parametrize("form", ["html", "bundle", "csv", "scores"])
def test_every_form_is_made(store, form):
    data = resources.given("tiny", form)
    if form in ("bundle", "csv"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {name.split("/")[-1] for name in archive.namelist()}
        assert names == (set(FILES) if form == "bundle" else {"nodes.csv", "edges.csv"})
    else:
        assert data[:1] == (b"<" if form == "html" else b"{")


def test_bad_files_are_refused_and_nothing_is_stored(empty_store):
    with pytest.raises(FormatError, match="There is nothing at"):
        resources.take_folder("/no/such/folder")
    with pytest.raises(FormatError, match="cannot be read as JSON"):
        resources.take_upload("x.json", b"nothing")
    assert resources.library() == ()


def test_a_result_folder_shows_in_the_library(store, tmp_path, monkeypatch):
    source = next(info.path for info in resources.library() if info.name == "tiny")
    monkeypatch.setenv("HAGD_STORE", str(tmp_path / "other"))
    resources.store.clear()
    taken = resources.take_folder(str(source))
    assert taken.name == "tiny"
    assert [info.name for info in resources.library()] == ["tiny"]


def test_the_dialog_refuses_in_one_notice_and_stores_nothing(empty_store, open_page):
    app = open_page("library")
    app.button(key="import-open").click().run()
    app.text_input(key="import-folder").set_value(str(empty_store)).run()
    app.button(key="import-go").click().run()
    assert not app.exception
    assert "is damaged" in app.session_state["hagd.local.import-problem"]
    assert not (empty_store / "results").exists() or not list((empty_store / "results").iterdir())


def test_what_was_wrong_goes_when_something_else_is_chosen(empty_store, open_page):
    app = open_page("library")
    app.button(key="import-open").click().run()
    folder = app.text_input(key="import-folder")
    assert "`" not in folder.placeholder
    folder.set_value(str(empty_store)).run()
    app.button(key="import-go").click().run()
    assert app.session_state["hagd.local.import-problem"]
    app.text_input(key="import-folder").set_value(str(empty_store / "other")).run()
    assert not app.session_state["hagd.local.import-problem"]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A store of its own with one circuit and one graph, which a test may remove."""
    root = write_store(tmp_path / "removing")
    monkeypatch.setenv("HAGD_STORE", str(root))
    monkeypatch.setattr(circuits, "CIRCUITS", tmp_path / "nothing-bundled")
    st.cache_resource.clear()
    engine.wait()
    resources.take_upload("theirs.json", json.dumps(neuronpedia_file()).encode())
    return root


def _remover(name: str, path: str) -> None:
    """A script that draws what the row's menu offers."""
    from pathlib import Path

    from explorer.library import removing
    from explorer.session import state

    state.begin("library")
    removing.offer(name, Path(path))


@pytest.mark.parametrize("place", ["results/tiny", "graphs/theirs"])
def test_what_is_ones_own_goes_only_after_a_second_yes(mine, place):
    before = {path for path in mine.glob("*/*") if path.is_dir()}
    name = place.split("/")[1]
    app = AppTest.from_function(_remover, args=(name, str(mine / place)), default_timeout=60).run()
    app.button(key="remove-ask").click().run()
    assert "for good?" in html(app)
    app.button(key="remove-keep").click().run()
    assert (mine / place).is_dir()
    app.button(key="remove-ask").click().run()
    app.button(key="remove-now").click().run()
    assert not app.exception
    assert before - {path for path in mine.glob("*/*") if path.is_dir()} == {mine / place}
    left = {info.name for info in (*resources.library(), *resources.graphs())}
    assert left == {"null", "tiny", "damaged", "theirs"} - {name}


def test_an_imported_graph_has_a_way_out(mine, open_page):
    app = open_page("library")
    app.button(key="remove-graph-theirs").click().run()
    assert app.button(key="remove-now").label == "Remove"
    assert (mine / "graphs" / "theirs").is_dir()
