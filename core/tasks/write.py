"""Pairs as lines of task.jsonl: the one form of bundled tasks and of null tasks."""

import json
from collections.abc import Iterable

from core.tasks.task import PromptPair


def jsonl(pairs: Iterable[PromptPair]) -> str:
    """The pairs as task.jsonl text."""
    return "".join(f"{_line(pair)}\n" for pair in pairs)


def _line(pair: PromptPair) -> str:
    row = {
        "clean": pair.clean,
        "corrupt": pair.corrupt,
        "answer": pair.answer,
        "wrong": pair.wrong,
        "variables": dict(pair.variables),
        "split": pair.split,
    }
    return json.dumps(row, ensure_ascii=False)
