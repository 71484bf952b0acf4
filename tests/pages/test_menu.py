"""The way from page to page, in the whole app as it is served."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.session import resources
from tests.pages.conftest import html, press

ROOT = Path(__file__).resolve().parents[2]


def whole_app() -> AppTest:
    return AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=60).run()


@pytest.mark.parametrize(
    ("page", "circuit", "title"),
    [
        ("circuit", "", "No circuit yet"),
        ("circuit", "nope", "There is no circuit called nope here"),
        ("lab", "", "No circuit to test yet"),
        ("validation", "", "No circuit to validate yet"),
    ],
)
def test_a_page_without_a_circuit_leads_to_the_library(empty_store, page, circuit, title):
    app = whole_app()
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    app.query_params.update({"circuit": [circuit]} if circuit else {})
    assert title in html(app.run())
    app = press(app, "Open the library")
    assert not app.exception
    assert "No circuits yet" in html(app)


@pytest.mark.parametrize("page", ["circuit", "lab", "validation"])
@pytest.mark.parametrize(
    ("circuit", "title"),
    [("nope", "There is no circuit called nope here"), ("damaged", "damaged cannot be opened")],
)
def test_a_broken_link_leads_to_the_library_from_every_page(store, page, circuit, title):
    app = whole_app()
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    app.query_params.update({"circuit": [circuit]})
    shown = html(app.run())
    assert title in shown
    assert 'class="hs-empty"' in shown
    assert "This could not be shown" not in shown
    app = press(app, "Open the library")
    assert not app.exception
    assert "3 stored" in html(app)


def test_a_run_that_is_done_opens_its_circuit(store):
    desk = resources.jobs()
    job = desk.start_here("run", "Sums · tiny", {}, lambda *_: {"name": "tiny"})
    while (found := desk.find(job)) is None or found.active:
        time.sleep(0.02)
    try:
        app = press(whole_app(), "Open")
    finally:
        desk.forget(job)
    assert not app.exception
    assert "first &lt;i&gt;half&lt;/i&gt;" in html(app)
    assert app.query_params["circuit"] in ("tiny", ["tiny"])
