"""Reads prompt pairs from `task.jsonl` and from EAP-IG's CSV.

A JSONL line is `{"clean": ..., "corrupt": ..., "answer": ..., "wrong": ..., "variables": {...},
"split": ...}`; the last two are optional. Variables are numbers or texts; true and false are read
as the texts `true` and `false`. The first line may hold the task's `title` (`core.names`). A CSV
has the columns `clean, corrupted, correct_idx, incorrect_idx`, where the last two are vocabulary
ids (Hanna et al. 2024, arXiv 2403.17806). Lines of WinoGrande and HellaSwag are turned into pairs
(`published.py`).

Files are data from anywhere: they are bounded in size, and all bad lines are listed at once.
"""

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from core.errors import TaskError
from core.tasks.encode import pair_problems
from core.tasks.problems import Problems, Reason
from core.tasks.published import OTHER, converter
from core.tasks.task import PromptPair, Split

MAX_BYTES = 64 * 2**20
"""Largest task file read, in bytes."""
MAX_PROMPT = 20_000
"""Longest prompt, in characters."""
LARGEST = 2**53
"""Largest variable; whole numbers up to it are told apart as floats too."""
TEXTS = ("clean", "corrupt", "answer", "wrong")
COLUMNS = ("clean", "corrupted", "correct_idx", "incorrect_idx")
REQUIRED = (
    "Each line must hold clean, corrupt, answer and wrong as texts, with corrupt different from "
    "clean and wrong different from answer; variables and split are optional; no clean prompt may "
    f"be in two splits. {OTHER} Correct or remove the lines listed."
)
FITTING = (
    " With a model, clean and corrupt must be of one token length, in words it knows, and answer "
    "and wrong one token each. Take the model that the file was written for, if it is another."
)
"""Said as well where a model's tokenizer was at hand."""


def read_pairs(
    path: Path, tokenizer: PreTrainedTokenizerBase | None = None
) -> tuple[PromptPair, ...]:
    """All pairs of a `.jsonl` or `.csv` file, in file order.

    Args:
        path: The file.
        tokenizer: The model's, where it is known: token lengths and answers are then checked with
            everything else, so that every bad line is listed at once.

    Raises:
        TaskError: If the file cannot be read, holds no prompts, or has bad lines; every bad line
            is listed by number.
    """
    text = _text(path)
    problems = Problems()
    reader = _csv_pairs if path.suffix.lower() == ".csv" else _jsonl_pairs
    pairs = tuple(reader(text, path.name, problems))
    _check_repeats(pairs, problems)
    what, required = path.name, REQUIRED
    if tokenizer is not None:
        _check_fit(pairs, tokenizer, problems)
        of = Path(tokenizer.name_or_path).name
        what += f", with the tokenizer of {of}" if of else ", with this tokenizer"
        required += FITTING
    problems.raise_if_any(what, required, {pair.line or 0 for pair in pairs})
    if not pairs:
        raise TaskError(
            f"{path.name} holds no prompts: got {len(text)} characters. At least one line with a "
            "prompt pair is required. Write one pair a line."
        )
    return pairs


def _text(path: Path) -> str:
    if not path.is_file():
        raise TaskError(
            f"No task file at {path}: got a path that is not a file. Required: a .jsonl or .csv "
            "file, or a bundled task's name. Check the path."
        )
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise TaskError(
            f"{path.name} is too large: got {size / 2**20:.0f} MiB. At most "
            f"{MAX_BYTES // 2**20} MiB are read. Keep fewer prompts."
        )
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskError(
            f"{path.name} is not text: got a byte that is not UTF-8 at offset {error.start}. "
            "Task files are UTF-8. Save it again with that encoding."
        ) from error


def _jsonl_pairs(text: str, _: str, problems: Problems) -> Iterator[PromptPair]:
    # Not splitlines(): it also cuts at characters that may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()  # half a character, "\ud800", raises here
        except (ValueError, RecursionError) as error:
            problems.add("line", number, Reason("not JSON: {}", (str(error),)))
            continue
        convert = converter(row)
        row, reasons = convert(row) if convert else (row, [])
        reasons = reasons or _reasons(row)
        for reason in reasons:
            problems.add("line", number, reason)
        if not reasons:
            texts = {key: row[key] for key in TEXTS}
            split = Split(row["split"]) if row.get("split") else None
            given: dict[str, Any] = row.get("variables") or {}
            variables = {name: _value(value) for name, value in given.items()}
            yield PromptPair(**texts, variables=variables, split=split, line=number)


def _reasons(row: Any) -> list[Reason]:
    """What is wrong with one JSON line; empty if nothing is."""
    if not isinstance(row, dict):
        return [Reason("not an object but {}", (type(row).__name__,))]
    missing = [key for key in TEXTS if key not in row]
    if missing:
        return [Reason(f"missing {', '.join(missing)}")]
    empty = [key for key in TEXTS if not isinstance(row[key], str) or not row[key].strip()]
    if empty:
        return [Reason(f"{', '.join(empty)} must be text and not empty")]
    return [*_pair_reasons(*(row[key] for key in TEXTS)), *_optional_reasons(row)]


def _pair_reasons(clean: str, corrupt: str, answer: str, wrong: str) -> Iterator[Reason]:
    if clean == corrupt:
        yield Reason("corrupt is the same prompt as clean")
    if answer == wrong:
        yield Reason("answer and wrong are both {}", (repr(answer),))
    if max(len(clean), len(corrupt)) > MAX_PROMPT:
        yield Reason(f"prompt longer than {MAX_PROMPT} characters")


def _optional_reasons(row: dict[str, Any]) -> Iterator[Reason]:
    variables: Any = {} if row.get("variables") is None else row["variables"]
    if not isinstance(variables, dict):
        yield Reason("variables must be an object")
    elif bad := [name for name, value in variables.items() if not _is_value(value)]:
        told = tuple(f"{name!r} ({_kind(variables[name])})" for name in bad)
        yield Reason("variables must be numbers, texts, true or false; not so {}", told)
    names = [split.value for split in Split]
    if row.get("split") is not None and row["split"] not in names:
        yield Reason(f"unknown split {{}} (one of {', '.join(names)})", (repr(row["split"]),))


def _is_value(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int | float) and abs(value) <= LARGEST)


def _value(value: Any) -> int | float | str:
    """A variable's value as it is kept: a truth value has no order, so it is a text."""
    return str(value).lower() if isinstance(value, bool) else value


def _kind(value: Any) -> str:
    """What JSON calls a value that is none of a variable."""
    kinds = {dict: "an object", list: "a list", type(None): "null"}
    if type(value) in kinds:
        return kinds[type(value)]
    endless = isinstance(value, float) and not math.isfinite(value)
    return "not finite" if endless else "beyond 2^53"


def _csv_pairs(text: str, name: str, problems: Problems) -> Iterator[PromptPair]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise TaskError(
            f"{name} lacks columns: got {', '.join(rows.fieldnames or ()) or 'none'}. Required: "
            f"{', '.join(COLUMNS)}. Add {', '.join(missing)}."
        )
    try:
        for row in rows:
            yield from _csv_pair(row, rows.line_num, problems)
    except csv.Error as error:
        problems.add("line", rows.line_num, f"not CSV ({error})")


def _csv_pair(row: dict[str, str | None], number: int, problems: Problems) -> Iterator[PromptPair]:
    """One CSV row; the ids stand in for the answers' text, which no tokenizer has given yet."""
    clean, corrupt, answer, wrong = (str(row[column] or "").rstrip("\n") for column in COLUMNS)
    if not clean.strip() or not corrupt.strip():
        problems.add("line", number, "clean and corrupted must not be empty")
        return
    if not (answer.isascii() and answer.isdigit() and wrong.isascii() and wrong.isdigit()):
        problems.add("line", number, "correct_idx and incorrect_idx must be vocabulary ids")
        return
    reasons = list(_pair_reasons(clean, corrupt, f"token {int(answer)}", f"token {int(wrong)}"))
    for reason in reasons:
        problems.add("line", number, reason)
    if not reasons:
        yield PromptPair(
            clean=clean, corrupt=corrupt, answer=f"token {int(answer)}",
            wrong=f"token {int(wrong)}", answer_id=int(answer), wrong_id=int(wrong), line=number,
        )  # fmt: skip


def _check_fit(
    pairs: tuple[PromptPair, ...], tokenizer: PreTrainedTokenizerBase, problems: Problems
) -> None:
    for pair in pairs:
        for reason in pair_problems(pair, tokenizer):
            problems.add("line", pair.line or 0, reason)


def _check_repeats(pairs: tuple[PromptPair, ...], problems: Problems) -> None:
    """One clean prompt may be repeated with other corrupt ones, but says one thing once."""
    first: dict[str, PromptPair] = {}
    for pair in pairs:
        earlier = first.setdefault(pair.clean, pair)
        if pair.split is not earlier.split:
            places = [p.split.value if p.split else "no split" for p in (pair, earlier)]
            said = f"line {earlier.line} but in {places[0]}, not {places[1]}"
            problems.add("line", pair.line, Reason("same clean prompt as {}", (said,)))
        if pair.answer != earlier.answer:
            said = f"line {earlier.line} but the answer is {pair.answer!r}, not {earlier.answer!r}"
            problems.add("line", pair.line, Reason("same clean prompt as {}", (said,)))
