"""The way from page to page, in the whole app as it is served."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import html, press

ROOT = Path(__file__).resolve().parents[2]


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
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=60).run()
    app.switch_page(str(ROOT / "pages" / f"{page}.py"))
    app.query_params.update({"circuit": [circuit]} if circuit else {})
    assert title in html(app.run())
    app = press(app, "Open the library")
    assert not app.exception
    assert "No circuits yet" in html(app)
