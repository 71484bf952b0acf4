"""From text to graph and figures, and the texts that are refused."""

import pytest

from core.attribution import Direction, SalientLogits, Tokens, explain_prompt, target_choice
from core.errors import TaskError
from core.graph import completeness_score, replacement_score
from tests.tiny import tiny_model, tiny_transcoders


def test_figures_are_those_of_the_graph():
    model = tiny_model("gpt2")
    found = explain_prompt(model, tiny_transcoders(model), "<bos> w1 w2", target="w3", repeat=2)
    figures = found.as_json()
    assert figures["nodes"] == found.graph.n_nodes
    assert figures["edges"] == found.graph.n_edges
    assert len(figures["seconds"]) == 2
    assert figures["max_rss_gb"] > 0.01
    assert figures["replacement_score"] == replacement_score(found.graph)
    assert figures["completeness_score"] == completeness_score(found.graph)
    assert found.graph.index[-1] == model.encode("w3")[0]


def test_texts_name_targets():
    model = tiny_model("gpt2")
    one, two = (int(model.encode(word)[0]) for word in ("w1", "w2"))
    assert target_choice(model, None, None) == SalientLogits()
    assert target_choice(model, "w1", None) == Tokens(ids=(one,))
    assert target_choice(model, "w1", "w2") == Direction(answer=one, wrong=two)


def test_texts_that_are_no_single_token_are_refused():
    model = tiny_model("gpt2")
    with pytest.raises(TaskError, match=r"'w1 w2' is 2 tokens"):
        target_choice(model, "w1 w2", None)
    with pytest.raises(TaskError, match="'Paris' is not in the vocabulary"):
        target_choice(model, "Paris", None)
    with pytest.raises(TaskError, match="without one to explain"):
        target_choice(model, None, "w1")
