"""The figures a verdict is read from, as a table: a condition a row, an ablation a column.

Thresholds are the engine's (`core.validation.verdict`); what is not met carries a mark. Sentences
of the engine that give the same figures are left out beside it (`other_reasons`).
"""

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, NamedTuple

from core.choices import JUDGED
from core.figures import figure, p_text
from core.verdicts import block_of, unmet_under
from explorer.look.theme import mark_html

Block = Mapping[str, Any]
_SAME = re.compile(r"Under \w+ ablation [\d,]+ nodes alone keep ")
"""How the engine's sentence on one ablation begins."""


class Row(NamedTuple):
    """A figure and what is asked of it."""

    label: str
    asked: str
    value: Callable[[Block], Any]
    condition: str = ""
    """Its name in `failed`; empty for a figure that nothing is asked of."""


def evidence_html(found: Block) -> str:
    """The table; empty where the validation has no figures."""
    blocks = {name: b for name in JUDGED if (b := block_of(found, name))}
    if not blocks or not any(b.get("random") for b in blocks.values()):
        return ""
    head = "".join(f'<th class="n">{name}</th>' for name in blocks)
    rows = "".join(_row_html(row, found, blocks) for row in _rows())
    return (
        '<table class="hx-table hx-evidence"><tr><th>on unseen prompts</th>'
        f'<th class="n">asked</th>{head}</tr>{rows}</table>'
    )


def other_reasons(found: Block) -> list[str]:
    """Sentences of the verdict that the table does not give."""
    reasons = [str(reason) for reason in found.get("reasons") or ()]
    told = bool(evidence_html(found))
    return [reason for reason in reasons if not (told and _SAME.match(reason))]


def _rows() -> tuple[Row, ...]:
    from core.validation import verdict as rules

    least, most = f"≥ {rules.SUFFICIENT:.2f}", f"&lt; {rules.SUFFICIENT:.2f}"
    return (
        Row("F, kept alone", least, lambda b: b.get("faithfulness"), "faithfulness"),
        Row("φ, kept alone", least, lambda b: b.get("phi"), "phi"),
        Row("φ(∅), nothing kept", f"≤ {rules.FLOOR:g} φ", _empty, "floor"),
        Row("F, best random", most, lambda b: _random(b, "faithfulness_max"), "random"),
        Row("p, random", f"&lt; {rules.SIGNIFICANT:g}", _p, "random"),
        Row("margin left without it", f"≤ {1 - rules.NECESSARY:.2f}", _left, "necessity"),
        Row("… without its features", "", _left_features),
        Row("… without a random one", "more", _left_random, "necessity"),
        Row("F, first of dictionary", "", lambda b: _plain(b, "first")),
        Row("F, most active", "", lambda b: _plain(b, "most_active")),
    )


def _row_html(row: Row, found: Block, blocks: Mapping[str, Block]) -> str:
    values = {name: row.value(block) for name, block in blocks.items()}
    if all(value is None for value in values.values()):
        return ""
    cells = "".join(_cell(row, value, found, name) for name, value in values.items())
    return f'<tr><td>{escape(row.label)}</td><td class="n hx-faint">{row.asked}</td>{cells}</tr>'


def _cell(row: Row, value: Any, found: Block, ablation: str) -> str:
    text = value if isinstance(value, str) else figure(value).replace("-", "\N{MINUS SIGN}")
    if row.condition not in unmet_under(found, ablation) or not _missed(
        row, value, found, ablation
    ):
        return f'<td class="n">{text}</td>'
    return f'<td class="n hx-unmet" title="not met">{mark_html("warn", 12)}<b>{text}</b></td>'


def _missed(row: Row, value: Any, found: Block, ablation: str) -> bool:
    """Which of the two figures of a condition is the one that misses it."""
    from core.validation import verdict as rules

    block = block_of(found, ablation)
    if row.condition == "random":
        if isinstance(value, str):
            return not (block.get("random") or {}).get("p_value", 1.0) < rules.SIGNIFICANT
        return value is None or value >= rules.SUFFICIENT
    if row.condition == "necessity":
        left = _left(block)
        enough = left is not None and left <= 1 - rules.NECESSARY
        return enough == (row.value is _left_random)
    return True


def _empty(block: Block) -> Any:
    return block.get("phi_empty")


def _random(block: Block, name: str) -> Any:
    return (block.get("random") or {}).get(name)


def _p(block: Block) -> str | None:
    random = block.get("random") or {}
    return escape(p_text(random["p_value"])) if "p_value" in random else None


def _left(block: Block) -> float | None:
    """Of the margin without the circuit."""
    lost = block.get("necessity")
    return None if not isinstance(lost, int | float) else 1 - lost


def _left_features(block: Block) -> float | None:
    """Without its features alone, which random circuits are held against where heads are nodes."""
    lost = block.get("necessity_features")
    return None if not isinstance(lost, int | float) else 1 - lost


def _left_random(block: Block) -> float | None:
    most = _random(block, "necessity_max")
    return None if not isinstance(most, int | float) else 1 - most


def _plain(block: Block, name: str) -> Any:
    return ((block.get("plain") or {}).get(name) or {}).get("faithfulness")
