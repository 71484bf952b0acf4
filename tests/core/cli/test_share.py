"""`hagd export` and `hagd import` of circuits: what is written, what is refused."""

import csv
import json
from pathlib import Path

import networkx
import pytest

from core.bundle import open_bundle, write_bundle
from core.names import slug
from tests.core.cli.conftest import Hagd
from tests.core.test_bundle import bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small result bundle: one token, three features, one logit."""
    write_bundle(bundle(), tmp_path / "sums")
    return tmp_path / "sums"


def test_csv_has_every_node_and_edge_with_ids_ranks_and_labels(
    hagd: Hagd, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tables"
    ran = hagd("export", folder, "--format", "csv", "--out", out, "--json")
    assert ran.json["files"] == [str(out / "nodes.csv"), str(out / "edges.csv")]
    with (out / "nodes.csv").open() as file:
        nodes = {row["id"]: row for row in csv.DictReader(file)}
    assert list(nodes) == ["tok:1", "0:2:5", "1:2:7", "0:1:3", "out:9"]
    assert (nodes["1:2:7"]["rank"], nodes["0:2:5"]["label"]) == ("2", "cos 5·s")
    with (out / "edges.csv").open() as file:
        edges = list(csv.DictReader(file))
    assert [(row["source"], row["target"]) for row in edges][:2] == [
        ("tok:1", "0:2:5"),
        ("tok:1", "0:1:3"),
    ]
    assert "mean_abs" in edges[0]


def test_graphml_opens_in_networkx(hagd: Hagd, folder: Path, tmp_path: Path) -> None:
    hagd("export", folder, "--format", "graphml", "--out", tmp_path / "g.graphml")
    graph = networkx.read_graphml(tmp_path / "g.graphml")
    assert graph.number_of_nodes() == 5
    assert graph.edges["1:2:7", "out:9"]["direct_effect"] == pytest.approx(3.14159, abs=1e-4)


def test_html_is_a_page_even_where_the_model_is_not_there(
    hagd: Hagd, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = hagd("export", folder)
    assert (ran.code, ran.out) == (0, "Written: sums.html\n")
    page = (tmp_path / "sums.html").read_text("utf-8")
    assert 'id="net"' in page
    assert "a + b &lt;mod&gt; 59" in page


def test_a_zip_taken_in_again_is_the_same_circuit(hagd: Hagd, folder: Path, tmp_path: Path) -> None:
    hagd("export", folder, "--format", "bundle", "--out", tmp_path / "sums.zip")
    taken = hagd("import", tmp_path / "sums.zip", "--json").json
    assert open_bundle(taken["path"]).circuit == bundle().circuit


def test_scores_are_the_validation(hagd: Hagd, folder: Path, tmp_path: Path) -> None:
    hagd("export", folder, "--format", "scores", "--out", tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text())["faithfulness"] == 0.97


def test_imported_circuit_is_listed_and_a_second_one_replaces_nothing(
    hagd: Hagd, folder: Path
) -> None:
    first = hagd("import", folder, "--json").json
    again = hagd("import", folder, "--json").json
    assert (first["name"], again["name"]) == ("sums", "sums-2")
    assert {"sums", "sums-2"} <= {row["name"] for row in hagd("results", "--json").json}
    assert open_bundle(again["path"]).circuit == bundle().circuit
    assert hagd("export", "sums-2", "--out", folder.parent / "x.html").code == 0


def test_damaged_folder_is_refused(hagd: Hagd, folder: Path) -> None:
    path = folder / "graph.json"
    path.write_bytes(path.read_bytes()[:-5])
    assert "graph.json" in hagd("import", folder).refused()
    assert "graph.json" in hagd("export", folder).refused()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "nosuch"], "There is no circuit 'nosuch'"),
        (
            ["export", "nosuch", "--format", "pdf"],
            "Invalid value for '--format': 'pdf' is not one of",
        ),
        (["import", "nosuch"], "There is nothing at nosuch"),
    ],
)
def test_bad_input_is_one_message(hagd: Hagd, words: list[str], message: str) -> None:
    assert message in hagd(*words).refused()


def test_csv_never_goes_among_other_files(hagd: Hagd, folder: Path) -> None:
    words = ("export", folder, "--format", "csv", "--out", folder)
    assert "holds other files" in hagd(*words).refused()


def test_slug_leaves_no_path() -> None:
    assert [slug(text) for text in ("../../x", "a b/c", "..", "ok-1")] == [
        "x",
        "a-b-c",
        "unnamed",
        "ok-1",
    ]
