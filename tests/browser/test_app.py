"""The whole way in a real browser: find a circuit, drill down, ablate by clicking, reload."""

from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Page

from core.assets import CIRCUITS
from core.bundle import open_bundle
from tests.browser import driver
from tests.browser.conftest import App

pytestmark = pytest.mark.browser


def _two_levels(app: App) -> tuple[str, str]:
    """A supernode of the first level and one inside it."""
    places = (CIRCUITS, app.store / "results")
    folder = next(p / app.circuit for p in places if (p / app.circuit).is_dir())
    tree = open_bundle(folder).hierarchy
    outer = max((s for s in tree.level(1) if tree.children(s)), key=lambda s: len(tree.members(s)))
    inner = max(tree.children(outer), key=lambda s: len(tree.members(s)))
    return tree.name[outer], tree.name[inner]


def test_from_the_library_to_an_ablated_node_and_back_by_link(page: Page, app: App):
    outer, inner = _two_levels(app)

    # the library opens a circuit from its row
    page.goto(f"{app.url}/library?q={app.circuit}")
    row = page.locator(f'tr[data-name="{app.circuit}"]')
    row.wait_for(timeout=driver.LONG)
    row.locator("td").nth(1).click()
    page.wait_for_url(f"**/circuit?circuit={app.circuit}*", timeout=driver.LONG)
    driver.wait_ready(page)

    # two levels down, each opened in place by a double click
    driver.until(
        page,
        lambda: driver.click(page, outer, count=2),
        lambda: driver.parameters(page).get("open") == outer,
    )
    driver.wait_node(page, inner)
    shallow = driver.nodes(page)
    driver.until(
        page,
        lambda: driver.click(page, inner, count=2),
        lambda: driver.parameters(page).get("open") == f"{outer},{inner}",
    )
    page.wait_for_function(
        "before => document.querySelector('[data-ready]').__canvas.nodes()"
        ".some(node => !before.includes(node))",
        arg=shallow,
    )

    # the same view in the Lab: a click ablates, and the answer moves
    page.get_by_role("link", name="Lab").click()
    page.wait_for_url("**/lab?**", timeout=driver.LONG)
    driver.wait_ready(page)
    assert driver.parameters(page)["open"] == f"{outer},{inner}"
    before = driver.answer(page)
    assert before["changed"] == pytest.approx(before["circuit"], abs=1e-3)
    others = [n for n in driver.nodes(page) if n.isalnum() and n[0].isupper() and n != outer]
    node = others[0]
    driver.until(
        page,
        lambda: driver.click(page, node),
        lambda: driver.parameters(page).get("set") == node,
    )
    page.wait_for_function(
        "before => Number(document.querySelector('[data-testid=p-answer]').dataset.changed)"
        " !== before",
        arg=before["changed"],
        timeout=driver.LONG,
    )
    after = driver.answer(page)
    assert after["full"] == before["full"]
    assert after["circuit"] == before["circuit"]

    # the link holds all of it
    link, held = page.url, driver.view(page)
    page.reload()
    driver.wait_ready(page)
    assert page.url == link
    assert driver.answer(page) == after
    driver.wait_changes(page, list(held["changes"]))
    assert driver.view(page)["opened"] == held["opened"] == [outer, inner]


def test_back_undoes_one_step(page: Page, app: App):
    driver.open_link(page, f"{app.url}/lab?circuit=tiny")
    driver.until(
        page,
        lambda: driver.click(page, "A"),
        lambda: driver.parameters(page).get("set") == "A",
    )
    page.wait_for_timeout(1500)
    page.go_back()
    page.wait_for_function(
        "() => !new URLSearchParams(location.search).has('set')", timeout=driver.LONG
    )
    page.get_by_text("nothing yet: click a node").wait_for(timeout=driver.LONG)
    driver.wait_changes(page, [])


def test_one_back_is_one_page(page: Page, app: App):
    """Streamlit pushes page and parameters by themselves; nobody chose what lies between."""
    changed = {"circuit": "tiny", "set": "A1"}
    driver.open_link(page, f"{app.url}/circuit?circuit=tiny&set=A1")
    ways = [("Validation", {"circuit": "tiny"}), ("Circuit", changed), ("Lab", changed)]
    for name, wanted in ways:
        page.get_by_role("link", name=name, exact=True).first.click()
        page.wait_for_url(f"**/{name.lower()}?*", timeout=driver.LONG)
        driver.until(page, lambda: None, lambda wanted=wanted: driver.parameters(page) == wanted)
        page.wait_for_timeout(1600)
    for path, wanted in (
        ("circuit", changed),
        ("validation", {"circuit": "tiny"}),
        ("circuit", changed),
    ):
        page.go_back()
        page.wait_for_url(f"**/{path}?*", timeout=driver.LONG)
        assert driver.parameters(page) == wanted
        page.wait_for_timeout(1600)


def test_a_bad_parameter_and_an_unknown_node_are_named_in_one_notice(page: Page, app: App):
    driver.open_link(page, f"{app.url}/lab?circuit=tiny&frobnicate=1&set=A,Q7&how=swap")
    notice = page.locator(".hs-notice")
    notice.wait_for(timeout=driver.LONG)
    text = notice.inner_text()
    assert notice.count() == 1
    for part in ("Part of this link was left out", "frobnicate", "Q7", "how=swap"):
        assert part in text
    driver.wait_changes(page, ["A"])
    page.get_by_role("button", name="Dismiss").click()
    notice.wait_for(state="detached", timeout=driver.LONG)


def test_nothing_is_asked_of_another_computer(page: Page, app: App):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    driver.open_link(page, f"{app.url}/lab?circuit=tiny&set=A")
    page.goto(app.url)
    page.locator("tr[data-name]").first.wait_for(timeout=driver.LONG)
    driver.open_link(page, f"{app.url}/circuit?circuit=tiny")
    hosts = {urlparse(url).hostname for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}


def test_interventions_of_two_people_do_not_meet(browser: Browser, app: App):
    first, second = (browser.new_context(viewport={"width": 1440, "height": 900}) for _ in "ab")
    try:
        one, two = first.new_page(), second.new_page()
        driver.open_link(one, f"{app.url}/lab?circuit=tiny&set=A&how=zero")
        driver.open_link(two, f"{app.url}/lab?circuit=tiny")
        alone = driver.answer(two)
        changed = driver.answer(one)
        for node in ("B", "A"):
            driver.until(
                one,
                lambda node=node: driver.click(one, node),
                lambda node=node: node in driver.parameters(one).get("set", "") or node == "A",
            )
        assert driver.answer(two) == alone
        assert driver.view(two)["changes"] == {}
        assert alone["changed"] == pytest.approx(alone["circuit"], abs=1e-3)
        two.reload()
        driver.wait_ready(two)
        assert driver.answer(two) == alone
        assert changed["full"] == alone["full"]
    finally:
        first.close()
        second.close()


def test_token_text_never_becomes_markup(page: Page, app: App):
    alarms: list[str] = []
    page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    page.goto(f"{app.url}/?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    page.get_by_text("No stored circuit fits").wait_for(timeout=driver.LONG)
    page.goto(app.url)
    card = page.locator("article.card").first
    card.wait_for(timeout=driver.LONG)
    assert alarms == []
    assert page.locator("article.card b i").count() == 0


def test_a_prompt_is_traced_in_the_browser(page: Page, app: App):
    own = app.store.parent / "own"
    link = f"{app.url}/prompt?with={own / 'model'}&transcoders={own / 'coders'}"
    page.goto(link)
    box = page.get_by_role("textbox", name="Prompt")
    box.wait_for(timeout=driver.LONG)
    box.fill("<bos> w1 w2 w3")
    box.press("Enter")
    driver.wait_ready(page)
    page.get_by_text("How much of it is explained").wait_for(timeout=driver.LONG)
    assert driver.parameters(page)["text"] == "<bos> w1 w2 w3"
    box.fill("<bos> nonsense")
    box.press("Enter")
    page.get_by_text("This prompt was not traced").wait_for(timeout=driver.LONG)


def test_a_job_goes_on_through_a_reload(page: Page, app: App):
    page.goto(app.url)
    page.get_by_role("button", name="Own model…").wait_for(timeout=driver.LONG)
    page.get_by_role("button", name="Own model…").click()
    own = app.store.parent / "own"
    for label, value in (("Model folder", own / "model"), ("Task file", own / "task.jsonl")):
        field = page.get_by_label(label)
        field.fill(str(value))
        field.press("Enter")
        page.wait_for_timeout(300)
    page.get_by_role("button", name="Use these").click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("button", name="Start run").click()
    # a random model cannot do its task: the run is refused by the gate, and the page says why
    panel = page.locator("[class*=st-key-panel-ended-]")
    # a click that the server has not had yet would be lost with the page
    started = page.locator("[class*=st-key-panel-job-], [class*=st-key-panel-ended-]")
    started.first.wait_for(timeout=driver.LONG)
    page.reload()
    panel.first.wait_for(timeout=driver.LONG)
    assert "stopped" in panel.first.inner_text()
    assert "the gate is" in panel.first.inner_text()
