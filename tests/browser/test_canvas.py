"""The Circuit page's canvas in a real browser: what keys do, and that nothing moves by itself."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import driver
from tests.browser.conftest import App
from tests.tiny import WORDS

pytestmark = pytest.mark.browser
HOST = "[...document.querySelectorAll('[data-ready]')].at(-1)"
CELLS = """() => {
  const host = [...document.querySelectorAll('[data-ready]')].at(-1);
  return [...(host.shadowRoot ?? host).querySelectorAll('.cell')].map((cell) => {
    const box = cell.getBoundingClientRect();
    return [cell.dataset.node, box.x, box.y, box.width, box.height, cell.innerText];
  });
}"""


def _selected(page: Page) -> list[str]:
    return driver.view(page)["selection"]


def _rest(page: Page) -> None:
    """Until the model is there and its numbers are shown, and nothing is about to change."""
    page.wait_for_function(
        "() => { const host = [...document.querySelectorAll('[data-ready]')].at(-1);"
        " const full = (host?.shadowRoot ?? host)?.querySelector('[data-testid=bar-full]');"
        " return full && /\\d/.test(full.textContent); }",
        timeout=driver.LONG,
    )
    page.wait_for_timeout(800)


@pytest.mark.parametrize("width", [1440, 1024])
def test_the_hierarchy_is_still_under_the_mouse(page: Page, app: App, width: int):
    page.set_viewport_size({"width": width, "height": 800})
    driver.open_link(page, f"{app.url}/circuit?circuit={app.circuit}")
    _rest(page)
    before = page.evaluate(CELLS)
    assert before
    for _, x, y, w, h, _ in before[:8]:
        page.mouse.move(x + w / 2, y + h / 2)
        page.wait_for_timeout(160)
        assert page.evaluate(CELLS) == before


def test_no_word_of_the_hierarchy_is_cut_by_its_cell(page: Page, app: App):
    for width in (1440, 1024):
        page.set_viewport_size({"width": width, "height": 800})
        driver.open_link(page, f"{app.url}/circuit?circuit={app.circuit}")
        page.wait_for_timeout(500)
        cut = page.evaluate(
            """() => {
              const host = [...document.querySelectorAll('[data-ready]')].at(-1);
              const cells = [...(host.shadowRoot ?? host).querySelectorAll('.cell')];
              const words = '.name, .label, .sub, .badge';
              return cells.filter((cell) => [...cell.querySelectorAll(words)]
                .filter((part) => !part.hidden && part.textContent)
                .some((part) => {
                  const a = part.getBoundingClientRect(), b = cell.getBoundingClientRect();
                  return a.right > b.right + 1 || a.bottom > b.bottom + 3;
                })).map((cell) => cell.innerText);
            }"""
        )
        assert cut == []


def test_arrows_walk_the_hierarchy_and_enter_opens(page: Page, app: App):
    driver.open_link(page, f"{app.url}/circuit?circuit=tiny")
    _rest(page)
    driver.until(
        page,
        lambda: page.get_by_test_id("tree-A").click(),
        lambda: _selected(page) == ["A"],
    )
    page.keyboard.press("ArrowRight")
    assert _selected(page) == ["A1"]
    page.wait_for_timeout(1500)  # at a reader's pace: each key has its answer before the next
    page.keyboard.press("ArrowLeft")
    assert _selected(page) == ["A"]
    page.wait_for_timeout(1500)
    page.keyboard.press("Enter")
    page.wait_for_function("() => new URLSearchParams(location.search).get('open') === 'A'")
    page.wait_for_timeout(800)
    page.keyboard.press("ArrowDown")
    assert _selected(page) == ["B"], "the focus stays in the hierarchy when the network changes"
    page.keyboard.press("Escape")
    assert _selected(page) == []


def test_arrows_go_into_an_opened_supernode_of_the_network(page: Page, app: App):
    driver.open_link(page, f"{app.url}/circuit?circuit=tiny&open=A&select=A")
    _rest(page)
    inner = {node for node in driver.nodes(page) if node.startswith("A") and node != "A"}
    page.keyboard.press("ArrowRight")
    assert set(_selected(page)) <= inner
    assert len(_selected(page)) == 1
    page.keyboard.press("u")
    driver.until(page, lambda: None, lambda: driver.view(page)["opened"] == [])
    assert _selected(page) == ["A"]


def test_the_canvas_ends_above_the_answer_bar(page: Page, app: App):
    for more in ("", "&frobnicate=1&set=Q7,Q8,Q9&how=swap"):
        driver.open_link(page, f"{app.url}/circuit?circuit=tiny{more}")
        _rest(page)
        bottom = page.get_by_test_id("canvas-network").bounding_box()
        bar = page.get_by_test_id("canvas-bar").bounding_box()
        assert bottom is not None
        assert bar is not None
        assert 4 <= bar["y"] - (bottom["y"] + bottom["height"]) <= 24


def test_the_one_find_box_takes_the_exact_id_first(page: Page, app: App):
    driver.open_link(page, f"{app.url}/circuit?circuit=tiny")
    _rest(page)
    assert page.get_by_placeholder("Find node or label").count() == 1
    page.get_by_test_id("find-open").click()
    page.get_by_test_id("find-input").fill("b")
    page.get_by_test_id("find-input").press("Enter")
    page.wait_for_function("() => new URLSearchParams(location.search).get('select') === 'B'")
    assert _selected(page) == ["B"]


def test_a_row_of_the_inspector_selects_its_node_and_opens_what_holds_it(page: Page, app: App):
    driver.open_link(page, f"{app.url}/circuit?circuit=tiny&select=A")
    _rest(page)
    row = page.locator("[data-go^='0:']").first
    node = row.get_attribute("data-go")
    row.hover()
    assert driver.view(page)["hover"] == node
    row.click()
    driver.wait_node(page, str(node))
    assert _selected(page) == [node]
    assert driver.view(page)["opened"][0] == "A"
    page.wait_for_function(
        "node => new URLSearchParams(location.search).get('select') === node", arg=node
    )


def test_all_of_a_box_can_be_clicked(page: Page, app: App):
    driver.open_link(page, f"{app.url}/circuit?circuit=tiny")
    _rest(page)
    box = page.evaluate(
        """() => { const host = [...document.querySelectorAll('[data-ready]')].at(-1);
          const { pw, ph } = host.__canvas.shown().nodes.get('A');
          return { ...host.__canvas.pixel('A'), w: pw * host.__net.getScale(),
                   h: ph * host.__net.getScale() }; }"""
    )
    for dx, dy in ((-0.46, -0.4), (0.46, 0.4)):
        page.mouse.click(box["x"] + dx * box["w"], box["y"] + dy * box["h"], delay=20)
        driver.until(page, lambda: None, lambda: _selected(page) == ["A"])
        page.keyboard.press("Escape")
        driver.until(page, lambda: None, lambda: _selected(page) == [])


def test_on_the_prompt_page_a_key_that_would_ablate_says_why_it_does_not(page: Page, app: App):
    model = app.store.parent / "own" / "model"
    text = "+".join(["%3Cbos%3E", *WORDS[3:6]])
    driver.open_link(page, f"{app.url}/prompt?with={model}&transcoders=neurons&text={text}")
    page.get_by_test_id("canvas-stage").focus()
    page.keyboard.press("x")
    said = page.get_by_test_id("canvas-said")
    said.wait_for(state="visible")
    assert "Nothing can be ablated" in said.inner_text()
    assert driver.view(page)["changes"] == {}


def test_what_nearly_fits_is_shown_whole(page: Page, app: App):
    page.set_viewport_size({"width": 1024, "height": 768})
    link = "circuit=sorting-gpt2-heads&open=A&select=A1"
    driver.open_link(page, f"{app.url}/circuit?{link}")
    _rest(page)
    box = page.evaluate(f"{HOST}.__canvas.shown().box")
    assert 0.65 <= box["whole"] < 0.8  # else this circuit shows nothing of the matter
    assert box["view"] == box["whole"]


@pytest.mark.parametrize("width", [1440, 1024])
def test_ablating_moves_no_node(page: Page, app: App, width: int):
    """The legend keeps the place of what it then explains: a second line would move them all."""
    page.set_viewport_size({"width": width, "height": 800})
    driver.open_link(page, f"{app.url}/circuit?circuit={app.circuit}&select=B")
    _rest(page)
    places = f"() => {HOST}.__canvas.nodes().map((n) => {HOST}.__canvas.pixel(n))"
    kept = f"""() => [...({HOST}.shadowRoot ?? {HOST}).querySelectorAll('.legend span')]
      .find((entry) => entry.textContent === 'ablated').offsetWidth"""
    before = page.evaluate(places), page.evaluate(kept)
    assert before[1] > 0
    page.keyboard.press("x")
    driver.wait_changes(page, ["B"])
    _rest(page)
    assert (page.evaluate(places), page.evaluate(kept)) == before


def test_the_words_under_the_answer_bar_stand_beside_each_other(page: Page, app: App):
    page.set_viewport_size({"width": 1440, "height": 900})
    link = "circuit=modular-addition-gpt2&open=A,A2,A2b&select=1:4:2&set=A3,1:4:2"
    driver.open_link(page, f"{app.url}/circuit?{link}")
    words = page.locator(".bar .tick:visible")
    expect(words).to_have_count(2, timeout=driver.LONG)
    page.wait_for_timeout(800)
    boxes = [box for box in (word.bounding_box() for word in words.all()) if box]
    left, right = sorted(boxes, key=lambda box: box["x"])
    assert left["x"] + left["width"] <= right["x"]


def test_the_labs_network_has_its_height_before_it_is_there(page: Page, app: App):
    for width, height in ((1440, 900), (1024, 768)):
        page.set_viewport_size({"width": width, "height": height})
        driver.open_link(page, f"{app.url}/lab?circuit={app.circuit}")
        page.wait_for_timeout(1500)
        for part in (".st-key-lab-net", ".st-key-panel-lab-net"):  # itself, and with its head
            room, drawn = page.evaluate(f"""() => {{
              const panel = document.querySelector('{part}');
              return [parseFloat(getComputedStyle(panel).minHeight), panel.offsetHeight];
            }}""")
            assert room == pytest.approx(drawn, abs=2)


@pytest.mark.parametrize("width", [1440, 1024])
def test_all_of_the_legend_is_in_sight(page: Page, app: App, width: int):
    page.set_viewport_size({"width": width, "height": 800})
    driver.open_link(page, f"{app.url}/circuit?circuit={app.circuit}")
    _rest(page)
    cut = page.evaluate(f"""() => {{
      const legend = ({HOST}.shadowRoot ?? {HOST}).querySelector('.legend');
      for (const entry of legend.children) entry.hidden = false;
      const room = legend.getBoundingClientRect();
      const inside = (box) => box.right <= room.right && box.bottom <= room.bottom;
      return [...legend.children].filter((entry) => !inside(entry.getBoundingClientRect())).length;
    }}""")
    assert cut == 0


HIDDEN = """() => {
  const { nodes, edges } = HOST.__canvas.shown();
  const boxes = [...nodes.values()].filter((n) => ['supernode', 'token', 'logit'].includes(n.kind));
  const over = (n, [x, y]) => Math.abs(x - n.px) < n.pw / 2 && Math.abs(y - n.py) < n.ph / 2;
  return edges.filter((e) => boxes.some((n) => n.id !== e.from && n.id !== e.to
    && e.points.some((point) => over(n, point)))).map((e) => e.id);
}"""


@pytest.mark.parametrize("width", [1440, 1024])
def test_no_edge_runs_hidden_behind_a_box(page: Page, app: App, width: int):
    page.set_viewport_size({"width": width, "height": 800})
    for name in (app.circuit, "coreference-gpt2-base&open=A,A1"):
        driver.open_link(page, f"{app.url}/circuit?circuit={name}")
        _rest(page)
        assert page.evaluate(HIDDEN.replace("HOST", HOST)) == []


OUTSIDE = """() => {
  const { nodes } = HOST.__canvas.shown();
  const boxes = [...nodes.values()].filter((n) => n.kind === 'supernode');
  const said = [], pen = CanvasRenderingContext2D.prototype, write = pen.fillText;
  pen.fillText = function (text, x, y, ...more) {
    const m = this.measureText(text);
    said.push({ text, x: x + (m.actualBoundingBoxRight - m.actualBoundingBoxLeft) / 2, y,
                left: x - m.actualBoundingBoxLeft, right: x + m.actualBoundingBoxRight,
                low: y + m.actualBoundingBoxDescent });
    return write.call(this, text, x, y, ...more);
  };
  try { HOST.__net.redraw(); HOST.__net.renderer._redraw(); } finally { pen.fillText = write; }
  const held = (n, w) => Math.abs(w.x - n.px) < n.pw / 2 && Math.abs(w.y - n.py) < n.ph / 2 + 12;
  const over = (n, w) => w.left < n.px - n.pw / 2 || w.right > n.px + n.pw / 2
    || w.low > n.py + n.ph / 2 - 1;
  const words = boxes.map((n) => said.filter((w) => held(n, w)).map((w) => [n, w]));
  return [words.filter((of) => of.length > 1).length === boxes.length,
          words.flat().filter(([n, w]) => over(n, w)).map(([n, w]) => `${n.id} ${w.text}`)];
}"""


@pytest.mark.parametrize("width", [1440, 1024])
def test_no_word_leaves_its_box(page: Page, app: App, width: int):
    """A network that is shown small keeps its words readable: its boxes are higher then."""
    page.set_viewport_size({"width": width, "height": 900 if width == 1440 else 768})
    links = (
        "lab?circuit=coreference-neox&set=A",
        "lab?circuit=coreference-gpt2-base",
        "circuit?circuit=sorting-gpt2-heads&open=A",
    )
    for link in links:
        driver.open_link(page, f"{app.url}/{link}")
        page.wait_for_timeout(1500)
        assert page.evaluate(OUTSIDE.replace("HOST", HOST)) == [True, []]
