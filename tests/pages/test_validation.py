"""The Validation page: all that a bundle holds, calm where it holds less, a message where none."""

import json
from dataclasses import replace

import pytest

from core.bundle import open_bundle, write_bundle
from explorer import menu
from tests.explorer.validation.sections import dark_matter, sections
from tests.pages.conftest import chart, html


@pytest.fixture
def full(store):
    """A circuit with every section, and one whose behaviour cannot be measured."""
    bundle = open_bundle(store / "results" / "tiny")
    rejected = sections() | {"dark_matter": dark_matter() | {"measurable": False, "bases": []}}
    folders = [store / "results" / name for name in ("full", "unmeasured")]
    for folder, found in zip(folders, (sections(), rejected), strict=True):
        if not folder.exists():
            kept = {k: v for k, v in bundle.provenance.items() if k not in ("files", "schema")}
            made = replace(bundle, name=folder.name, validation=found, provenance=kept)
            write_bundle(made, folder)
    yield store
    import shutil

    for folder in folders:
        shutil.rmtree(folder)


def test_the_page_is_in_the_menu():
    assert "validation" in dict(menu.MENU)


def test_an_empty_store_offers_the_library(empty_store, open_page):
    app = open_page("validation")
    assert not app.exception
    assert "No circuit to validate yet" in html(app)


def test_every_panel_with_an_f_says_on_how_many_prompts_it_stands(full, open_page):
    folder = full / "results" / "full"
    bundle = open_bundle(folder)
    found = dict(bundle.validation) | {"n_prompts": 401}
    found["random_free"] = found["random_free"] | {"n_prompts": 128}
    kept = {k: v for k, v in bundle.provenance.items() if k not in ("files", "schema")}
    write_bundle(replace(bundle, validation=found, provenance=kept), folder)
    text = html(open_page("validation", circuit="full"))
    assert text.count("401 unseen prompts") >= 3  # the verdict, the curve, the controls
    assert "F, 95 % · 401 prompts" in text
    assert "; random band on 128 prompts" in text
    assert "p &lt; 0.01, on 128 prompts" in text


def test_a_circuit_with_every_section(full, open_page):
    app = open_page("validation", circuit="full")
    assert not app.exception
    text = html(app)
    for part in (
        "Holds", "Because &lt;i&gt;so&lt;/i&gt;.", "Under every regime", "best of 100",
        "Layer 0", "All layers", "structured", "Because of &lt;[0]&gt;.", "kind of",
        "What 4 supernodes", "2 of 4 tests", "Fourier structure", "1,204 edges",
    ):  # fmt: skip
        assert part in text, part
    assert {"F", "φ", "random"} <= {trace.get("name") for trace in chart(app, "size-curve")["data"]}
    bars = {bar["name"]: bar["x"] for bar in chart(app, "dark-0")["data"]}
    assert bars["another prompt's"] == [0.04]


def test_no_tool_bar_covers_the_figures_beside_the_bars(full, open_page):
    app = open_page("validation", circuit="full")
    found = {e.proto.id.rsplit("-", 2)[-2]: e.proto for e in app.get("plotly_chart")}
    assert json.loads(found["dark"].config)["displayModeBar"] is False
    assert json.loads(found["size"].config)["displayModeBar"] == "hover"


def test_the_base_is_in_the_link(full, open_page):
    app = open_page("validation", circuit="full", base="circuit")
    assert not app.exception
    bars = {bar["name"]: bar["x"] for bar in chart(app, "dark-0")["data"]}
    assert bars["another prompt's"] == [0.08]
    odd = open_page("validation", circuit="full", base="everything")
    assert not odd.exception
    assert {bar["name"]: bar["x"] for bar in chart(odd, "dark-0")["data"]}["their mean"] == [0.02]


def test_choosing_a_base_writes_it_into_the_link(full, open_page):
    app = open_page("validation", circuit="full")
    app.button_group(key="validation-base").set_value("circuit").run()
    assert app.query_params["base"] in ("circuit", ["circuit"])
    assert {bar["name"]: bar["x"] for bar in chart(app, "dark-0")["data"]}["their mean"] == [0.04]


def test_an_older_bundle_says_how_to_have_the_rest_measured(store, open_page):
    app = open_page("validation", circuit="tiny")
    assert not app.exception
    text = html(app)
    assert "validated before errors were looked at" in text
    assert "<code>hagd validate tiny</code>" in text
    assert "Predictions" not in text


def test_a_behaviour_that_cannot_be_measured_is_said_to_be_so(full, open_page):
    app = open_page("validation", circuit="unmeasured")
    assert not app.exception
    assert "F is not measurable" in html(app)


def test_a_circuit_that_is_not_there_is_a_message(store, open_page):
    app = open_page("validation", circuit="nowhere")
    assert not app.exception
    assert "There is no circuit called" in html(app)


def test_a_damaged_circuit_is_a_message(store, open_page):
    app = open_page("validation", circuit="damaged")
    assert not app.exception
    assert "is damaged" in html(app)
