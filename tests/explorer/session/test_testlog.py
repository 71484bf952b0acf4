"""The Lab's log: what it writes is read back, and a null's missing figures stay missing."""

import csv
import io
import math

import torch

from core.lab import Comparison, RandomTest
from core.store import Store
from explorer.session import comparisons, testlog
from explorer.session.view import Changed, View
from tests.core.lab.tiny_lab import tiny_lab


def random_test(value: float) -> RandomTest:
    need, suffice = (
        Comparison(
            value=value, random=torch.full((3,), value), p_value=1.0, claim="not shown", matched=0.5
        )
        for _ in range(2)
    )
    return RandomTest(
        size=1, draws=3, n_prompts=2, necessity=need, sufficiency=suffice,
        overlap=0.0, prompts=torch.arange(2), random_p_answer=torch.zeros(2), verdict="v",
        sentence="s",
    )  # fmt: skip


def test_a_comparison_without_figures_survives_the_store(tmp_path):
    store = Store(tmp_path)
    for value, key in ((0.25, "a" * 64), (math.nan, "b" * 64)):
        test = random_test(value)
        store.put(key, comparisons.pack(test), kind=comparisons.RANDOM, provenance={})
        found = comparisons.stored(store, key)
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


def test_a_comparison_is_noted_at_its_test(tmp_path):
    """And nowhere else: the same set under another setting has none."""
    store, bundle = Store(tmp_path), tiny_lab().bundle
    outcome = {"before": 0.5, "after": 0.25, "faithfulness": 0.4, "accuracy": 0.0}
    one, other = (View(changes=(Changed("0:4:2"),), how=how) for how in ("mean", "zero"))
    log = testlog.TestLog(store=store)
    for view in (one, other):
        log.add(bundle, view, outcome=outcome, nodes=1)
    key = log.compare(bundle, one, random_test(math.nan))
    for known in (log, testlog.TestLog(store=store)):  # at once, and after a restart
        found = {test.how: test.compared for test in known.of(bundle)}
        assert found["zero"] is None
        assert found["mean"].key == key
        assert math.isnan(found["mean"].necessity)
        assert (found["mean"].draws, found["mean"].verdict) == (3, "v")
    assert comparisons.stored(store, key) is not None


def test_the_table_has_the_comparison_of_each_test(tmp_path):
    store, bundle = Store(tmp_path), tiny_lab().bundle
    outcome = {"before": 0.5, "after": 0.25, "faithfulness": 0.4, "accuracy": 0.0}
    log = testlog.TestLog(store=store)
    views = [View(changes=(Changed(node),)) for node in ("0:4:2", "L0H1")]
    for view in views:
        log.add(bundle, view, outcome=outcome, nodes=1)
    log.compare(bundle, views[0], random_test(0.25))
    rows = list(csv.DictReader(io.StringIO(testlog.to_csv(log.of(bundle)))))
    told = {row["changes"]: (row["necessity"], row["necessity_random"]) for row in rows}
    assert told == {"0:4:2*0": ("0.25", "0.25"), "L0H1*0": ("", "")}


def test_the_table_says_of_errors_what_the_page_says(tmp_path):
    store, bundle = Store(tmp_path), tiny_lab().bundle
    outcome = {"before": 0.5, "after": 0.25, "faithfulness": 0.4, "accuracy": 0.0}
    log = testlog.TestLog(store=store)
    for inside in ("circuit", "model"):
        view = View(changes=(Changed("0:4:2"),), inside=inside, errors="live")
        log.add(bundle, view, outcome=outcome, nodes=1)
    rows = list(csv.DictReader(io.StringIO(testlog.to_csv(log.of(bundle)))))
    assert {row["inside"]: row["errors"] for row in rows} == {"circuit": "ablated", "model": "live"}
