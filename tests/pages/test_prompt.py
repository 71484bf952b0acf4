"""The Prompt page: a prompt becomes a graph with its scores, or one clear message."""

from dataclasses import replace

import pytest

from core.graph import NodeKind
from core.store import plain, stage_key
from explorer import resources, tracing
from explorer.view import Traced
from tests.pages.conftest import component, html, press

WORDS = "<bos> w1 w2 w3"


@pytest.fixture
def own(written):
    """Model and transcoder folders of one's own."""
    return {
        "with": str(written.parent / "own" / "model"),
        "transcoders": str(written.parent / "own" / "coders"),
    }


@pytest.fixture
def traced(own):
    return Traced(model=own["with"], transcoders=own["transcoders"], text=WORDS)


def test_the_network_of_a_trace_is_named_alike_in_every_process(store, traced):
    """Python's own hash of a text differs from one process to the next."""
    name = stage_key("prompt-scene", 1, {}, plain(traced))
    assert resources.traced_scene(traced).key == f"prompt.{name[:8]}"


def test_without_a_model_it_says_so(empty_store, open_page, monkeypatch):
    monkeypatch.setattr(resources, "model_names", lambda: ())
    app = open_page("prompt")
    assert not app.exception
    assert "No model yet" in html(app)


def test_without_a_prompt_it_offers_examples(store, open_page, own, monkeypatch):
    monkeypatch.setattr(resources, "prompt_examples", lambda model: ("<bos> w4 w5",))
    app = open_page("prompt", **own)
    assert "Type a prompt" in html(app)
    press(app, "<bos> w4 w5")
    assert app.query_params["text"] in ("<bos> w4 w5", ["<bos> w4 w5"])


def test_a_prompt_of_a_link_is_traced(store, open_page, own, traced):
    app = open_page("prompt", text=WORDS, **own)
    assert not app.exception
    found = resources.traced(traced)
    assert f"<b>{found.replacement:.2f}</b>replacement" in html(app)
    assert f"<b>{found.completeness:.2f}</b>completeness" in html(app)
    assert "Next token" in html(app)
    graph = component(app, "prompt-net")["graph"]
    assert 0 < len(graph["nodes"]) <= 300


def test_words_outside_the_vocabulary_get_one_message(store, open_page, own):
    app = open_page("prompt", text="<bos> nonsense w1", **own)
    assert not app.exception
    assert "This prompt was not traced" in html(app)
    assert "nonsense" in html(app)


def test_a_target_that_is_no_token_is_refused(store, open_page, own):
    app = open_page("prompt", text=WORDS, target="nonsense", **own)
    assert "This prompt was not traced" in html(app)


def test_a_folder_that_is_no_model_is_refused(store, open_page, tmp_path):
    app = open_page("prompt", text=WORDS, **{"with": str(tmp_path)})
    assert not app.exception
    assert "This prompt was not traced" in html(app)


@pytest.mark.parametrize(
    ("changes", "outputs"), [({"target": "w3"}, [6]), ({"target": "w3", "against": "w4"}, [-1])]
)
def test_the_target_decides_what_is_explained(store, traced, changes, outputs):
    found = resources.traced(replace(traced, **changes))
    logits = found.graph.index[found.graph.kind == int(NodeKind.LOGIT)]
    assert logits.tolist() == outputs


def test_the_graph_can_be_taken_to_neuronpedia(store, traced):
    data = resources.traced_json(traced)
    assert {"metadata", "qParams", "nodes", "links"} <= set(data)
    assert len(data["nodes"]) >= resources.traced(traced).pruned.graph.n_nodes / 2


def test_the_shown_graph_is_pruned_to_what_can_be_read(store, traced):
    found = resources.traced(traced)
    pruned, threshold = tracing.readable(found.graph, most=24)
    assert threshold < 0.8
    assert pruned.graph.n_nodes <= found.pruned.graph.n_nodes


def test_examples_are_prompts_the_model_can_read(store, traced):
    model = resources.model(traced.model)
    assert tracing.examples(model, ()) == ()
    for text in tracing.examples(model, ("modular-addition",)):
        assert len(model.encode(text))


def test_strongest_features_are_ranked_by_influence(store, traced):
    rows = resources.traced(traced).strongest
    shares = [share for _, _, share in rows]
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= share <= 1 for share in shares)
