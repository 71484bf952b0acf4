"""The Validation page in a real browser: figures are drawn, the base is a click, links keep it."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page

from core.bundle import open_bundle, write_bundle
from tests.browser import driver
from tests.browser.conftest import App
from tests.explorer.validation.sections import sections

pytestmark = pytest.mark.browser
BARS = ".st-key-panel-dark .js-plotly-plot .barlayer"
VALUES = (
    "[...document.querySelectorAll('.st-key-dark-row-0 .annotation-text')]"
    ".map(text => text.textContent)"
)


@pytest.fixture
def full(app: App) -> str:
    """A circuit with every section of a validation."""
    folder = app.store / "results" / "full"
    if not folder.exists():
        bundle = open_bundle(app.store / "results" / "tiny")
        kept = {k: v for k, v in bundle.provenance.items() if k not in ("files", "schema")}
        made = replace(bundle, name="full", validation=sections(), provenance=kept)
        write_bundle(made, folder)
    return "full"


def test_figures_are_drawn_and_the_base_is_chosen_by_a_click(page: Page, app: App, full: str):
    page.goto(f"{app.url}/validation?circuit={full}")
    page.locator(BARS).first.wait_for(timeout=driver.LONG)  # layers of noise are one line
    assert page.locator(".st-key-panel-curve .js-plotly-plot .scatterlayer").count() == 1
    before = page.evaluate(VALUES)
    assert "0.040" in before
    page.get_by_role("radio", name="in the circuit").click()
    page.wait_for_function(f"() => {VALUES}.includes('0.080')", timeout=driver.LONG)
    page.wait_for_url("**base=circuit**", timeout=driver.LONG)
    assert driver.parameters(page) == {"circuit": full, "base": "circuit"}
    page.reload()
    page.wait_for_function(f"() => {VALUES}.includes('0.080')", timeout=driver.LONG)

    # nothing sticks out on a small screen, and the circuit goes along to the next page
    page.set_viewport_size({"width": 1024, "height": 768})
    page.wait_for_timeout(500)
    width = "document.querySelector('[data-testid=stMain]').scrollWidth"
    assert page.evaluate(width) <= 1024
    page.get_by_role("link", name="Circuit", exact=True).first.click()
    page.wait_for_url(f"**/circuit?circuit={full}**", timeout=driver.LONG)


@pytest.mark.parametrize("width", [1440, 1024])
def test_no_table_sticks_out_of_its_panel(page: Page, app: App, width: int):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{app.url}/validation?circuit={app.circuit}")
    page.locator(".st-key-panel-controls table").wait_for(timeout=driver.LONG)
    page.locator(".st-key-panel-circularity table, .st-key-panel-dark").first.wait_for()
    page.wait_for_timeout(500)
    out = page.evaluate("""() => [...document.querySelectorAll('[class*=st-key-panel-] table')]
      .filter((table) => table.getBoundingClientRect().right
        > table.closest('[class*=st-key-panel-]').getBoundingClientRect().right)
      .map((table) => table.innerText.slice(0, 40))""")
    assert out == []
