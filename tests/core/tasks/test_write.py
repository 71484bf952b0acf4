"""Lines of task.jsonl as they are written: letters as they are, and read back as they were."""

from pathlib import Path

from core.tasks import PromptPair, Split, read_pairs
from core.tasks.write import jsonl

PAIRS = (
    PromptPair(clean="<bos> é 1", corrupt="<bos> é 2", answer="a", wrong="b", split=Split.TEST),
    PromptPair(
        clean="<bos> 3", corrupt="<bos> 4", answer="c", wrong="d", variables={"n": 3, "as": "x"}
    ),
)


def test_lines_by_hand() -> None:
    assert jsonl(PAIRS) == (
        '{"clean": "<bos> é 1", "corrupt": "<bos> é 2", "answer": "a", "wrong": "b", '
        '"variables": {}, "split": "test"}\n'
        '{"clean": "<bos> 3", "corrupt": "<bos> 4", "answer": "c", "wrong": "d", '
        '"variables": {"n": 3, "as": "x"}, "split": null}\n'
    )
    assert jsonl(()) == ""


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "task.jsonl"
    file.write_text(jsonl(PAIRS), encoding="utf-8")
    assert read_pairs(file) == PAIRS
