"""A server that has stopped is told of, in a banner over the greyed page."""

import pytest
from playwright.sync_api import Page

from tests.browser import driver
from tests.browser.conftest import App

pytestmark = pytest.mark.browser


def test_a_stopped_server_is_told_of_until_it_answers_again(page: Page, app: App):
    driver.open_link(page, f"{app.url}/circuit?circuit=tiny")
    banner = page.get_by_test_id("server-stopped")
    page.route("**/_stcore/health", lambda route: route.abort())
    banner.wait_for(state="visible", timeout=driver.LONG)
    assert "hagd explore" in banner.inner_text()
    page.unroute("**/_stcore/health")
    banner.wait_for(state="hidden", timeout=driver.LONG)


def test_the_sign_and_the_menu_stand_at_one_place_on_all_pages(page: Page, app: App):
    places = set()
    for path in ("", "circuit?circuit=tiny", "prompt"):
        page.goto(f"{app.url}/{path}")
        page.get_by_test_id("stTopNavLink").first.wait_for(timeout=driver.LONG)
        page.wait_for_timeout(800)
        boxes = (page.get_by_test_id(name).first.bounding_box() for name in
                 ("stHeaderLogo", "stTopNavLink"))  # fmt: skip
        places.add(tuple(round(box["x"]) for box in boxes if box))
    assert len(places) == 1
