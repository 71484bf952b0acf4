"""The JSON that the browser gets and the messages it sends; the component itself in AppTest."""

import json
from dataclasses import replace
from importlib import metadata

import pytest
from streamlit.testing.v1 import AppTest

from explorer.network.component import Change, counts_text, parse_message, picture
from tests.explorer.scenes import LABELS, scene


@pytest.fixture(scope="module")
def made():
    return scene()


def test_a_picture_is_json_and_small(made):
    drawn = picture(made, ("C", "C1"))
    text = json.dumps([drawn.graph, drawn.scene])
    assert len(text) < 60_000
    assert json.loads(text)[0]["options"]["physics"] is False


def test_the_key_names_the_content(made):
    assert picture(made, ("C",)).key == picture(scene(), ("C",)).key
    assert picture(made, ("C",)).key != picture(made, ()).key
    assert picture(made, ("C",)).scene_key == picture(made, ()).scene_key


def test_width_runs_from_one_to_seven(made):
    edges = picture(made).graph["edges"]
    by_size = sorted(edges, key=lambda e: abs(e["effect"]))
    assert by_size[-1]["width"] == 7
    assert by_size[0]["width"] >= 1
    assert [e["width"] for e in by_size] == sorted(e["width"] for e in by_size)
    assert {e["arrows"]["to"]["type"] for e in edges} == {"arrow", "bar"}
    assert all((e["effect"] > 0) == (e["arrows"]["to"]["type"] == "arrow") for e in edges)


def test_a_node_carries_its_direct_effect_on_the_answer(made):
    nodes = {node["id"]: node for node in picture(made).graph["nodes"]}
    lead = made.place(made.lead)
    members = set(made.members("D").tolist())
    into = [
        float(w)
        for s, t, w in zip(*made.edge_index, made.weight, strict=True)
        if t == lead and int(s) in members
    ]
    assert nodes["D"]["effect"] == pytest.approx(sum(into), rel=1e-3)
    assert "effect" not in nodes["A"]
    (frame,) = picture(made, ("D",)).graph["frames"]
    assert frame["effect"] == nodes["D"]["effect"]
    assert frame["heads"] == 0


def test_the_browser_can_look_up_every_supernode(made):
    static = picture(made).scene
    assert static["parents"]["C1"] == "C"
    assert static["parents"]["C"] is None
    assert static["titles"]["C3"] == "C3 · 8 nodes"
    leaf = made.ids[int(made.members("C2")[0])]
    assert static["parents"][leaf] == "C2"
    assert leaf in {entry["id"] for entry in static["index"]}
    assert static["tree"]["children"][2]["label"] == LABELS["C"]


def test_rows_stand_from_logits_down_to_tokens(made):
    rows = picture(made).graph["rows"]
    assert [r["label"] for r in sorted(rows, key=lambda r: r["y"])] == [
        "logits",
        "L1 MLP",
        "L1 heads",
        "L0 MLP",
        "L0 heads",
        "tokens",
    ]


def test_counts_read_as_words():
    assert counts_text((38, 312, 61, 1204)) == "38 of 312 nodes · 61 of 1,204 edges"


def test_a_message_is_read_whole():
    heard = parse_message(
        {
            "rev": 2,
            "seq": 9,
            "have": ["a"],
            "changes": [{"node": "C3", "scale": 0}],
            "selection": ["0:4:1"],
            "opened": ["C"],
        }
    )
    assert heard is not None
    assert heard.view.changes == (Change("C3", 0.0),)
    assert (heard.rev, heard.seq, heard.have, heard.view.opened) == (2, 9, ("a",), ("C",))


@pytest.mark.parametrize(
    "raw",
    [
        None,
        3,
        "x",
        {},
        {"rev": "x"},
        {"rev": 0, "seq": 0, "changes": [{}], "selection": [], "opened": []},
    ],
)
def test_what_is_not_a_message_is_ignored(raw):
    assert parse_message(raw) is None


def _app():
    import streamlit as st

    from explorer.network.component import Bar, CanvasView, Change, canvas, picture
    from tests.explorer.scenes import scene

    cleared = st.session_state.get("cleared", False)
    view = CanvasView() if cleared else CanvasView(changes=(Change("C3", 0.0),))
    bar = Bar(answer="57", full=0.99, circuit=0.98, changed=0.4, chance=1 / 59)
    result = canvas(
        picture(st.session_state.setdefault("scene", scene()), ("C",)),
        key="canvas",
        view=view,
        on_view=lambda view: None,
        parts=("tree", "network", "bar"),
        bar=bar,
    )
    st.text(f"rev {result.rev}")


def message(at: AppTest) -> dict:
    return json.loads(at.get("bidi_component")[0].proto.json)


def test_the_component_gets_graph_view_and_bar():
    at = AppTest.from_function(_app, default_timeout=30).run()
    assert not at.exception
    sent = message(at)
    assert sent["graph"]["nodes"]
    assert sent["view"] == {
        "rev": 0,
        "changes": [{"node": "C3", "scale": 0.0}],
        "selection": [],
        "opened": [],
    }
    assert sent["bar"]["changed"] == 0.4
    assert "http" not in json.dumps(sent)


def test_the_app_raises_the_revision_only_when_it_changes_the_view():
    at = AppTest.from_function(_app, default_timeout=30).run()
    assert at.text[0].value == "rev 0"
    assert at.run().text[0].value == "rev 0"
    at.session_state["cleared"] = True
    assert at.run().text[0].value == "rev 1"


def test_vis_network_comes_from_the_installed_pyvis():
    from explorer.network.assets import _vis_network

    root, folder = _vis_network()
    assert (root / folder / "vis-network.min.js").stat().st_size > 100_000
    assert metadata.version("pyvis")


def test_a_box_does_not_repeat_what_its_frame_says():
    labels = {"A": "result · k = 1, 5", "A1": "result · k = 5", "A2": "result", "B1": "a · k = 2"}
    made = replace(scene(), labels=labels)
    short = {name: made.short_label(name) for name in ("A", "A1", "A2", "B1", "D1")}
    assert short == {
        "A": "result · k = 1, 5",
        "A1": "k = 5",
        "A2": "result",
        "B1": "a · k = 2",
        "D1": "",
    }
    shown = picture(made, ("A",))
    (box,) = (node for node in shown.graph["nodes"] if node["id"] == "A1")
    assert (box["short"], box["label"]) == ("k = 5", "result · k = 5")
    assert shown.scene["sizes"]["A"] == len(made.members("A"))
