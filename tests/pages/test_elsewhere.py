"""A feature or supernode in other circuits: shown where a comparison is stored, with a link."""

import shutil
from dataclasses import replace
from html import unescape

import pytest

from core.bundle import open_bundle, write_bundle
from core.store import Record
from core.transfer import circuit_key
from explorer.session import resources
from tests.pages.conftest import _use, html


@pytest.fixture
def two(written, monkeypatch, tmp_path):
    """The tiny circuit and another one; the first two of its features are partners of the last."""
    shutil.copytree(written.parent, tmp_path / "all")
    root = _use(tmp_path / "all" / "store", monkeypatch, tmp_path)
    one = open_bundle(root / "results" / "tiny")
    other = replace(one, name="other", circuit=replace(one.circuit, seed=1), labels={"B": "it"})
    write_bundle(other, root / "results" / "other")
    nodes = [str(node) for node in one.circuit.nodes]
    pairs = [(nodes[0], nodes[-1], 0.91), (nodes[1], nodes[-2], 0.5)]
    matched = [dict(zip(("one", "two", "r"), pair, strict=True)) for pair in pairs]
    data = {"one": "tiny", "two": "other", "matched": matched, "scores": {}}
    about = {"one": circuit_key(one.circuit), "two": circuit_key(other.circuit)}
    resources.store().put("0" * 64, Record(data=data), kind="transfer", provenance=about)
    return nodes


def test_a_feature_has_a_link_to_its_partner(two, open_page):
    app = open_page("circuit", circuit="tiny", select=two[0])
    assert not app.exception
    shown = html(app)
    assert "In other circuits" in shown
    assert f"circuit=other&select={two[-1].replace(':', '%3A')}" in unescape(shown)
    assert "r 0.91" in shown
    assert "In other circuits" not in html(open_page("circuit", circuit="tiny", select=two[2]))


def test_a_supernode_says_how_many_of_it_are_there_and_where_most_are(two, open_page):
    shown = html(open_page("circuit", circuit="tiny", select="A"))
    assert f"2 of {len(two) // 2}</b>" in shown
    assert "most in B it" in shown
    assert "circuit=other&select=B" in unescape(shown)


def test_the_other_circuit_leads_back(two, open_page):
    shown = html(open_page("circuit", circuit="other", select=two[-1]))
    assert f"circuit=tiny&select={two[0].replace(':', '%3A')}" in unescape(shown)


def test_nothing_is_shown_where_nothing_was_compared(store, open_page):
    assert resources.partners("tiny") == {}
    assert "In other circuits" not in html(open_page("circuit", circuit="tiny", select="A"))


def test_a_circuit_that_is_gone_is_left_out(two, tmp_path):
    assert set(resources.partners("tiny")) == set(two[:2])
    shutil.rmtree(tmp_path / "all" / "store" / "results" / "other")
    assert resources.partners("tiny") == {}
