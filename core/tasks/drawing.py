"""Draws the prompt pairs of a generated task, split by split, so that no two splits share a text.

A generator says how to draw one pair for a split; here pairs are drawn until each split is full.
A pair is thrown back if its clean or its corrupt text was drawn before: no corrupt prompt is then
a clean prompt elsewhere, and nothing is judged on a prompt that was seen in finding it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from core.errors import SettingsError
from core.tasks.task import PromptPair, Split

MOST_TRIES = 1000
"""Pairs thrown back in a row before a split is taken to have no more of them."""


def draw_pairs(
    draw: Callable[[Split], PromptPair], sizes: Mapping[Split, int]
) -> tuple[PromptPair, ...]:
    """Pairs of every split, in the order of `Split`, marked with their split.

    Args:
        draw: Draws one pair for a split, as often as it is asked.
        sizes: Pairs wanted of each split; none of a split that is not named.

    Raises:
        SettingsError: If a split wants more pairs than there seem to be.
    """
    seen: set[str] = set()
    pairs: list[PromptPair] = []
    for split in Split:
        for _ in range(sizes.get(split, 0)):
            pair = _fresh(draw, split, seen)
            seen |= {pair.clean, pair.corrupt}
            pairs.append(replace(pair, split=split))
    return tuple(pairs)


def _fresh(draw: Callable[[Split], PromptPair], split: Split, seen: set[str]) -> PromptPair:
    for _ in range(MOST_TRIES):
        pair = draw(split)
        if seen.isdisjoint((pair.clean, pair.corrupt)):
            return pair
    raise SettingsError(
        f"Too few prompts for the {split} split: got {MOST_TRIES} draws in a row that were drawn "
        "before. Required: more different prompts than the splits ask for. Lower the sizes."
    )
