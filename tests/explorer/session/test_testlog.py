"""The Lab's log: what it writes is read back, and a null's missing figures stay missing."""

import math

import torch

from core.lab import Comparison, RandomTest
from core.store import Store
from explorer.session import testlog
from explorer.session.view import Changed, View
from tests.core.lab.tiny_lab import tiny_lab


def random_test(value: float) -> RandomTest:
    need, suffice = (
        Comparison(value=value, random=torch.full((3,), value), p_value=1.0, shown=False)
        for _ in range(2)
    )
    return RandomTest(
        size=1, draws=3, n_prompts=2, necessity=need, sufficiency=suffice, matched=1.0,
        overlap=0.0, prompts=torch.arange(2), random_p_answer=torch.zeros(2), verdict="v",
        sentence="s",
    )  # fmt: skip


def test_a_comparison_without_figures_survives_the_store(tmp_path):
    store = Store(tmp_path)
    for value, key in ((0.25, "a" * 64), (math.nan, "b" * 64)):
        test = random_test(value)
        store.put(key, testlog.pack(test), kind=testlog.RANDOM, provenance={})
        found = testlog.stored_random(store, key)
        assert found is not None
        assert str(found.necessity.value) == str(value)
        assert torch.equal(found.necessity.random.isnan(), test.necessity.random.isnan())


def test_a_test_without_f_is_logged_without_it(tmp_path):
    store, bundle = Store(tmp_path), tiny_lab().bundle
    outcome = {"before": 0.5, "after": 0.25, "faithfulness": math.nan, "accuracy": 0.0}
    view = View(changes=(Changed("0:4:2"),))
    testlog.TestLog(store=store).add(bundle, view, outcome=outcome, nodes=1)
    (found,) = testlog.TestLog(store=store).of(bundle)
    assert math.isnan(found.faithfulness)
    assert (found.before, found.after, found.accuracy) == (0.5, 0.25, 0.0)
