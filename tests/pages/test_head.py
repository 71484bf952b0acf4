"""A head in the inspector of the Circuit page: reached from the overview, asked about any cell."""

from html import escape

from explorer.session import resources
from tests.pages.conftest import html


def choice(app, label):
    return next(box for box in app.selectbox if box.label == label)


def test_the_overview_leads_to_every_head_by_what_it_does(store, open_page):
    app = open_page("circuit", circuit="tiny")
    box = choice(app, "Look at a head")
    names = resources.head_names("tiny")
    assert len(box.options) == len(names)
    app = box.select_index(2).run()
    assert not app.exception
    assert "".join(app.query_params["select"]) == list(names)[2]


def test_a_head_says_its_kind_and_why_it_looks_where_it_looks_most(store, open_page):
    app = open_page("circuit", circuit="tiny", select="L1H2")
    assert not app.exception
    shown, report = html(app), resources.head_report("tiny", "L1H2")
    assert escape(report.kind_about) in shown
    top = max(report.keys, key=lambda key: key.weight)
    why = resources.why_report("tiny", "L1H2", 0, report.query, top.position)
    assert escape(f"Why {report.tokens[-1].strip()} looks at {top.token.strip()}") in shown
    assert f"{abs(why.score):.2f}" in shown


def test_another_cell_may_be_asked_about(store, open_page):
    app = open_page("circuit", circuit="tiny", select="L1H2")
    report = resources.head_report("tiny", "L1H2")
    app = choice(app, "From").select_index(2).run()
    assert not app.exception
    assert len(choice(app, "To").options) == 3
    app = choice(app, "To").select_index(0).run()
    tokens = [token.strip() for token in report.tokens]
    assert f"Why {tokens[2]} looks at {escape(tokens[0])}" in html(app)
