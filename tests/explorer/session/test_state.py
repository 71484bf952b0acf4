"""A view and its link: what goes out comes back, what is unknown is named, writing is sparing."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from explorer.session.link import MAX_ITEMS, PARAMETERS, read, write
from explorer.session.view import Changed, Filters, Imported, Shelf, Traced, View

FULL = View(
    page="",
    circuit="addition · gpt2",
    prompt=7,
    path=("C", "C1"),
    selection=("0:4:12", "L0H2@4", "e:0:4"),
    changes=(Changed("C3"), Changed("0:4:902", 0.5), Changed("L1H3@4", -2.0)),
    how="mean",
    errors="zero",
    inside="model",
    filters=Filters(min_effect=0.05, layer=1, position=4, sign="minus", hidden=(), find="ω₅ cos"),
    shelf=Shelf(
        search="a+b & c",
        task="t",
        family="GPT-2",
        dictionary="topk",
        verdict="holds",
        sort="f",
        layout="cards",
    ),
    traced=Traced(model="m", transcoders="t", text="17 + 40 =", target=" 57", against=" 45"),
    imported=Imported(graph="theirs-2", selection=("0:4:12", "A"), opened=("A",)),
    job="run-1",
)


def test_a_view_survives_its_link():
    assert read(write(FULL), View()) == (FULL, ())


def test_the_link_of_a_fresh_view_is_empty():
    assert write(View()) == {}


@pytest.mark.parametrize("page", ["library", "prompt", "circuit", "lab"])
def test_a_page_writes_only_its_own_parameters(page):
    names = {p.name for p in PARAMETERS if page in p.pages}
    assert set(write(replace(FULL, page=page))) == names


def test_fields_of_other_pages_are_left_as_they_are():
    view, dropped = read({"q": "x"}, replace(FULL, page="library"))
    assert view.changes == FULL.changes
    assert view.shelf == Shelf(search="x")
    assert dropped == ()


def test_unknown_parameters_are_dropped_and_named():
    view, dropped = read({"frobnicate": "1", "prompt": "3"}, View(page="lab"))
    assert view.prompt == 3
    assert dropped == ("“frobnicate” is not known here",)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("prompt", "-1", "whole number"),
        ("prompt", "9" * 40, "whole number"),
        ("how", "swap", "resample, mean, zero"),
        ("set", "0:4:1*x", "scale"),
        ("set", "<script>", "node ids"),
        ("select", ",".join(f"0:0:{i}" for i in range(MAX_ITEMS + 1)), "at most"),
        ("min", "nan", "number from 0"),
        ("min", ".", "number from 0"),
        ("circuit", "x" * 161, "at most 160"),
    ],
)
def test_a_bad_value_is_dropped_with_what_was_wanted(name, value, wanted):
    view, dropped = read({name: value}, View(page="circuit"))
    assert view == View(page="circuit")
    assert len(dropped) == 1
    assert wanted in dropped[0]
    assert len(dropped[0]) < 160


def test_control_characters_of_a_link_become_blanks():
    view, _ = read({"q": "a\x00b\x1bc"}, View(page="library"))
    assert view.shelf.search == "a b c"


def test_repeated_nodes_count_once_and_the_last_scale_wins():
    view, _ = read({"set": "C1,C1*0.5", "open": "A,A"}, View(page="lab"))
    assert view.changes == (Changed("C1", 0.5),)
    assert view.path == ("A",)


def test_keep_drops_nodes_that_the_circuit_does_not_have():
    view, dropped = FULL.keep(lambda node: node != "C3" and node != "e:0:4")
    assert dropped == ("e:0:4", "C3")
    assert view.changes == FULL.changes[1:]
    assert view.selection == FULL.selection[:2]
    assert FULL.keep(lambda node: True) == (FULL, ())


def _app():
    import streamlit as st

    from explorer.session import state
    from explorer.session.view import Changed

    state.begin(st.session_state.get("go", "lab"))
    view = state.keep(lambda node: node != "Z9")
    st.text(repr((view.circuit, view.prompt, view.how, view.changes)))
    st.text("; ".join(state.dropped()))
    st.button("mean", on_click=lambda: state.update(how="mean"))
    st.button("again", on_click=lambda: state.update(how=state.current().how))
    st.button("cut", on_click=lambda: state.update(changes=(Changed("C3"),)))
    st.button("odd", on_click=lambda: state.update(prompt="loading", how="zero"))
    st.button("undo", on_click=state.undo)
    st.button("close", on_click=state.dismiss)


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_function(_app)


def _press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return app.run()


def _url(app: AppTest) -> dict[str, str]:
    return {k: v if isinstance(v, str) else v[0] for k, v in app.query_params.items()}


def test_a_change_is_written_to_the_url_and_undone(app):
    app.query_params["circuit"] = "one"
    app.run()
    _press(_press(app, "mean"), "cut")
    assert _url(app) == {"circuit": "one", "how": "mean", "set": "C3"}
    assert "'one', 0, 'mean'" in app.text[0].value
    _press(_press(app, "undo"), "undo")
    assert _url(app) == {"circuit": "one"}
    _press(app, "undo")
    assert "'resample', ()" in app.text[0].value


def test_a_link_opened_later_replaces_the_view(app):
    app.run()
    _press(app, "mean")
    app.query_params["circuit"], app.query_params["prompt"] = "two", "4"
    del app.query_params["how"]
    app.run()
    assert "'two', 4, 'resample'" in app.text[0].value


def test_the_url_from_before_our_last_write_is_not_taken_for_back(app):
    app.query_params["circuit"] = "one"
    app.run()
    _press(app, "mean")
    app.query_params.pop("how")
    app.run()
    assert "'mean'" in app.text[0].value


def test_the_same_url_later_is_back(app, monkeypatch):
    monkeypatch.setattr("explorer.session.state.STALE_S", 0.0)
    app.query_params["circuit"] = "one"
    app.run()
    _press(app, "mean")
    app.query_params.pop("how")
    app.run()
    assert "'resample'" in app.text[0].value


def test_unknown_parameters_and_nodes_share_one_notice_until_closed(app):
    app.query_params["set"], app.query_params["bogus"] = "C3,Z9", "1"
    app.run()
    assert app.text[1].value == "“bogus” is not known here; 1 unknown node: Z9"
    assert "C3" in app.text[0].value
    assert "Z9" not in app.text[0].value
    _press(app, "close")
    assert app.text[1].value == ""


def test_the_view_goes_on_when_the_menu_opens_another_page(app):
    app.query_params["circuit"] = "one"
    app.run()
    _press(app, "cut")
    app.query_params.clear()
    app.session_state["go"] = "circuit"
    app.run()
    assert _url(app) == {"circuit": "one", "set": "C3"}


def test_a_value_of_another_type_is_left_out(app):
    app.run()
    _press(app, "odd")
    assert "'', 0, 'zero'" in app.text[0].value


def test_nothing_is_written_when_nothing_changed(app, monkeypatch):
    app.run()
    monkeypatch.setattr("explorer.session.state._write_url", lambda: pytest.fail("wrote the URL"))
    _press(app, "again")
