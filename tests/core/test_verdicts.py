"""Words of the verdicts: one for each, and the same wherever a verdict is shown."""

from collections import defaultdict

from core import validation, verdicts
from core.cli.results import _row
from core.report import scores
from explorer.look import theme


def test_every_verdict_has_its_own_word_a_mark_and_is_known_to_all():
    known = [verdict.value for verdict in verdicts.Verdict]
    assert list(verdicts.VERDICTS) == known
    assert len({shown.word for shown in verdicts.VERDICTS.values()}) == len(known)
    assert list(scores.MARKS) == known
    assert len(set(scores.MARKS.values())) == len(known)
    assert validation.Verdict is verdicts.Verdict
    assert theme.VERDICTS is verdicts.VERDICTS


def test_the_best_verdict_ranks_first_and_an_unknown_one_last():
    ranks = [verdicts.rank_of(verdict) for verdict in (*verdicts.VERDICTS, "x_y", "")]
    assert ranks == [*range(len(verdicts.VERDICTS)), len(verdicts.VERDICTS), len(verdicts.VERDICTS)]
    assert verdicts.rank_of("holds") == 0


def test_the_claim_says_what_was_measured_and_no_more():
    found = {
        "faithfulness": 0.98,
        "faithfulness_ci": [0.97, 0.99],
        "n_prompts": 1024,
        "necessity": 0.5,
        "random": {"faithfulness_max": 0.1, "n": 100},
    }
    assert verdicts.claim_text(found, 49) == (
        "Kept alone, 49 nodes restore 98 % of the behaviour on 1,024 unseen prompts (95 % interval "
        "0.97–0.99). Ablated, they take 50 % of it away. The best of 100 random circuits of the "
        "same shape restores 10 %."
    )
    assert verdicts.claim_text({"necessity": 0.5}, 49) == "Ablated, they take 50 % of it away."
    assert verdicts.claim_text({"faithfulness": None, "random": None}, 49) == ""


def test_an_unknown_verdict_keeps_its_text():
    assert verdicts.verdict_shown("x_y") == ("x y", "idle")


def test_a_row_of_results_says_it_in_words():
    entry = defaultdict(lambda: 0.5, verdict="holds_in_part", error=None)
    assert "Holds in part" in _row(entry)
