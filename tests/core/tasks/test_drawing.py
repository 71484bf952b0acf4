"""Drawing: split sizes are met, no text twice, and an exhausted source is refused."""

import itertools

import pytest

from core.errors import SettingsError
from core.tasks import PromptPair, Split
from core.tasks.drawing import draw_pairs


def _pair(clean: str, corrupt: str) -> PromptPair:
    return PromptPair(clean=clean, corrupt=corrupt, answer="x", wrong="y")


def test_a_pair_with_a_text_drawn_before_is_thrown_back() -> None:
    source = iter([_pair("a", "b"), _pair("c", "a"), _pair("b", "d"), _pair("e", "f")])
    pairs = draw_pairs(lambda _: next(source), {Split.TEST: 1, Split.FEATURES: 1})
    assert [(p.clean, p.split) for p in pairs] == [("a", Split.FEATURES), ("e", Split.TEST)]


def test_a_source_without_fresh_pairs_is_refused() -> None:
    source = itertools.repeat(_pair("a", "b"))
    with pytest.raises(SettingsError, match="Too few prompts for the labels split"):
        draw_pairs(lambda _: next(source), {Split.LABELS: 2})
