"""`hagd graph` and `hagd ablate` without --transcoders: what a run kept in the store is found."""

from pathlib import Path

import pytest

from core.cli.findings import report_text
from core.cli.output import emit
from core.models import load_model
from core.transcoders import neuron_transcoders, save_transcoders
from tests.core.cli.conftest import Hagd
from tests.tiny import tiny_hf, tiny_tokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one's own: none of its transcoders is bundled."""
    folder = tmp_path_factory.mktemp("own") / "model"
    tiny_hf("gpt2").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("command", ["graph", "ablate"])
def test_the_dictionary_that_a_run_kept_is_found_and_named(
    hagd: Hagd, tmp_path: Path, model: Path, command: str
) -> None:
    rest = ("--out", tmp_path / "g.json") if command == "graph" else ("--node", "0:1:3")
    store = ("--store", tmp_path / "other")
    words = (command, "--model", model, "--prompt", "<bos> w1 w2", *store, *rest)
    assert "the store holds none of it" in hagd(*words).refused()
    kept = tmp_path / "other" / "transcoders" / "model-0a"
    save_transcoders(neuron_transcoders(load_model(model)), kept)
    assert hagd(*words, "--json").json["transcoders"] == str(kept)
    assert f"Transcoders: {kept}" in hagd(*words).out
    assert "under the name 'topk'" in hagd(*words, "--transcoders", "topk").refused()


def test_a_run_names_the_dictionary_that_it_used(capsys: pytest.CaptureFixture[str]) -> None:
    report = {"out": "store/results/x", "transcoders": "store/transcoders/model-[0a]"}
    emit(report, False, lambda: report_text(report))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["Transcoders: store/transcoders/model-[0a]", "Bundle: store/results/x"]
