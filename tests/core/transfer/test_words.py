"""The sentence a comparison ends in: by hand."""

import pytest

from core.transfer import verdict
from core.transfer.words import word


def found(value, null, p=0.01, ceiling=None):
    score = {"value": value, "null_mean": null, "p": p, "ceiling": ceiling}
    return {"two": "sums-neox", "scores": {"functional": score}}


@pytest.mark.parametrize(
    ("value", "null", "p", "said"),
    [
        (0.95, 0.2, 0.01, "it transfers"),
        (0.6, 0.2, 0.01, "it transfers in part"),
        (0.44, 0.33, 0.01, "it hardly transfers"),
        (0.12, 0.09, 0.01, "it does not transfer"),  # hardly more than random features
        (0.95, 0.2, 0.3, "it does not transfer"),  # as many of them keep as much
        (-0.3, -0.6, 0.01, "it does not transfer"),
    ],
)
def test_a_transfer_is_what_random_features_do_not_keep(value, null, p, said):
    assert word(value, null, p) == said


def test_the_sentence_has_the_figures_and_the_ceiling_where_there_is_one():
    assert verdict(found(0.12, 0.09)) == (
        "Carried into sums-neox, the circuit keeps 0.12 of sums-neox's own F; random features of "
        "the same sites keep 0.09: it does not transfer."
    )
    assert "; the same model's circuit from another seed keeps 0.65: it tr" in verdict(
        found(0.95, 0.2, ceiling=0.65)
    )
    assert verdict(found(-0.001, None)).endswith("keeps 0.00 of sums-neox's own F.")
    assert "cannot be said" in verdict(found(None, None))
