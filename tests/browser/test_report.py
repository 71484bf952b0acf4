"""The exported page in a browser, from a file: nothing is asked for, two levels open by click."""

from pathlib import Path

from playwright.sync_api import Page, expect

from core.assets import CIRCUITS
from core.bundle import open_bundle
from core.share import Form, give
from tests.browser.conftest import bundled
from tests.pages.tiny_store import write_store


def test_the_report_drills_down_from_a_file_without_a_request(page: Page, tmp_path: Path) -> None:
    name = bundled()
    folder = CIRCUITS / name if name else write_store(tmp_path) / "results" / "tiny"
    bundle = open_bundle(folder)
    file = tmp_path / "report.html"
    file.write_bytes(give(bundle, Form.HTML)[""])
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda problem: said.append(str(problem)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    tree = bundle.hierarchy
    first = max(tree.children(0), key=lambda s: len(tree.children(s)))
    second = max(tree.children(first), key=lambda s: len(tree.members(s)))
    for supernode in (first, second):
        page.locator(f'#net [data-key="{tree.name[supernode]}"]').click()
        page.wait_for_function("name => location.hash.endsWith(name)", arg=tree.name[supernode])
    expect(page.locator("#crumbs button")).to_have_count(4)  # circuit, two levels, up
    inside = {tree.name[s] for s in tree.children(second)} or {
        str(bundle.circuit.nodes[leaf]) for leaf in tree.members(second)
    }
    drawn = page.locator("#net .node").evaluate_all("all => all.map((n) => n.dataset.key)")
    assert inside & set(drawn)
    page.keyboard.press("Escape")
    page.wait_for_function("name => location.hash.endsWith(name)", arg=tree.name[first])
    assert (said, asked) == ([], [file.as_uri()])


def test_no_number_of_the_report_is_cut(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(give(open_bundle(CIRCUITS / "modular-addition-gpt2"), Form.HTML)[""])
    page.goto(f"{file.as_uri()}#C/C3")
    numbers = page.locator("#about .bars b")
    page.locator("#net .node.dot, #net .node.box").last.click()
    numbers.first.wait_for()
    # as narrow as "−0.0030" needs: its column was fixed
    numbers.evaluate_all("all => all.forEach((n) => { n.textContent = '\u22120.0030'; })")
    assert (
        numbers.evaluate_all("all => all.filter((n) => n.scrollWidth > n.clientWidth).length") == 0
    )
    ends = numbers.evaluate_all("all => all.map((n) => n.getBoundingClientRect().right)")
    edge = page.locator("#about").evaluate(
        "n => n.getBoundingClientRect().left + n.clientWidth + 1"
    )
    assert max(ends) <= edge
