"""Imported graphs: listed by heads without torch, opened checked, refused if not drawable."""

import json
import subprocess
import sys

import pytest

from core.errors import FormatError
from core.share import graphs, list_graphs, open_graph
from core.share.taking import take_bytes
from tests.pages.graph_files import neuronpedia_file


def take(data: dict, root, name: str = "theirs.json"):
    return take_bytes(name, json.dumps(data).encode(), root, root / "results")


def test_a_graph_is_listed_by_its_head_and_opened_by_its_name(tmp_path):
    assert take(neuronpedia_file(), tmp_path).name == "theirs"
    (info,) = list_graphs(tmp_path / "graphs")
    assert (info.name, info.nodes, info.edges, info.groups) == ("theirs", 12, 10, 2)
    assert (info.scan, info.prompt) == ("gemma-2-2b", "The <u>capital</u> of France")
    found = open_graph(tmp_path / "graphs", "theirs")
    assert [found.node_ids[i] for i in found.pinned] == ["17_15_3", "19_7_3"]
    assert found.promoted == {0: (" Paris", "<i>Rome</i>")}
    assert found.labels[0] == "capital <b>cities</b>"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"ctx_idx": 10**15}, "position of a node"),
        ({"layer": "100000"}, "layer of a node"),
    ],
)
def test_nodes_beyond_the_prompt_or_any_model_are_refused(tmp_path, node, message):
    data = neuronpedia_file()
    data["nodes"][2] |= node
    with pytest.raises(FormatError, match=message):
        take(data, tmp_path)
    assert list_graphs(tmp_path / "graphs") == ()


def test_more_tokens_than_can_be_drawn_are_refused(tmp_path):
    data = neuronpedia_file()
    data["metadata"]["prompt_tokens"] = ["x"] * (graphs.MOST_TOKENS + 1)
    with pytest.raises(FormatError, match="prompt's tokens"):
        take(data, tmp_path)


def test_half_a_character_is_replaced_in_every_text(tmp_path):
    """As JavaScript writes a label that was cut within an emoji; a whole one is kept."""
    text = json.dumps(neuronpedia_file()).replace("<b>cities</b>", r"\ud83d\ude00 \ud83d")
    text = text.replace("The <u>capital", r"\ud800The")
    taken = take_bytes("theirs.json", text.encode(), tmp_path, tmp_path / "results")
    assert taken.facts["prompt"] == "\ufffdThe</u> of France"
    assert open_graph(tmp_path / "graphs", "theirs").labels[0] == "capital \U0001f600 \ufffd"


def test_bytes_that_are_no_text_are_refused(tmp_path):
    data = json.dumps(neuronpedia_file()).encode().replace(b"cities", b"\xed\xa0\x80")
    with pytest.raises(FormatError, match="cannot be read as JSON .*utf-8"):
        take_bytes("theirs.json", data, tmp_path, tmp_path / "results")


def test_a_head_with_half_a_character_can_be_shown(tmp_path):
    taken = take(neuronpedia_file(), tmp_path)
    (taken.path / "head.json").write_text(r'{"prompt": "\ud800x"}')
    assert list_graphs(tmp_path / "graphs")[0].prompt.encode() == b"?x"


@pytest.mark.parametrize("head", ["{", "[]", '{"nodes": "many", "prompt": 3}', "[" * 9000])
def test_a_damaged_head_leaves_the_name(tmp_path, head):
    taken = take(neuronpedia_file(), tmp_path)
    (taken.path / "head.json").write_text(head)
    (info,) = list_graphs(tmp_path / "graphs")
    assert (info.name, info.nodes) == ("theirs", 0)


def test_a_name_from_a_link_opens_nothing_but_a_stored_graph(tmp_path):
    take(neuronpedia_file(), tmp_path)
    for name in ("../graphs/theirs", "nowhere", ""):
        with pytest.raises(FormatError, match="no imported graph"):
            open_graph(tmp_path / "graphs", name)


def test_a_file_changed_since_is_checked_again(tmp_path):
    taken = take(neuronpedia_file(), tmp_path)
    (taken.path / "graph.json").write_text("{}")
    with pytest.raises(FormatError, match="metadata"):
        open_graph(tmp_path / "graphs", "theirs")


def test_listing_imports_no_torch():
    check = "import sys, core.share.graphs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
