"""What was claimed, in words, and every score beside its control.

1. `claim` says in sentences what the figures of the test split mean, its control beside it, and
   with what reservation.
2. `figures` shows five of them large.
3. `scores` is the table of all: each ablation, each treatment of errors, each split, with F of the
   best random circuits beside F, and φ of nothing kept beside φ.
"""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from core.figures import p_text, spread, two
from core.report.markup import table
from core.verdicts import ERRORS, SPLITS, Verdict, claim_text, reservation, verdict_shown

MARKS = {
    Verdict.HOLDS: "✓",
    Verdict.HOLDS_IN_PART: "◐",
    Verdict.SUFFICIENT_NOT_NECESSARY: "◑",
    Verdict.NECESSARY_NOT_SUFFICIENT: "◒",
    Verdict.NOT_SPECIFIC: "◌",
    Verdict.DOES_NOT_HOLD: "✕",
    Verdict.REJECTED: "⊘",
    Verdict.UNDECIDED: "?",
}
"""Mark of each verdict, beside its word and colour: never a colour alone."""

HEADS = (
    "prompts",
    "ablated by",
    "errors",
    "F",
    "95 %",
    "random, mean",
    "random, best",
    "any random, best",
    "first of the sites",
    "p",
    "φ",
    "φ(∅)",
    "necessity",
    "random's, best",
    "n",
)


def verdict(found: Mapping[str, Any]) -> str:
    """Mark and word."""
    name = str(found.get("verdict", Verdict.UNDECIDED))
    word, tone = verdict_shown(name)
    mark = MARKS[Verdict(name)] if name in set(Verdict) else "?"
    return f'<span class="verdict {tone}"><i>{mark}</i>{escape(word)}</span>'


def claim(found: Mapping[str, Any], size: int) -> str:
    """The result in sentences; below them what it falls short of, and the verdict's reasons."""
    said, short = claim_text(found, size), reservation(found)
    first = f'<p class="lead">{escape(said)}</p>' if said else ""
    return first + (f'<p class="short">{_text(short)}</p>' if short else "") + _reasons(found)


def _reasons(found: Mapping[str, Any]) -> str:
    """Why the verdict is what it is, a line each."""
    reasons = "".join(f"<li>{_text(str(reason))}</li>" for reason in found.get("reasons", ()))
    return f'<ul class="reasons">{reasons}</ul>' if reasons else ""


def _text(words: str) -> str:
    """Safe words; a hyphen before a figure is a minus sign."""
    return escape(re.sub(r"(?<![\w.])-(?=\d)", "\u2212", words))


def figures(found: Mapping[str, Any]) -> str:
    """Five scores, each with its control under it."""
    random = found.get("random") or {}
    full = found.get("phi_full")
    best = two(random.get("faithfulness_max"))
    nothing = two(found.get("phi_empty")) + ("" if full is None else f", everything {two(full)}")
    shown = (
        (
            "F, faithfulness",
            "faithfulness",
            f"random {best} at best",
        ),
        ("φ, accuracy kept", "phi", f"nothing kept {nothing}"),
        ("necessity", "necessity", f"random {two(random.get('necessity_max'))} at best"),
        ("CPR over sizes", "cpr", f"CMD {two(found.get('cmd'))}"),
    )
    cells = [_figure(name, found.get(key), spread(found.get(f"{key}_ci")), note)
             for name, key, note in shown]  # fmt: skip
    p, drawn = escape(p_text(random.get("p_value"))), random.get("n", "–")
    cells.append(
        f"<div><span>p, random</span><b>{p}</b>"
        f"<small>of {drawn} circuits of its shape</small></div>"
    )
    return f'<div class="figures">{"".join(cells)}</div>'


def _figure(name: str, value: object, interval: str, note: str) -> str:
    small = f"<em>{interval}</em>" if interval else ""
    return f"<div><span>{name}</span><b>{two(value)}</b>{small}<small>{escape(note)}</small></div>"


def scores(found: Mapping[str, Any]) -> str:
    """The whole table; the line that the verdict rests on comes first."""
    others = found.get("other_regimes") or ()
    blocks = others.values() if isinstance(others, Mapping) else others
    rows = [_row(block) for block in (found, *blocks) if isinstance(block, Mapping)]
    return f'<div class="wide">{table(HEADS, rows, numbers_from=3)}</div>'


def _row(block: Mapping[str, Any]) -> tuple[str, ...]:
    random, free = block.get("random") or {}, block.get("random_free") or {}
    first = (block.get("plain") or {}).get("first") or {}
    split, errors = str(block.get("split", "–")), str(block.get("error_regime", "–"))
    return (
        escape(SPLITS.get(split, split)),
        escape(str(block.get("ablation", "–"))),
        escape(ERRORS.get(errors, errors)),
        f"<b>{two(block.get('faithfulness'))}</b>",
        spread(block.get("faithfulness_ci")),
        two(random.get("faithfulness_mean")),
        two(random.get("faithfulness_max")),
        two(free.get("faithfulness_max")),
        two(first.get("faithfulness")),
        escape(p_text(random.get("p_value"))),
        two(block.get("phi")),
        two(block.get("phi_empty")),
        two(block.get("necessity")),
        two(random.get("necessity_max")),
        escape(str(block.get("n_prompts", "–"))),
    )
