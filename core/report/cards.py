"""Feature cards: what a feature is called, where it fires and what it promotes.

The report draws cards, it does not make them: whoever has the model gives them. The strongest stand
on the page, all of them open beside the network by click.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

ON_PAGE = 12
"""Cards that are written out; the others open by click."""
TINTS = 5
"""Steps of a token's tint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One prompt in which the feature was measured."""

    name: str
    """Where its activation lies among all: "top", "50–90 %"."""
    tokens: tuple[str, ...]
    tint: tuple[float, ...]
    """Activation on each token, 0 to 1 of the largest."""
    value: float
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One feature as the report shows it."""

    node: str
    """Its id, `layer:position:feature`."""
    label: str
    role: str
    """Name of its position."""
    rate: float
    """Share of prompts in which it fires."""
    contexts: tuple[Context, ...]
    promoted: tuple[tuple[str, float], ...]
    """Output tokens with the direct effect on their logit, strongest first."""
    suppressed: tuple[tuple[str, float], ...]


def cards_data(cards: Sequence[Card]) -> Mapping[str, Any]:
    """Cards by node, for the page's script."""
    return {card.node: asdict(card) for card in cards}


def cards_html(cards: Sequence[Card]) -> str:
    """The strongest, written out."""
    if not cards:
        return ""
    shown = "".join(map(_card, cards[:ON_PAGE]))
    more = len(cards) - ON_PAGE
    rest = f" {more} more open beside the network by click." if more > 0 else ""
    return (
        f'<section id="features"><h2>Strongest features <span>{len(cards[:ON_PAGE])} shown.{rest}'
        f'</span></h2><div class="cards">{shown}</div></section>'
    )


def _card(card: Card) -> str:
    contexts = "".join(map(_context, card.contexts))
    return (
        f'<article class="card"><h3>{escape(card.label or card.node)}</h3>'
        f'<p class="note"><code>{escape(card.node)}</code> at {escape(card.role)} · fires in '
        f"{card.rate:.0%} of prompts</p>"
        f'<div class="contexts">{contexts}</div>'
        f'<div class="sides">{_side("promotes", card.promoted)}'
        f"{_side('suppresses', card.suppressed)}</div></article>"
    )


def _context(context: Context) -> str:
    tokens = " ".join(
        f'<span class="t{round(TINTS * min(max(tint, 0.0), 1.0))}">{escape(token)}</span>'
        for token, tint in zip(context.tokens, context.tint, strict=True)
    )
    return (
        f"<div><em>{escape(context.name)}</em><code>{tokens} → {escape(context.answer)}</code>"
        f"<b>{context.value:.2f}</b></div>"
    )


def _side(name: str, tokens: Sequence[tuple[str, float]]) -> str:
    if not tokens:
        return ""
    rows = " · ".join(f"<code>{escape(text)}</code> {effect:+.2f}" for text, effect in tokens[:4])
    return f"<p><em>{name}</em> {rows.replace('-', chr(0x2212))}</p>"
