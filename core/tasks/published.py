"""Lines of WinoGrande and HellaSwag, in the formats they are published in, as prompt pairs.

Both ask for a choice, not for a next word; a prompt pair needs an answer of one token and a
counterfactual prompt of the same length whose answer is another. So:

* **WinoGrande** (Sakaguchi et al. 2020, arXiv 1907.10641): `{"sentence", "option1", "option2",
  "answer": "1" or "2"}`, the sentence with a blank `_`. The prompt is the sentence and `The blank
  is`, the answer the right option, `wrong` the other one. In the corrupt prompt the options have
  changed places wherever they stand, which makes the other one right.
* **HellaSwag** (Zellers et al. 2019, arXiv 1905.07830): `{"ctx", "endings": four texts, "label": 0
  to 3}`. The prompt shows the context, the four endings marked A to D, and asks for the best one's
  letter. In the corrupt prompt the right ending has changed places with the next one.

Options that are no single token, and lines without a label (the published test files), are refused
by line like any other prompt that breaks a rule. The data sets' own split names mean nothing here.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from core.tasks.problems import Reason

BLANK = "_"
LETTERS = ("A", "B", "C", "D")
OTHER = (
    "Lines of WinoGrande (sentence with one _, option1, option2, answer 1 or 2) and of HellaSwag "
    "(ctx, four endings, label 0 to 3) are read as well."
)
"""What is read beside our own lines."""


class Converted(NamedTuple):
    """A published line: either our own fields, or what is wrong with it."""

    row: dict[str, Any]
    reasons: list[Reason]


def converter(row: Any) -> Callable[[Mapping[str, Any]], Converted] | None:
    """How to read a line of a published data set; None for any other."""
    if not isinstance(row, dict) or "clean" in row:
        return None
    if "sentence" in row and ("option1" in row or "option2" in row):
        return winogrande
    return hellaswag if "endings" in row else None


def winogrande(row: Mapping[str, Any]) -> Converted:
    """A sentence with a blank and two options."""
    texts = [row.get(key) for key in ("sentence", "option1", "option2")]
    reasons = _not_text(("sentence", "option1", "option2"), texts)
    if str(row.get("answer")) not in ("1", "2"):
        reasons.append(Reason("answer must be 1 or 2, not {}", (repr(row.get("answer")),)))
    if reasons:
        return Converted({}, reasons)
    sentence, *options = (str(text).strip() for text in texts)
    if sentence.count(BLANK) != 1:
        reasons.append(Reason("sentence has {} blanks, not one", (str(sentence.count(BLANK)),)))
    absent = [option for option in options if not _places((option,)).search(sentence)]
    if absent:
        reasons.append(Reason("not in the sentence: {}", tuple(map(repr, absent))))
    if reasons:
        return Converted({}, reasons)
    right = int(row["answer"]) - 1
    asked = "The blank is the" if re.search(rf"\bthe {BLANK}", sentence) else "The blank is"
    swap = dict(zip(options, reversed(options), strict=True))
    swapped = _places(options).sub(lambda found: swap[found.group()], sentence)
    return Converted(
        {
            "clean": f"{sentence} {asked}",
            "corrupt": f"{swapped} {asked}",
            "answer": options[right],
            "wrong": options[1 - right],
            "variables": {"option1": options[0], "option2": options[1], "right": right + 1},
        },
        [],
    )


def hellaswag(row: Mapping[str, Any]) -> Converted:
    """A context and four endings."""
    context, endings = row.get("ctx"), row.get("endings")
    reasons = _not_text(("ctx",), [context])
    if not isinstance(endings, list) or len(endings) != len(LETTERS):
        reasons.append(Reason(f"endings must be a list of {len(LETTERS)} texts"))
    else:
        reasons += _not_text([f"ending {letter}" for letter in LETTERS], endings)
        if len({str(ending).strip() for ending in endings}) < len(LETTERS):
            reasons.append(Reason("two endings are the same"))
    if str(row.get("label")) not in ("0", "1", "2", "3"):
        reasons.append(Reason("label must be 0 to 3, not {}", (repr(row.get("label")),)))
    if reasons or not isinstance(endings, list):
        return Converted({}, reasons)
    right = int(row["label"])
    other = (right + 1) % len(LETTERS)
    swapped = list(endings)
    swapped[right], swapped[other] = endings[other], endings[right]
    about = {key: row[key] for key in ("activity_label", "split_type") if row.get(key)}
    return Converted(
        {
            "clean": _choice(str(context), endings),
            "corrupt": _choice(str(context), swapped),
            "answer": LETTERS[right],
            "wrong": LETTERS[other],
            "variables": {**about, "right": LETTERS[right]},
        },
        [],
    )


def _choice(context: str, endings: list[str]) -> str:
    shown = [f"{letter} {ending.strip()}" for letter, ending in zip(LETTERS, endings, strict=True)]
    return "\n".join([context.strip(), *shown, "The best ending is"])


def _not_text(names: list[str] | tuple[str, ...], values: list[Any]) -> list[Reason]:
    pairs = zip(names, values, strict=True)
    bad = [name for name, value in pairs if not isinstance(value, str) or not value.strip()]
    return [Reason(f"{', '.join(bad)} must be text and not empty")] if bad else []


def _places(options: list[str] | tuple[str, ...]) -> re.Pattern[str]:
    """Where these words stand in a text, the longer one first if one holds the other."""
    longest = sorted(options, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)")
