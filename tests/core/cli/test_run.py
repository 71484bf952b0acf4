"""`hagd run` and `hagd validate` on a folder and a task that the repository has never seen."""

import json
import random
from pathlib import Path

import pytest

from core.bundle import FILES, open_bundle
from core.bundle.files import PROVENANCE
from core.cli.findings import error_lines, report_text, score_rows
from core.cli.output import emit
from tests.core.cli.conftest import Hagd
from tests.tiny import WORDS, tiny_hf, tiny_tokenizer


def line(chance: random.Random) -> str:
    clean, corrupt = (" ".join(["<bos>", *chance.choices(WORDS[3:], k=3)]) for _ in range(2))
    answer, wrong = chance.sample(WORDS[3:], 2)
    pair = {"clean": clean, "corrupt": corrupt, "answer": answer, "wrong": wrong}
    return json.dumps({**pair, "variables": {"first": clean.split()[1]}})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained GPT-2 and prompts that it can not answer."""
    folder = tmp_path_factory.mktemp("own")
    tiny_hf("gpt2").save_pretrained(folder / "model")
    tiny_tokenizer().save_pretrained(folder / "model")
    chance = random.Random(0)
    (folder / "task.jsonl").write_text("\n".join(line(chance) for _ in range(120)))
    return folder


def words(place: Path) -> tuple[object, ...]:
    model, task = place / "model", place / "task.jsonl"
    return ("--model", model, "--task", task, "--transcoders", "neurons", "--size", 4)


def test_null_run_is_written_rejected_and_validates_again(hagd: Hagd, place: Path) -> None:
    ran = hagd("run", *words(place), "--null", "untrained", "--json")
    assert ran.code == 0, ran.err
    report = ran.json
    assert report["verdict"] in {"rejected", "does_not_hold"}
    assert (report["n_nodes"], report["transcoders"]) == (4, "neurons")
    # without --out it is in the store, where the library lists it
    folder = Path(report["out"])
    assert report["name"] == folder.name == f"{place.name}-model-neurons-untrained-size4"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert open_bundle(folder).provenance["command"].startswith("hagd")
    assert report["name"] in {row["name"] for row in hagd("results", "--json").json}
    stages = [text.split()[0] for text in ran.err.splitlines()]
    assert {"prepare", "graphs", "search", "validate", "write"} <= set(stages)
    again = hagd("validate", report["name"], "--json")
    assert again.code == 0, again.err
    assert again.json["faithfulness"] == pytest.approx(report["faithfulness"])
    assert again.json["stored"]["verdict"] == report["verdict"]
    assert "before the test" in again.json["stored"]["predictions"]


def test_each_control_is_named_and_is_the_one_the_list_shows(capsys) -> None:
    random = {"n": 100, "faithfulness_mean": 0.31, "faithfulness_max": 0.52, "p_value": 1 / 101}
    report = {"faithfulness": 0.98, "phi": 0.99, "phi_empty": 0.02, "necessity": 0.9}
    report |= {"random": random | {"necessity_max": 0.81}, "verdict": "holds", "out": "x"}
    emit(report, False, lambda: report_text(report))
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows[2:6] == [
        "faithfulness F 0.98 0.52 best of 100 matched random circuits",
        "φ = Acc(C)/Acc(M) 0.99 0.02 φ(∅): nothing kept",
        "necessity 0.9 0.81 best of 100 matched random circuits",
        "p against random circuits 0.0099 –",
    ]
    older = report | {"random": random}  # written before necessity had a control
    assert ("necessity", 0.9, None, "") in score_rows(older, random)


def test_model_that_can_not_do_the_task_is_refused_with_its_accuracy(
    hagd: Hagd, place: Path, tmp_path: Path
) -> None:
    ran = hagd("run", *words(place), "--out", tmp_path / "x")
    assert (ran.code, ran.out) == (2, "")
    assert "the gate is 0.90" in ran.err
    assert not (tmp_path / "x").exists()


def test_other_peoples_files_are_refused_before_any_work(
    hagd: Hagd, place: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("x")
    message = hagd("run", *words(place), "--out", theirs).refused()
    assert "holds other files (thesis.txt)" in message


def test_another_result_is_replaced_only_if_told_to(
    hagd: Hagd, place: Path, tmp_path: Path
) -> None:
    parts = {name: {"ref": name, "key": "another"} for name in ("model", "task", "transcoders")}
    record = parts | {"settings": {"attention": "circuit", "seed": 3}}
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / PROVENANCE).write_text(json.dumps(record))
    message = hagd("run", *words(place), "--out", tmp_path / "x").refused()
    assert "holds another result (task, model, transcoders, attention circuit, seed 3)" in message
    assert json.loads((tmp_path / "x" / PROVENANCE).read_text()) == record
    ran = hagd("run", *words(place), "--out", tmp_path / "x", "--force")
    assert "the gate is 0.90" in ran.err  # it goes on, and is stopped by what it is


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--model", "nosuch"], "No model 'nosuch'"),
        (["--task", "nosuch"], "Unknown task"),
        (["--size", "0"], "size is 0"),
        (["--draws", "3"], "Invalid value for '--draws'"),
        (["--transcoders", "no/where"], "no/where"),
        (["--null", "nonsense"], "Invalid value for '--null'"),
    ],
)
def test_bad_input_is_refused(hagd: Hagd, tmp_path: Path, changed: list[str], message: str) -> None:
    known = {"--model": "gpt2-modadd", "--task": "modular-addition", "--out": tmp_path / "x"}
    known[changed[0]] = changed[1]
    ran = hagd("run", *(word for pair in known.items() for word in pair))
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_validate_refuses_what_is_no_circuit(hagd: Hagd, tmp_path: Path) -> None:
    assert "There is no circuit 'nosuch'" in hagd("validate", "nosuch").refused()
    (tmp_path / "empty").mkdir()
    assert "provenance.json" in hagd("validate", tmp_path / "empty").refused()


def test_each_layers_errors_have_a_line_and_old_results_have_none() -> None:
    kinds = ("mean", "noise", "shuffled", "resampled", "linear", "nonlinear")
    lost = {kind: {"value": place / 1000, "ci": [0, 0]} for place, kind in enumerate(kinds)}
    row = {"layers": [0], "lost": lost, "verdict": "noise"}
    base = {"layers": [row], "together": row | {"verdict": "undecided"}}
    lines = error_lines({"layers": [{"unexplained": 0.0123}], "bases": [base, {}]})
    assert lines[0].startswith("Dark matter, layer 0 (1.2% of the variance): noise. F lost with")
    assert (
        "noise of equal norm 0.001, another prompt's 0.002, the corrupt prompt's 0.003" in lines[0]
    )
    assert lines[1].startswith("Dark matter, all layers: undecided.")
    assert error_lines({}) == error_lines({"layers": [], "bases": []}) == []
