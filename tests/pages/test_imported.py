"""Graphs of other programs: in the Library, on the Prompt page, their texts never trusted."""

import json

import numpy as np
import pytest

from core.interop import from_neuronpedia
from explorer.prompt import imported
from explorer.session import resources
from explorer.traces.file_graph import file_graph
from tests.core.test_interop import data, graph, model  # noqa: F401
from tests.pages.conftest import component, html
from tests.pages.graph_files import neuronpedia_file


@pytest.fixture
def theirs(empty_store):
    """A store that holds one imported graph."""
    resources.take_upload("theirs.json", json.dumps(neuronpedia_file()).encode())
    return empty_store


@pytest.fixture
def opened():
    return file_graph(from_neuronpedia(neuronpedia_file()), "key")


def test_the_library_lists_it_and_opens_it(theirs, open_page):
    app = open_page("library")
    assert not app.exception
    assert "Imported graphs" in html(app)
    assert "12 nodes · 10 edges · 2 groups" in html(app)
    assert "The &lt;u&gt;capital&lt;/u&gt; of France" in html(app)
    assert [b.label for b in app.button if b.key == "open-graph-theirs"] == ["theirs"]


def test_without_graphs_the_library_has_no_such_section(empty_store, open_page):
    assert "Imported graphs" not in html(open_page("library"))


def test_a_link_opens_it_with_its_groups_and_says_why_nothing_is_ablated(theirs, open_page):
    app = open_page("prompt", graph="theirs")
    assert not app.exception
    drawn = component(app, "imported-net")
    assert drawn["parts"] == ["network"]
    assert drawn["mode"] == "look"
    groups = [node for node in drawn["graph"]["nodes"] if node["kind"] == "supernode"]
    assert [node["id"] for node in groups] == ["A", "B"]
    assert html(app).count(imported.NO_ABLATION) == 1
    assert "Shown: what its author grouped or pinned." in html(app)


def test_a_link_restores_the_selected_node_and_the_open_groups(theirs, open_page):
    app = open_page("prompt", graph="theirs", node="0:1:11", groups="A")
    view = component(app, "imported-net")["view"]
    assert (view["selection"], view["opened"], view["changes"]) == (["0:1:11"], ["A"], [])
    assert "capital &lt;b&gt;cities&lt;/b&gt;" in html(app)
    assert "0_11_1" in html(app)
    assert "&lt;i&gt;Rome&lt;/i&gt;" in html(app)


def test_no_text_of_the_file_becomes_html(theirs, open_page):
    for node in ("0:1:11", "A", "out:8"):
        page = html(open_page("prompt", graph="theirs", node=node))
        assert not any(tag in page for tag in ("<u>", "<script>", "<img>", "<x>", "<b>cities"))


def test_unknown_nodes_of_a_link_are_named_and_left_out(theirs, open_page):
    app = open_page("prompt", graph="theirs", node="0:1:11,9:9:9")
    assert not app.exception
    assert component(app, "imported-net")["view"]["selection"] == ["0:1:11"]
    assert any("9:9:9" in note for note in app.session_state["hagd.dropped"])


@pytest.mark.parametrize("name", ["nowhere", "../results"])
def test_a_graph_that_is_not_there_is_one_notice(theirs, open_page, name):
    app = open_page("prompt", graph=name)
    assert not app.exception
    assert html(app).count("This graph was not opened") == 1
    app.button(key="imported-close").click().run()
    assert "graph" not in app.query_params
    assert "This graph was not opened" not in html(app)


def test_a_group_is_told_with_members_and_edges(opened):
    told = imported.group_html(opened, "A")
    assert "cities &lt;img&gt;" in told
    assert "2 nodes" in told
    assert "0:1:11" in told


def test_outputs_stand_with_the_files_probabilities(opened):
    told = imported.outputs_html(opened)
    assert told.index("Paris") < told.index("&lt;script&gt;")
    assert "0.710" in told


def test_nodes_of_one_id_are_told_apart_and_a_node_is_in_one_group(opened):
    scene = opened.scene
    assert len(set(scene.ids)) == len(scene.ids)
    assert {"0:1:11", "0:1:11.2"} <= set(scene.ids)
    members = np.concatenate([scene.members(name) for name in ("A", "B")])
    assert len(set(members.tolist())) == len(members) == 3


def test_weights_and_labels_are_the_files(opened):
    scene, found = opened.scene, opened.found
    file = {
        (link["source"], link["target"]): link["weight"] for link in neuronpedia_file()["links"]
    }
    for (a, b), weight in zip(scene.edge_index.T.tolist(), scene.weight, strict=True):
        ends = found.node_ids[opened.number[a]], found.node_ids[opened.number[b]]
        assert file[ends] == pytest.approx(weight)
    assert scene.labels[scene.lead] == " Paris"


def test_a_graph_of_ours_without_groups_is_pruned(data):  # noqa: F811
    shown = file_graph(from_neuronpedia(data), "k")
    assert shown.scene.tree is None
    assert "of influence" in shown.shown
    assert 0 < len(shown.scene.ids) <= len(data["nodes"])


def test_a_graph_without_influence_is_still_drawn():
    raw = neuronpedia_file()
    raw["qParams"] = {}
    raw["nodes"] = [n for n in raw["nodes"] if n["feature_type"] != "logit"]
    known = {n["node_id"] for n in raw["nodes"]}
    raw["links"] = [link for link in raw["links"] if link["target"] in known]
    shown = file_graph(from_neuronpedia(raw), "k")
    assert "largest edges" in shown.shown
    assert len(shown.scene.ids) == len(raw["nodes"])
