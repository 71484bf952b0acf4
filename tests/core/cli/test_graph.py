"""`hagd graph`: files that read back, figures that agree with the engine, refusals."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.assets import TRANSCODERS
from core.attribution import explain_prompt
from core.cli.graph import _text
from core.cli.output import emit
from core.graph import NodeKind, load_graph
from core.interop import read_neuronpedia
from core.models import load_model
from core.transcoders import neuron_transcoders
from tests.core.cli.conftest import Hagd

PROMPT = "<bos> 17 + 40 ="
BASE = ("graph", "--model", "gpt2-modadd", "--transcoders", "neurons", "--prompt", PROMPT)


def test_full_graph_and_figures_are_the_engines(hagd: Hagd, tmp_path: Path) -> None:
    out = tmp_path / "new" / "graph.json"
    words = ("--target", "57", "--against", "11", "--full", "--repeat", 2, "--json")
    report = hagd(*BASE, *words, "--out", out).json
    model = load_model("gpt2-modadd")
    found = explain_prompt(model, neuron_transcoders(model), PROMPT, target="57", against="11")
    every = load_graph(out.with_name("graph.safetensors"))
    assert (every.n_nodes, every.n_edges) == (report["nodes"], report["edges"])
    assert report["nodes"] == found.graph.n_nodes
    assert report["replacement_score"] == pytest.approx(found.replacement_score)
    assert len(report["seconds"]) == 2
    assert report["max_rss_gb"] > 0


def test_heads_that_edges_run_through_are_written_beside_them(hagd: Hagd, tmp_path: Path) -> None:
    words = ("--target", "57", "--max-features", 20, "--out", tmp_path / "g.json")
    assert "Give --full too" in hagd(*BASE, *words, "--split-heads").refused()
    hagd(*BASE, *words, "--full", "--split-heads")
    every = load_graph(tmp_path / "graph.safetensors")
    tensors = load_file(tmp_path / "graph.safetensors")
    direct, heads = tensors["split.direct"], tensors["split.heads"]
    assert heads.shape == (every.n_edges, 2, 4)
    whole = every.kind[every.edge_index[0]] == int(NodeKind.BIAS)
    assert torch.equal(direct.isnan(), whole)
    total = direct + heads.sum((1, 2))
    torch.testing.assert_close(total[~whole], every.direct_effect[~whole], rtol=1e-3, atol=1e-4)


def test_json_reads_back_pruned(hagd: Hagd, tmp_path: Path) -> None:
    report = hagd(*BASE, "--out", tmp_path / "g.json", "--json").json
    read = read_neuronpedia(tmp_path / "g.json")
    assert (read.graph.n_nodes, read.graph.n_edges) == tuple(report["shown"].values())
    assert read.prompt.split() == PROMPT.split()
    assert report["files"] == [str(tmp_path / "g.json")]


def test_what_a_reader_should_know_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    scores = ("replacement_score", "completeness_score", "completeness_score_without_leaves")
    report = dict.fromkeys(scores, 0.5) | {"nodes": 9, "edges": 8, "files": ["g.json"]}
    report |= {"shown": {"nodes": 3, "edges": 2}, "seconds": [0.1], "max_rss_gb": 1.0}
    report |= {"notes": ["They are [another] model's."], "transcoders": "neurons"}
    emit(report, False, lambda: _text(report))
    assert "They are [another] model's." in capsys.readouterr().out


def test_most_features_kept_are_those_asked_for(hagd: Hagd, tmp_path: Path) -> None:
    words = ("--max-features", 5, "--node-threshold", 1, "--out", tmp_path / "g.json", "--json")
    few, all_ = hagd(*BASE, *words).json, hagd(*BASE, "--out", tmp_path / "a.json", "--json").json
    assert few["nodes"] < all_["nodes"]


def test_import_takes_it_in_and_keeps_both(hagd: Hagd, tmp_path: Path) -> None:
    hagd(*BASE, "--out", tmp_path / "mine.json")
    first, again = (hagd("import", tmp_path / "mine.json", "--json").json for _ in range(2))
    assert (first["name"], again["name"]) == ("mine", "mine-2")
    assert load_graph(Path(first["path"]) / "graph.safetensors").n_nodes == first["nodes"]
    assert first["producer"] == "HAGD Explorer"


def test_import_refuses_what_is_no_graph(hagd: Hagd, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"metadata": 1')
    assert "cannot be read as JSON" in hagd("import", tmp_path / "x.json").refused()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "57 57"], "The token to explain, or to subtract, must be one"),
        (["--against", "57"], "without one to explain"),
        (["--max-features", "0"], "max_feature_nodes is 0"),
        (["--repeat", "0"], "Invalid value for '--repeat'"),
        (["--node-threshold", "2"], "Invalid value for '--node-threshold'"),
    ],
)
def test_bad_input_is_one_message(
    hagd: Hagd, tmp_path: Path, words: list[str], message: str
) -> None:
    assert message in hagd(*BASE, "--out", tmp_path / "g.json", *words).refused()
    assert not (tmp_path / "g.json").exists()


def test_prompt_of_unknown_words_and_folder_as_file_are_refused(hagd: Hagd, tmp_path: Path) -> None:
    assert "is a folder" in hagd(*BASE, "--out", tmp_path).refused()
    words = (*BASE[:-1], "<bos> seventeen", "--out", tmp_path / "g.json")
    assert "lacks 'seventeen'" in hagd(*words).refused()


@pytest.mark.parametrize("command", ["graph", "ablate"])
def test_a_dictionary_of_another_model_is_refused_by_its_fvu(
    hagd: Hagd, tmp_path: Path, command: str
) -> None:
    other = TRANSCODERS / "llama-modadd" / "nested"  # the same layers and width
    rest = ("--out", tmp_path / "g.json") if command == "graph" else ("--node", "0:4:3")
    words = ("--model", "gpt2-modadd", "--transcoders", other, "--prompt", PROMPT)
    message = hagd(command, *words, *rest).refused()
    assert "FVU 1." in message
    assert "trained on 'llama-modadd'" in message
    assert not (tmp_path / "g.json").exists()
