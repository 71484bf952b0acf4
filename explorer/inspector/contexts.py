"""Where a feature fires, as lines of tinted tokens; everything from data is escaped.

A line has room for some words only, so a long prompt is shown around its hottest token.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

ROOM = 27
"""Letters of a prompt that fit on a line of the panel, tokens set apart."""


class Context(NamedTuple):
    """One prompt on which a feature fires."""

    group: str
    """Quantile, as "top" or "50–90 %"; empty where it is that of the line above."""
    tokens: Sequence[tuple[str, float]]
    """Each token with its activation over the maximum, 0 to 1."""
    value: str
    here: bool = False
    """Whether it is the prompt on the screen."""


Tinted = Sequence[tuple[str, float]]


def window(tokens: Tinted, room: int = ROOM) -> Tinted:
    """The stretch of a prompt around its hottest token that fits; an ellipsis where more is."""
    if _letters(tokens) <= room or not tokens:
        return tokens
    hot = max(range(len(tokens)), key=lambda i: (tokens[i][1], i))
    first, last = hot, hot
    while True:
        before = first - 1 if first and hot - first <= last - hot + 1 else None
        after = last + 1 if last + 1 < len(tokens) else None
        step = before if before is not None else after
        if step is None:
            step = first - 1 if first else None
        if step is None or _letters(tokens[min(step, first) : max(step, last) + 1]) > room - 4:
            break
        first, last = min(step, first), max(step, last)
    dots = [("…", 0.0)]
    return [
        *(dots if first else []),
        *tokens[first : last + 1],
        *(dots if last + 1 < len(tokens) else []),
    ]


def _letters(tokens: Tinted) -> int:
    return sum(len(token) + 1 for token, _ in tokens)


def contexts_html(contexts: Sequence[Context]) -> str:
    """Prompts with tokens tinted by activation, by quantile."""
    return "".join(_context_html(context) for context in contexts)


def _context_html(context: Context) -> str:
    tokens = "".join(
        f'<span class="hx-tok{" hx-hot" if tint > 0.55 else " hx-faint" if tint <= 0 else ""}" '
        f'style="--tint: {min(1.0, max(0.0, tint)):.2f}">{escape(token)}</span>'
        for token, tint in window(context.tokens)
    )
    here = '<span class="hx-small hx-dim">◂ this prompt</span>' if context.here else ""
    return (
        f'<div class="hx-context"><span class="hx-group">{escape(context.group)}</span>'
        f'<span class="hx-toks">{tokens}</span>{here}<span class="hx-right hx-dim">'
        f"{escape(context.value)}</span></div>"
    )
