"""Pieces of the panels against circularity: safe cells, tables, sentences of a section."""

from collections.abc import Mapping
from html import escape
from typing import Any

from core.figures import figure, probability, real

Found = Mapping[str, Any]


def at_least(value: object) -> str:
    """A p-value with four decimals; what rounds to nothing says so."""
    p = real(value)
    return "&lt; 0.0001" if p is not None and p < 0.0001 else probability(p)


def shown(value: object) -> str:
    """Two decimals with a true minus; a dash for nothing."""
    return figure(real(value)).replace("-", "−")


def said_of(section: Found) -> str:
    """What a section says in words; where it failed, that and why."""
    if section.get("failed"):
        why = escape(str(section["failed"]))
        return f'<p class="hv-lacking">This could not be measured: {why}</p>'
    sentence = section.get("sentence") or section.get("skipped")
    return f'<p class="hv-said">{escape(str(sentence))}</p>' if sentence else ""


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of safe cells; the first column is text."""
    if not rows:
        return ""

    def line(tag: str, cells: tuple[str, ...]) -> str:
        shown = [f'<{tag} class="{"n" if i else ""}">{c}</{tag}>' for i, c in enumerate(cells)]
        return f"<tr>{''.join(shown)}</tr>"

    body = "".join(line("td", row) for row in rows)
    return f'<table class="hx-table hv-small">{line("th", heads)}{body}</table>'


def mapping(value: object) -> Found:
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> list[tuple[str, Found]]:
    return [(str(k), v) for k, v in mapping(value).items() if isinstance(v, Mapping)]


def count_of(block: Found) -> int | None:
    """On how many prompts a block's figures stand, where it says."""
    many = block.get("n_prompts")
    return many if isinstance(many, int) else None


def elsewhere(block: Found, many: int | None) -> str:
    """ "on 128 prompts" where that is another number than `many`: the two are not to be taken for
    figures of the same prompts."""
    own = count_of(block)
    return f"on {own:,} prompts" if own is not None and own != many else ""
