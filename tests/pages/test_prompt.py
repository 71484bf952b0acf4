"""The Prompt page: a prompt becomes a graph with its scores, or one clear message."""

import os
from dataclasses import replace
from html import escape

import numpy as np
import pytest

from core.bundle import BundleInfo
from core.errors import TranscoderError
from core.graph import NodeKind
from core.pipeline.kept import kept_for
from core.store import plain, stage_key
from core.tasks import load_task
from core.transcoders import save_transcoders
from explorer.inspector.graph import edge_bars
from explorer.inspector.paths import with_paths
from explorer.prompt import selected
from explorer.session import resources, state
from explorer.session.view import Traced, View
from explorer.traces import dictionaries, naming, tracing
from tests.pages.conftest import component, html, press
from tests.tiny import tiny_model, tiny_transcoders

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
    monkeypatch.setattr(resources, "circuit_examples", lambda *_: ())
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


def test_a_missing_model_is_told_of_once(store, open_page, tmp_path):
    app = open_page("prompt", text=WORDS, **{"with": str(tmp_path / "nowhere")})
    assert html(app).count("No model ") == 1
    assert "This could not be shown" not in html(app)


def test_without_a_choice_the_model_is_that_of_the_first_circuit_or_has_the_words(
    store, written, open_page
):
    app = open_page("prompt")
    own = str(written.parent / "own" / "model")
    assert app.selectbox(key=f"traced-model-{own}").value == own  # shown anew: by its end
    app.text_input(key="traced-text").set_value("<bos> 17 + 40 =").run()
    assert "This prompt was not traced" not in html(app)
    coreference = next(iter(load_task("coreference").pairs)).clean
    app.text_input(key="traced-text").set_value(coreference).run()
    assert app.selectbox(key="traced-model").value == "gpt2-coref"
    assert "with" not in app.query_params
    app.selectbox(key="traced-model").set_value("llama-modadd").run()
    assert app.query_params["with"] in ("llama-modadd", ["llama-modadd"])


def test_a_word_that_no_model_has_is_told_of_the_model_that_lacks_the_fewest(store, open_page):
    """The automatic choice stays where it was: 59 is no token of any model."""
    app = open_page("prompt", text="<bos> 17 + 40 =")
    assert app.selectbox(key="traced-model").value == "gpt2-modadd"
    app.text_input(key="traced-text").set_value("<bos> 17 + 59 =").run()
    assert app.selectbox(key="traced-model").value == "gpt2-modadd"
    assert "lacks &#x27;59&#x27;" in html(app)


def test_models_of_own_circuits_are_offered_and_chosen_by_their_words(
    store, written, open_page, monkeypatch
):
    own = str(written.parent / "own" / "model")
    mine = next(info for info in resources.library() if info.name == "tiny")
    record = {"model": {"ref": "llama-modadd"}}
    best = BundleInfo(path=store, name="best", verdict="holds", provenance=record)
    best = replace(best, validation={"faithfulness": 1.0})
    monkeypatch.setattr(resources, "library", lambda: (mine, best))
    app = open_page("prompt", text="<bos> 17 + 40 =")
    box = app.selectbox(key="traced-model")
    assert (box.value, box.options[-1]) == ("llama-modadd", "…/model")
    app.text_input(key="traced-text").set_value("<bos> w1 w2").run()
    assert "with" not in app.query_params  # nobody chose it
    assert app.selectbox(key=f"traced-model-{own}").value == own
    assert "This prompt was not traced" not in html(app)
    app.text_input(key="traced-text").set_value("<bos> w1 w99").run()
    assert "lacks &#x27;w99&#x27;" in html(app)
    assert any(button.key.startswith(f"example-{own}-<bos> w") for button in app.button)


def test_the_model_is_that_of_the_circuit_opened_last(store, open_page, monkeypatch):
    infos = (
        *resources.library(),
        BundleInfo(path=store, name="other", provenance={"model": {"ref": "llama-modadd"}}),
        BundleInfo(path=store, name="gone", provenance={"model": {"ref": "./nowhere"}}),
    )
    monkeypatch.setattr(resources, "library", lambda: infos)
    for circuit, model in (("other", "llama-modadd"), ("gone", "gpt2-coref")):
        monkeypatch.setattr(state, "current", lambda c=circuit: View(circuit=c))
        app = open_page("prompt")
        assert app.selectbox(key="traced-model").value == model


@pytest.fixture
def llama():
    """A model whose neurons are gated."""
    return tiny_model("llama")


def _trained(model, folder, seconds: int):
    """A dictionary of a model as a run keeps it, written at a time."""
    made = tiny_transcoders(model, features=10 + seconds)
    os.utime(save_transcoders(made, folder) / "config.yaml", (seconds, seconds))
    return made


def test_the_newest_trained_dictionary_is_the_default(llama, tmp_path):
    kept = tmp_path / "transcoders"
    wanted = _trained(llama, kept / "tiny-llama-0b", 2)
    _trained(llama, kept / "tiny-llama-0a", 1)
    _trained(tiny_model("gpt2"), kept / "tiny-llama-other", 3)  # names another model
    _trained(tiny_model("llama", layers=3), kept / "tiny-llama-layers", 4)
    (kept / "tiny-llama-damaged").mkdir()
    (kept / "tiny-llama-damaged" / "config.yaml").write_text("[")
    found = dictionaries.coders_of(llama, "", kept_for(llama.key, kept, ()))
    assert found.key == wanted.key


def test_a_dictionary_that_a_circuit_was_found_with_is_found(llama, tmp_path):
    """Wherever it lies, but only one of a circuit of this very model."""
    mine = _trained(llama, tmp_path / "elsewhere", 2)
    _trained(llama, tmp_path / "theirs", 3)
    circuits = [
        BundleInfo(
            path=tmp_path / "results" / name,
            name=name,
            provenance={"model": {"key": key}, "transcoders": {"ref": f"../../{name}"}},
        )
        for key, name in ((llama.key, "elsewhere"), (llama.key, "gone"), ("another", "theirs"))
    ]
    kept = kept_for(llama.key, tmp_path / "none", circuits)
    assert kept == (tmp_path / "elsewhere",)
    assert dictionaries.coders_of(llama, "", kept).key == mine.key


def test_without_a_dictionary_a_gated_model_is_told_to_train_one(llama):
    with pytest.raises(TranscoderError, match="hagd train"):
        dictionaries.coders_of(llama, "")
    assert dictionaries.coders_of(tiny_model("gpt2"), "").kind == "neurons"


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


def test_every_node_shown_has_an_edge(store, open_page, own):
    """Dots without edges say nothing; what feeds a shown node is followed back."""
    app = open_page("prompt", text=WORDS, **own)
    graph = component(app, "prompt-net")["graph"]
    ends = {e["from"] for e in graph["edges"]} | {e["to"] for e in graph["edges"]}
    dots = {n["id"] for n in graph["nodes"] if n["kind"] == "feature"}
    assert dots
    assert dots <= ends


def test_a_model_that_cannot_be_opened_has_a_way_on(store, open_page, tmp_path):
    app = open_page("prompt", text="<bos> 17 + 40 =", **{"with": str(tmp_path / "nowhere")})
    assert html(app).count("This prompt was not traced") == 1
    (way,) = [button for button in app.button if button.key == "other-model"]
    assert way.label == "Use gpt2-modadd"
    way.click()
    app.run()
    assert app.query_params["with"] in ("gpt2-modadd", ["gpt2-modadd"])
    assert "This prompt was not traced" not in html(app)


def test_the_selected_node_is_told_with_its_edges(traced, store):
    scene = resources.traced_scene(traced)
    place = next(i for i, kind in enumerate(scene.kind) if kind == "feature")
    told = selected.node_html(scene, place, {})
    assert f"<h3>{escape(scene.labels[scene.ids[place]])}</h3>" in told  # a name, not an id
    assert f'hx-mono">{scene.ids[place]}</div>' in told
    assert f"L{scene.layer[place]}" in told
    into = float(scene.weight[scene.edge_index[1] == place].sum())
    bars = edge_bars(scene, np.array([place]), "in")
    assert sum(bar.value for bar in bars) == pytest.approx(into, abs=1e-4)
    assert all(bar.label.replace("<", "&lt;").replace(">", "&gt;") in told for bar in bars)


def test_no_node_is_called_by_its_id(traced, store):
    """Neither features that no circuit names nor tokens, errors and constants."""
    scene = resources.traced_scene(traced)
    features = [node for node, kind in zip(scene.ids, scene.kind, strict=True) if kind == "feature"]
    assert features
    assert all(scene.labels.get(node) for node in features)
    for place, node in enumerate(scene.ids):
        title = selected.node_html(scene, place, {}).split("</h3>")[0].split("<h3>")[1]
        assert title
        assert title != node
    names = resources.traced_names(traced)
    assert all(names[node] for node, *_ in resources.traced(traced).strongest)


def test_a_feature_at_the_last_position_is_named_by_the_tokens_it_raises(traced, store):
    model, found = resources.model(traced.model), resources.traced(traced)
    names, last = resources.traced_names(traced), len(found.tokens) - 1
    raising = [node for node in names if node.split(":")[1] == str(last)]
    words = {model.token_text(i).strip() for i in range(model.d_vocab)}
    assert raising
    for node in raising:
        raised = names[node].removeprefix("→ ").split(", ")
        assert names[node].startswith("→ ")
        assert 1 <= len(raised) <= 2
        assert words.issuperset(raised)


def test_a_feature_elsewhere_is_named_by_where_it_is(traced, store):
    model, found = resources.model(traced.model), resources.traced(traced)
    coders = dictionaries.coders_of(model, traced.transcoders)
    every = replace(found, pruned=replace(found.pruned, graph=found.graph))
    names = naming.names_of(model, coders, every, ())
    elsewhere = [node for node in names if int(node.split(":")[1]) < len(found.tokens) - 1]
    assert elsewhere
    for node in elsewhere:
        layer, position, _ = node.split(":")
        assert names[node] == f"L{layer} at {found.tokens[int(position)].strip()}"


def test_the_strongest_features_are_listed_by_name_with_a_small_id(store, open_page, own, traced):
    app = open_page("prompt", text=WORDS, **own)
    names = resources.traced_names(traced)
    for node, *_ in resources.traced(traced).strongest:
        small = f'<small class="hx-mono hx-faint">{node}</small>'
        assert f"{escape(names[node])}{small}" in html(app)


def test_its_edges_are_told_with_the_heads_they_run_through(traced, store):
    scene = resources.traced_scene(traced)
    for place, node in enumerate(scene.ids):
        paths = resources.traced_paths(traced, node)
        for other, one in paths.items():
            ends = {place, scene.place(other)}
            (edge,) = (i for i, pair in enumerate(scene.edge_index.T.tolist()) if set(pair) == ends)
            assert one.total == pytest.approx(float(scene.weight[edge]), rel=1e-3, abs=1e-5)
    node = next(n for n in scene.ids if via_of(traced, n))
    told = selected.node_html(scene, scene.place(node), resources.traced_paths(traced, node))
    assert escape(via_of(traced, node)[0]) in told
    assert "via L" not in selected.node_html(scene, scene.place(node), {})


def via_of(traced, node) -> list[str]:
    """What is said of the heads of the five largest edges into a node."""
    paths = resources.traced_paths(traced, node)
    bars = edge_bars(resources.traced_scene(traced), np.array([place_of(traced, node)]), "in")
    return [bar.via for bar in with_paths(bars, paths) if bar.via]


def place_of(traced, node) -> int:
    return resources.traced_scene(traced).place(node)


def test_without_a_selection_the_page_says_how_to_make_one(store, open_page, own):
    app = open_page("prompt", text=WORDS, **own)
    assert "Click a node or a token: its edges are listed here." in html(app)
