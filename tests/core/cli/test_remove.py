"""`hagd remove`: one folder of the store goes, and nothing else; everything else is refused."""

from pathlib import Path

import pytest

from core.assets import CIRCUITS
from core.bundle import list_bundles, write_bundle
from tests.core.cli.conftest import Hagd
from tests.core.test_bundle import bundle


@pytest.fixture
def store(hagd: Hagd, tmp_path: Path) -> Path:
    """A store with the circuit `sums`, taken in twice, and what a run keeps beside."""
    write_bundle(bundle(), tmp_path / "sums")
    for _ in range(2):
        assert hagd("import", tmp_path / "sums").code == 0
    (tmp_path / "store" / "transcoders" / "kept").mkdir(parents=True)
    return tmp_path / "store"


def held(store: Path) -> set[str]:
    return {f"{p.parent.name}/{p.name}" for p in store.glob("*/*") if p.is_dir()} | {
        path.name for path in store.iterdir()
    }


def test_what_is_named_goes_and_nothing_else(hagd: Hagd, store: Path) -> None:
    first, before = sorted((store / "results").iterdir())[0].name, held(store)
    ran = hagd("remove", f"results/{first}", "--yes", "--json")
    assert ran.json["path"] == str(store / "results" / first)
    assert before - held(store) == {f"results/{first}"}
    assert not held(store) - before
    assert "There is no circuit or graph of your own" in hagd("remove", first).refused()


def test_a_graph_and_a_damaged_circuit_can_go_too(hagd: Hagd, store: Path) -> None:
    (store / "graphs" / "theirs").mkdir(parents=True)
    (store / "graphs" / "theirs" / "graph.json").write_text("{}")
    (store / "results" / "broken").mkdir()
    (store / "results" / "broken" / "circuit.json").write_text("{")
    for name, kind in (("theirs", "graph"), ("broken", "circuit")):
        assert hagd("remove", name, "--yes", "--json").json["kind"] == kind
    assert not held(store) & {"graphs/theirs", "results/broken"}


def test_a_link_in_the_store_goes_and_not_what_it_leads_to(hagd: Hagd, store: Path) -> None:
    (store / "results" / "linked").symlink_to(store.parent / "sums")
    assert hagd("remove", "results/linked", "--yes").code == 0
    assert not (store / "results" / "linked").is_symlink()
    assert (store.parent / "sums" / "circuit.json").is_file()


def test_a_name_of_two_things_is_asked_for_again(hagd: Hagd, store: Path) -> None:
    name = sorted((store / "results").iterdir())[0].name
    (store / "graphs" / name).mkdir(parents=True)
    (store / "graphs" / name / "graph.json").write_text("{}")
    assert f"graphs/{name}" in hagd("remove", name, "--yes").refused()


def test_it_asks_first(hagd: Hagd, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, before = sorted((store / "results").iterdir())[0].name, held(store)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    ran = hagd("remove", name)
    assert (ran.code, ran.out, ran.err) == (1, "", "Nothing was removed.\n")
    assert held(store) == before
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    assert hagd("remove", name).code == 0
    assert held(store) < before


@pytest.mark.parametrize("name", ["nowhere", "", ".", "..", "../store", "transcoders/kept", "/"])
def test_what_is_no_circuit_or_graph_is_refused(hagd: Hagd, store: Path, name: str) -> None:
    before = held(store)
    assert "There is no circuit or graph of your own" in hagd("remove", name, "--yes").refused()
    assert held(store) == before


def test_a_bundled_circuit_is_refused(hagd: Hagd, store: Path) -> None:
    name = list_bundles(CIRCUITS)[0].name
    assert "came with the program" in hagd("remove", name, "--yes").refused()
