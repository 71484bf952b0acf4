"""The Library in a real browser: sections fold and stay as they were left, its name leads to it."""

import pytest
from playwright.sync_api import Page

from core.assets import CIRCUITS
from core.bundle import list_bundles
from explorer.library.order import FIRST
from tests.browser import driver
from tests.browser.conftest import App

pytestmark = pytest.mark.browser


def test_a_long_section_opens_and_stays_open_for_the_tab(page: Page, app: App):
    tasks = [info.task for info in list_bundles(CIRCUITS) if not info.name.startswith("null-")]
    long = [task for task in tasks if tasks.count(task) > FIRST + 1]
    if not long:
        pytest.skip("no task has more circuits than a folded section shows")
    page.goto(f"{app.url}/library")
    more = page.locator("tr.rest button").first
    more.wait_for(timeout=driver.LONG)
    assert page.url.rstrip("/") == app.url
    body = page.locator("tbody.group", has=page.locator("tr.rest")).first
    rows = body.locator("tr[data-name]:visible")
    assert rows.count() == FIRST
    more.click()
    every = body.locator("tr[data-name]").count()
    assert rows.count() == every > FIRST
    page.reload()
    page.locator("tr.rest button").first.wait_for(timeout=driver.LONG)
    assert rows.count() == every
    page.locator("button.title").first.click()
    assert rows.count() == FIRST


def test_the_librarys_own_name_keeps_the_filters_of_a_link(page: Page, app: App):
    page.goto(f"{app.url}/library?q=tiny")
    page.locator('tr[data-name="tiny"]').wait_for(timeout=driver.LONG)
    assert driver.parameters(page) == {"q": "tiny"}
    assert page.get_by_role("link", name="Library").count() == 1


def test_a_corrected_path_is_taken_with_the_first_click(page: Page, app: App):
    page.goto(app.url)
    page.get_by_text("Own model…").click(timeout=driver.LONG)
    field = page.get_by_label("Model folder, or a Hub id")
    field.fill("/no/such/folder")
    field.press("Tab")
    page.get_by_text("No such folder on this computer").wait_for(timeout=driver.LONG)
    field.fill(str(app.store.parent / "own" / "model"))
    page.get_by_role("button", name="Use these").click()
    page.get_by_role("dialog").wait_for(state="hidden", timeout=driver.LONG)


@pytest.mark.parametrize("width", [1440, 1024])
def test_the_reason_of_a_verdict_is_whole_or_told_by_its_cell(page: Page, app: App, width: int):
    page.set_viewport_size({"width": width, "height": 768})
    page.goto(app.url)
    own = page.locator('tr[data-name="tiny"]')
    own.wait_for(timeout=driver.LONG)
    assert "random circuits" in (own.locator("td.verdicts").get_attribute("title") or "")
    assert own.locator("button.dots").get_attribute("title") == "Share or remove"
    cut = "all => all.filter(e => e.offsetParent && e.scrollWidth > e.clientWidth).length"
    page.locator("button.title").first.wait_for()
    assert page.locator("tr[data-name] .short").evaluate_all(cut) == 0
