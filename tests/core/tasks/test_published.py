"""WinoGrande and HellaSwag files in their own formats become task files; bad lines are refused."""

import json
from pathlib import Path

import pytest

from core.errors import TaskError
from core.tasks import Split, encode_pairs, load_task, read_pairs
from core.zoo.vocabulary import word_tokenizer

NAMES = ("Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jon", "Kim", "Lou")
TROPHY = {
    "qID": "3FCO4VKOZ4BJQ6CFC0VAIBK4KTWE7U-2",
    "sentence": "The trophy does not fit into the suitcase because the _ is too large.",
    "option1": "trophy",
    "option2": "suitcase",
    "answer": "1",
}
ROOF = {
    "ind": 24,
    "activity_label": "Roof shingle removal",
    "ctx_a": "A man is sitting on a roof.",
    "ctx_b": "he",
    "ctx": "A man is sitting on a roof. he",
    "split": "val",
    "split_type": "indomain",
    "label": 3,
    "endings": ["sings.", "rips a tile.", "holds a cube.", "starts pulling up roofing."],
    "source_id": "activitynet~v_-JhWjGDPHMY",
}


def write(folder: Path, rows: list[dict[str, object]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def people(count: int) -> list[dict[str, object]]:
    """WinoGrande lines about different people."""
    return [
        {
            "qID": f"{a}-{i}",
            "sentence": f"{a} ate the menu of {b} because _ despised eating stew",
            "option1": a,
            "option2": b,
            "answer": str(1 + i % 2),
        }
        for i, (a, b) in enumerate(zip(NAMES[:count], (*NAMES[1:count], NAMES[0]), strict=True))
    ]


def test_a_winogrande_line_asks_for_the_option_and_swaps_the_two(tmp_path: Path) -> None:
    (pair,) = read_pairs(write(tmp_path, [TROPHY]))
    assert pair.clean == f"{TROPHY['sentence']} The blank is the"
    assert pair.corrupt.startswith("The suitcase does not fit into the trophy because the _ is")
    assert (pair.answer, pair.wrong) == ("trophy", "suitcase")
    assert pair.variables == {"option1": "trophy", "option2": "suitcase", "right": 1}
    (other,) = read_pairs(write(tmp_path, [TROPHY | {"answer": 2}]))
    assert (other.answer, other.wrong) == ("suitcase", "trophy")


def test_an_option_is_swapped_as_a_word_and_where_it_holds_the_other(tmp_path: Path) -> None:
    row = TROPHY | {
        "sentence": "The jar, not the jargon or the cookie jar, fell because the _ was old.",
        "option1": "jar",
        "option2": "cookie jar",
    }
    (pair,) = read_pairs(write(tmp_path, [row]))
    assert pair.corrupt.startswith("The cookie jar, not the jargon or the jar, fell")


def test_a_hellaswag_line_asks_for_the_letter_and_moves_the_right_ending(tmp_path: Path) -> None:
    (pair,) = read_pairs(write(tmp_path, [ROOF]))
    assert pair.clean.split("\n") == [
        "A man is sitting on a roof. he", "A sings.", "B rips a tile.", "C holds a cube.",
        "D starts pulling up roofing.", "The best ending is",
    ]  # fmt: skip
    assert pair.corrupt.split("\n")[1] == "A starts pulling up roofing."
    assert pair.corrupt.split("\n")[4] == "D sings."
    assert (pair.answer, pair.wrong, pair.split) == ("D", "A", None)
    assert pair.variables["activity_label"] == "Roof shingle removal"
    words = [word for text in (pair.clean, pair.corrupt) for word in text.split()]
    (batch,) = encode_pairs([pair], word_tokenizer(words))
    assert batch.clean.shape == batch.corrupt.shape


def test_a_file_of_published_lines_is_a_task(tmp_path: Path) -> None:
    task = load_task(write(tmp_path, people(12)))
    assert len(task.pairs) == 12
    assert task.of(Split.TEST)
    words = [word for pair in task.pairs for word in pair.clean.split()]
    (batch,) = encode_pairs(task.pairs, word_tokenizer(words))
    assert (batch.answer != batch.wrong).all()


def test_every_bad_line_is_refused_by_number(tmp_path: Path) -> None:
    rows = [
        TROPHY,
        TROPHY | {"answer": ""},
        TROPHY | {"sentence": "No blank, trophy, suitcase."},
        TROPHY | {"option2": "elephant"},
        TROPHY | {"option1": None},
        {"sentence": "Here _ is.", "option1": "x"},
        ROOF | {"label": ""},
        ROOF | {"endings": ["one", "two"]},
        ROOF | {"endings": ["one", "two", " one ", ""]},
        {"endings": ["a", "b", "c", "d"], "label": 0},
    ]
    with pytest.raises(TaskError) as caught:
        read_pairs(write(tmp_path, rows))
    told = [line.strip() for line in str(caught.value).splitlines()[1:-1]]
    assert told == [
        "line 2: answer must be 1 or 2, not ''",
        "line 3: sentence has 0 blanks, not one",
        "line 4: not in the sentence: 'elephant'",
        "line 5: option1 must be text and not empty",
        "line 6: option2 must be text and not empty; answer must be 1 or 2, not None",
        "line 7: label must be 0 to 3, not ''",
        "line 8: endings must be a list of 4 texts",
        "line 9: ending D must be text and not empty; two endings are the same",
        "line 10: ctx must be text and not empty",
    ]
    assert "Lines of WinoGrande" in str(caught.value)


def test_options_of_several_tokens_are_refused_by_number(tmp_path: Path) -> None:
    row = TROPHY | {"sentence": "The brown jar met the jar as the _ fell.", "option1": "brown jar",
                    "option2": "jar"}  # fmt: skip
    words = ["The", "brown", "jar", "met", "the", "as", "_", "fell.", "blank", "is"]
    with pytest.raises(TaskError, match="line 1: answer is not one token: 'brown jar'"):
        read_pairs(write(tmp_path, [row]), word_tokenizer(words))
