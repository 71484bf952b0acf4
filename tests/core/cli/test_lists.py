"""`hagd models`, `tasks`, `results`: what is bundled and stored."""

import json
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from core.assets import MODELS
from core.bundle import write_bundle
from core.store import open_store
from core.verdicts import VERDICTS
from tests.core.cli.conftest import Hagd
from tests.core.test_bundle import bundle


def test_models_lists_each_bundled_folder(hagd: Hagd) -> None:
    names = [model["name"] for model in hagd("models", "--json").json]
    assert names == sorted(path.parent.name for path in MODELS.glob("*/config.json"))
    assert all(name in hagd("models").out for name in names)


def test_tasks_have_prompts_and_an_example(hagd: Hagd) -> None:
    tasks = hagd("tasks", "--json").json
    assert {"modular-addition", "coreference"} <= {task["name"] for task in tasks}
    assert all(task["prompts"]["test"] > 0 for task in tasks)
    assert all(task["example"]["clean"] for task in tasks)


def test_one_task_is_told_with_the_prompts_its_splits_share(hagd: Hagd, tmp_path: Path) -> None:
    assert "No test prompt" in hagd("tasks", "modular-addition").out
    line = '{{"clean": "<bos> {0} b", "corrupt": "<bos> {1} b", "answer": "x", "wrong": "y"}}\n'
    file = tmp_path / "own.jsonl"  # each corrupt prompt is the next clean one: a single group
    file.write_text("".join(line.format(i, (i + 1) % 20) for i in range(20)))
    told = hagd("tasks", file, "--json").json
    assert told["prompts"]["test"] == 5
    assert told["shared_prompts"]["test"] > 0
    assert f"{told['shared_prompts']['test']} of the 5 test pairs" in told["shared_prompts_note"]
    assert told["shared_prompts_note"] in hagd("tasks", file).out
    assert "Unknown task" in hagd("tasks", "subtraction").refused()


def test_a_winogrande_file_is_told_like_any_task(hagd: Hagd, tmp_path: Path) -> None:
    names = ("Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jon", "Kim", "Lou")
    rows = [
        {"sentence": f"{a} fed {b} as _ was hungry", "option1": a, "option2": b, "answer": "2"}
        for a, b in zip(names, (*names[1:], names[0]), strict=True)
    ]
    file = tmp_path / "dev.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = hagd("tasks", file, "--json").json
    assert sum(found["prompts"].values()) == 12
    assert found["example"]["clean"].endswith("The blank is")
    file.write_text(json.dumps(rows[0] | {"answer": ""}))
    refused = hagd("tasks", file)
    assert refused.code == 2
    assert "line 1: answer must be 1 or 2" in refused.err


def test_results_of_a_new_store_are_the_bundled_ones(hagd: Hagd, tmp_path: Path) -> None:
    found = hagd("results", "--store", tmp_path / "new", "--json").json
    assert all("assets" in entry["path"] for entry in found)
    assert hagd("results").code == 0


def test_results_stand_under_their_tasks_the_best_first(hagd: Hagd, tmp_path: Path) -> None:
    (tmp_path / "blue-sky").mkdir()
    (tmp_path / "blue-sky" / "task.jsonl").touch()
    open_store(tmp_path / "store").close()
    made = bundle()
    own = {"ref": str(tmp_path / "blue-sky" / "task.jsonl"), "key": made.provenance["task"]["key"]}
    made = replace(made, name="mine", provenance={**made.provenance, "task": own})
    write_bundle(made, tmp_path / "store" / "results" / "mine")
    found = hagd("results", "--json").json
    groups = [group for group, _ in groupby(found, lambda row: row["group"])]
    assert groups == ["blue sky", *sorted(groups[1:-1]), "nulls"]
    assert len(groups) == len(set(groups))
    assert {row["group"] for row in found if row["name"].startswith("null-")} == {"nulls"}
    ranks = [list(VERDICTS).index(row["verdict"]) for row in found if row["group"] == "parity"]
    assert ranks == sorted(ranks)
    said = hagd("results").out.splitlines()
    assert said.index("blue sky".ljust(len(said[1]))) == 1
    assert said[2].startswith("  mine ")


def test_damaged_result_is_listed_with_its_error(hagd: Hagd, tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        folder = store.results_dir / "broken"
        folder.mkdir()
        (folder / "circuit.json").write_text('{"na')
    entry = next(row for row in hagd("results", "--json").json if row["name"] == "broken")
    assert entry["error"]
    assert "damaged" in hagd("results").out


@pytest.mark.usefixtures("assets_sound")
def test_an_altered_figure_is_told_and_not_shown(hagd: Hagd, tmp_path: Path) -> None:
    open_store(tmp_path / "store").close()
    folder = write_bundle(bundle(), tmp_path / "store" / "results" / "mine").path
    assert folder is not None
    file = folder / "validation.json"
    written = json.loads(file.read_text())
    file.write_text(json.dumps(written | {"faithfulness": 9.38}))
    entry = next(row for row in hagd("results", "--json").json if row["name"] == "mine")
    assert (entry["faithfulness"], entry["verdict"]) == (None, "")
    said = hagd("results").out
    assert "damaged:" in said
    assert "9.38" not in said
    ran = hagd("doctor", "--json")
    assert ran.code == 1
    assert any("validation.json is damaged" in problem for problem in ran.json["problems"])


def test_results_of_one_name_are_told_by_their_folders(hagd: Hagd, tmp_path: Path) -> None:
    open_store(tmp_path / "store").close()
    for name in ("a", "b"):
        write_bundle(bundle(), tmp_path / "store" / "results" / name)
    assert [row["name"] for row in hagd("results", "--json").json].count("sums") == 2
    said = hagd("results").out
    places = [str(tmp_path / "store" / "results" / name) for name in ("a", "b")]
    assert all(place in said for place in places)
    assert hagd("export", places[0], "--out", tmp_path / "x.html").code == 0


@pytest.mark.parametrize("schema", [True, 0, "1", None])
def test_a_store_whose_version_is_no_version_is_refused(
    hagd: Hagd, tmp_path: Path, schema: object
) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "store.json").write_text(json.dumps({"schema": schema}))
    assert "version of the store can not be told" in hagd("results").refused()


def test_newer_store_is_refused(hagd: Hagd, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "store.json").write_text('{"schema": 9}')
    message = hagd("results", "--json").refused()
    assert "store schema 9, this version reads up to 1" in message


def test_folder_that_is_no_store_is_refused(hagd: Hagd, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    assert "is not a store" in hagd("results", "--store", tmp_path).refused()
