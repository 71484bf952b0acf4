"""Task files: everything wrong is told at once, by line."""

import json
from pathlib import Path

import pytest

from core.errors import TaskError
from core.tasks import Split, load_task, read_pairs
from core.tasks.problems import Problems, Reason
from core.zoo.vocabulary import word_tokenizer

GOOD = {"clean": "<bos> 1 + 2 =", "corrupt": "<bos> 1 + 3 =", "answer": "3", "wrong": "4"}


def write(folder: Path, lines: list[object], name: str = "task.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines))
    return path


def numbered(count: int, **extra: object) -> list[object]:
    return [GOOD | {"clean": f"<bos> {i} + 2 =", "corrupt": f"<bos> {i} + 3 ="} | extra
            for i in range(count)]  # fmt: skip


def test_reads_pairs_with_variables_and_split(tmp_path: Path) -> None:
    given = {"a": 1, "order": "ABBA", "x": 0.5, "new": True, "last": False}
    row = GOOD | {"variables": given, "split": "test"}
    (pair,) = read_pairs(write(tmp_path, [row]))
    assert (pair.clean, pair.answer, pair.split, pair.line) == (GOOD["clean"], "3", Split.TEST, 1)
    told = {"a": 1, "order": "ABBA", "x": 0.5, "new": "true", "last": "false"}
    assert pair.variables == told
    assert not any(isinstance(value, bool) for value in pair.variables.values())


def test_lists_every_bad_line_by_number_at_once(tmp_path: Path) -> None:
    bad = [
        GOOD,
        "{not json",
        {"clean": "x"},
        GOOD | {"wrong": "3"},
        [1],
        GOOD | {"corrupt": GOOD["clean"]},
        GOOD | {"answer": 3},
        GOOD | {"variables": {"a": [1]}},
        GOOD | {"split": "train"},
        GOOD | {"answer": "9"},
        "",
        GOOD | {"variables": {"a": float("nan")}},
    ]
    with pytest.raises(TaskError) as caught:
        read_pairs(write(tmp_path, bad))
    lines = [line.strip() for line in str(caught.value).splitlines()[1:-1]]
    assert [line.split(":")[0] for line in lines] == [
        f"line {n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
    ]
    for number, part in enumerate(
        ("not JSON", "missing corrupt, answer, wrong", "answer and wrong are both '3'",
         "not an object but list", "corrupt is the same", "answer must be text",
         "texts, true or false; not so 'a' (a list)", "unknown split 'train'",
         "as line 1 but the answer")
    ):  # fmt: skip
        assert part in lines[number]


def test_a_number_that_no_figure_can_be_made_of_is_refused(tmp_path: Path) -> None:
    rows = [GOOD | {"variables": {"a": a}} for a in (10**400, 1e300, 2**53, -(2**53) - 1)]
    with pytest.raises(TaskError) as caught:
        read_pairs(write(tmp_path, rows))
    said = str(caught.value)
    assert said.count("not so 'a' (beyond 2^53)") == 3
    assert "line 3" not in said


def test_refuses_a_clean_prompt_in_two_splits(tmp_path: Path) -> None:
    rows = [GOOD | {"split": "test"}, GOOD | {"split": "features"}]
    with pytest.raises(TaskError, match="line 2: same clean prompt as line 1 but in features"):
        read_pairs(write(tmp_path, rows))


def test_many_bad_lines_are_grouped_and_each_is_named_once(tmp_path: Path) -> None:
    """By hand: 9 lines without an answer, line 12 with two other faults, 20 without a pair."""
    rows: list[object] = numbered(20)
    for place in (*range(9), 11):
        rows[place] = {"clean": f"x {place}"}
    rows[11] = GOOD | {"clean": "<bos> 11 + 2 =", "wrong": "3", "split": "train"}
    rows[19] = GOOD | {"clean": "<bos> 12 + 2 =", "answer": "9"}
    with pytest.raises(TaskError) as caught:
        read_pairs(write(tmp_path, rows))
    assert str(caught.value).splitlines()[:-1] == [
        "task.jsonl: 11 of 20 lines cannot be used.",
        "  missing corrupt, answer, wrong: lines 1–9",
        "  answer and wrong are both '3': line 12",
        "  unknown split 'train' (one of features, attribution, labels, selection, test, ood): "
        "line 12",
        "  same clean prompt as line 13 but the answer is '9', not '3': line 20",
    ]


def test_a_task_of_another_model_is_told_in_a_few_lines(tmp_path: Path) -> None:
    words = word_tokenizer("1 2 3 4 + =".split())  # noqa: SIM905
    rows = [GOOD, *numbered(300, answer="n3", wrong="n4")]
    with pytest.raises(TaskError) as caught:
        read_pairs(write(tmp_path, rows), words)
    said = str(caught.value)
    assert "task.jsonl, with this tokenizer: 300 of 301 lines cannot be used." in said
    assert said.splitlines()[1:-1] == [
        "  the tokenizer lacks 'n3', 'n4', '0', '5', '6', … (298 different): lines 2–301",
        "  same clean prompt as line 1 but the answer is 'n3', not '3': line 3",
    ]
    assert "Take the model that the file was written for" in said


def test_of_many_places_the_first_are_told_and_how_many_more() -> None:
    problems = Problems()
    for number in (*range(3, 100, 3), 100, 101):
        problems.add("line", number, "bad")
    with pytest.raises(TaskError) as caught:
        problems.raise_if_any("x", "y", range(1, 2001))
    assert str(caught.value).splitlines() == [
        "x: 35 of 2,000 lines cannot be used.",
        "  bad: lines 3, 6, 9, 12, 15, 18 and 29 more",
        "y",
    ]


def test_a_rule_that_every_line_breaks_names_no_line() -> None:
    problems = Problems()
    for number in range(1, 1201):
        problems.add("line", number, Reason("clean holds {}", ("'+'", f"'{number}'"), "lacks {}"))
        problems.add("line", number, Reason("answer {}", ("'+'",), "lacks {}"))
    with pytest.raises(TaskError) as caught:
        problems.raise_if_any("x", "y")
    assert str(caught.value).splitlines()[1:-1] == [
        "  lacks '+', '1', '2', '3', '4', … (1201 different): all 1,200 lines"
    ]


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    line = json.dumps(GOOD).replace("<bos>", r"\ud800")
    with pytest.raises(TaskError, match="line 1: not JSON: .*surrogates not allowed"):
        read_pairs(write(tmp_path, [line]))


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    long = GOOD | {"answer": "y" * 5000, "wrong": "y" * 5000}
    with pytest.raises(TaskError, match="are both 'y{119}…") as caught:
        read_pairs(write(tmp_path, [long]))
    assert len(str(caught.value)) < 600


def test_refuses_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_bytes(b'{"clean": "\xff"}')
    with pytest.raises(TaskError, match="not UTF-8 at offset 11"):
        read_pairs(path)


def test_refuses_missing_empty_and_unknown_files(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="No task file"):
        load_task(tmp_path / "none.jsonl")
    with pytest.raises(TaskError, match="holds no prompts"):
        load_task(write(tmp_path, []))
    with pytest.raises(TaskError, match="Unknown task: got 'subtraction'"):
        load_task("subtraction")


def test_refuses_a_file_beyond_the_size_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.tasks.read.MAX_BYTES", 10)
    with pytest.raises(TaskError, match="too large"):
        read_pairs(write(tmp_path, [GOOD]))


def test_deals_a_users_prompts_into_disjoint_splits(tmp_path: Path) -> None:
    rows = [*numbered(20), *numbered(20), *({**GOOD, "clean": f"far {i}", "split": "ood"}
            for i in range(3))]  # fmt: skip
    task = load_task(write(tmp_path, rows))
    texts = {split: {pair.clean for pair in task.of(split)} for split in Split}
    assert [len(texts[split]) for split in Split] == [6, 2, 4, 3, 5, 3]
    assert sum(len(task.of(split)) for split in Split) == 43
    assert len(set().union(*texts.values())) == 23
    assert task.splits == load_task(tmp_path / "task.jsonl").splits
    assert task.splits != load_task(tmp_path / "task.jsonl", seed=1).splits


def test_each_variable_that_is_refused_is_named(tmp_path: Path) -> None:
    """Twelve lines, grouped: the names once, not a line of rules for all of them."""
    rows = numbered(12, variables={"a": 1, "flag": True, "tags": ["x"], "note": None})
    with pytest.raises(TaskError) as caught:
        read_pairs(write(tmp_path, rows))
    assert str(caught.value).splitlines()[1] == (
        "  variables must be numbers, texts, true or false; not so 'tags' (a list), 'note' (null): "
        "all 12 lines"
    )


def test_says_how_many_prompts_are_required(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="at least 10 distinct clean prompts"):
        load_task(write(tmp_path, numbered(3)))
    assert all(load_task(write(tmp_path, numbered(10))).of(s) for s in list(Split)[:5])


def test_key_depends_on_prompts_only(tmp_path: Path) -> None:
    first = load_task(write(tmp_path, numbered(12), "one.jsonl"))
    assert first.key == load_task(write(tmp_path, ["", *numbered(12)], "two.jsonl")).key
    assert first.key != load_task(write(tmp_path, numbered(13), "three.jsonl")).key


def test_reads_eap_ig_csv_and_lists_its_bad_rows(tmp_path: Path) -> None:
    head = "clean,corrupted,correct_idx,incorrect_idx"
    (pair,) = read_pairs(write(tmp_path, [head, '"a b, c",a d,7,8'], "t.csv"))
    assert (pair.clean, pair.corrupt, pair.answer_id, pair.wrong_id) == ("a b, c", "a d", 7, 8)
    with pytest.raises(TaskError, match="(?s)line 2: answer and wrong.*line 3: correct_idx"):
        read_pairs(write(tmp_path, [head, "a,b,7,07", "a,b,x,8"], "t.csv"))
    with pytest.raises(TaskError, match="Add incorrect_idx"):
        read_pairs(write(tmp_path, ["clean,corrupted,correct_idx", "a,b,1"], "t.csv"))
