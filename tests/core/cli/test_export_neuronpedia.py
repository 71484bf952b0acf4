"""`hagd export --format neuronpedia` on a bundled circuit, against the published schema."""

import json

from typer.testing import CliRunner

from core.assets import CIRCUITS
from core.cli.main import build
from core.interop import from_neuronpedia


def test_a_bundled_circuit_exports_and_reads_back(tmp_path, monkeypatch):
    monkeypatch.setenv("HAGD_STORE", str(tmp_path / "store"))
    folder = CIRCUITS / "modular-addition-gpt2"
    out = tmp_path / "graph.json"
    done = CliRunner().invoke(
        build(), ["export", str(folder), "--format", "neuronpedia", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    data = json.loads(out.read_text())
    circuit = json.loads((folder / "circuit.json").read_text())
    features = [n for n in data["nodes"] if n["feature_type"] == "cross layer transcoder"]
    assert len(features) == len(circuit["nodes"])
    assert data["qParams"]["supernodes"]
    assert from_neuronpedia(data).graph.n_edges == len(data["links"])
