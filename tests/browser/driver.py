"""What a person does on the pages, in the browser: open, wait, click a node, read the answer."""

import time
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import Page

LONG = 60_000
"""Milliseconds; the first page of a server imports the engine and loads a model."""
_HOST = "(() => [...document.querySelectorAll('[data-ready]')].at(-1))()"


def open_link(page: Page, url: str) -> None:
    """Open a link and wait until its network can be clicked."""
    page.goto(url)
    wait_ready(page)


def wait_ready(page: Page) -> None:
    """Until the network is drawn."""
    page.wait_for_function(f"() => {_HOST}?.__canvas?.nodes().length > 0", timeout=LONG)


def nodes(page: Page) -> list[str]:
    """Ids drawn now."""
    return page.evaluate(f"{_HOST}?.__canvas.nodes() ?? []")


def view(page: Page) -> dict:
    """What the browser holds: changes, selection, opened."""
    state = f"{_HOST}.__canvas.state()"
    return page.evaluate(f"({{...{state}, changes: Object.fromEntries({state}.changes)}})")


def wait_changes(page: Page, wanted: list[str]) -> None:
    """Until the browser holds exactly these changes."""
    page.wait_for_function(
        f"wanted => [...{_HOST}.__canvas.state().changes.keys()].sort().join() === wanted",
        arg=",".join(sorted(wanted)),
    )


def wait_node(page: Page, node: str) -> None:
    """Until a node is drawn."""
    page.wait_for_function(f"node => {_HOST}?.__canvas?.nodes().includes(node)", arg=node)


def click(page: Page, node: str, count: int = 1) -> None:
    """Click the middle of a node, as a hand would."""
    # one question: between two the drawing of a starting server may give way to the page's own
    place = page.wait_for_function(
        f"node => {_HOST}?.__canvas?.nodes().includes(node) && {_HOST}.__canvas.pixel(node)",
        arg=node,
    ).json_value()
    page.mouse.click(place["x"], place["y"], click_count=count, delay=20)


def until(page: Page, act, done, limit: float = 30.0) -> None:
    """Do `act` until `done`, because the first click on a fresh canvas can be lost."""
    deadline = time.monotonic() + limit
    while True:
        act()
        pause = time.monotonic() + 4.0
        while time.monotonic() < min(pause, deadline):
            if done():
                return
            page.wait_for_timeout(50)
        assert time.monotonic() < deadline, f"no effect at {page.url}"


def parameters(page: Page) -> dict[str, str]:
    """The parameters of the address."""
    return {name: values[0] for name, values in parse_qs(urlparse(page.url).query).items()}


def answer(page: Page) -> dict[str, float]:
    """P(answer) as the Lab shows it: full, circuit, changed."""
    bar = page.get_by_test_id("p-answer")
    bar.wait_for(timeout=LONG)
    names = ("full", "circuit", "changed")
    return {name: float(bar.get_attribute(f"data-{name}") or "nan") for name in names}
