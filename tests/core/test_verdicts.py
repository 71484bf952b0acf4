"""Words of the verdicts: one for each, and the same wherever a verdict is shown."""

from collections import defaultdict

from core import bundle, validation, verdicts
from core.cli.results import _row
from core.report import scores
from explorer.look import theme


def test_every_verdict_has_its_own_word_a_mark_and_is_known_to_all():
    known = [verdict.value for verdict in verdicts.Verdict]
    assert list(verdicts.VERDICTS) == known
    assert len({shown.word for shown in verdicts.VERDICTS.values()}) == len(known)
    assert list(scores.MARKS) == known
    assert len(set(scores.MARKS.values())) == len(known)
    assert tuple(known) == bundle.VERDICTS
    assert validation.Verdict is verdicts.Verdict
    assert theme.VERDICTS is verdicts.VERDICTS


def test_an_unknown_verdict_keeps_its_text():
    assert verdicts.verdict_shown("x_y") == ("x y", "idle")


def test_a_row_of_results_says_it_in_words():
    entry = defaultdict(lambda: 0.5, verdict="holds_in_part", error=None)
    assert "Holds in part" in _row(entry)
