"""The record of predictions: what it proves, and what it refuses."""

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import FormatError
from core.predictions import close, intact, register, standing

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PREDICTED = {"supernodes": ["A", "B"], "expected": {"graph": [-1.0, 2.0]}}


def test_a_record_carries_both_hashes_in_the_order_of_time():
    record = close(register(PREDICTED, NOON), {"mean": [-1.1, 1.5]}, NOON + timedelta(seconds=1))
    assert intact(record)
    assert record["registered_at"] < record["measured_at"]
    assert len({record["registered_hash"], record["record_hash"]}) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"expected": {"graph": [-1.1, 1.5]}},
        {"registered_at": "2025-01-01T00:00:00.000000+00:00"},
        {"measured": {"mean": [-1.0, 2.0]}},
        {"measured_at": "2025-01-01T00:00:00.000000+00:00"},
        {"supernodes": ["A"]},
    ],
)
def test_any_change_of_a_record_shows(changed):
    record = close(register(PREDICTED, NOON), {"mean": [-1.1, 1.5]}, NOON)
    assert not intact(record | changed)


def test_what_was_derived_from_a_record_stands_outside_its_hashes():
    record = close(register(PREDICTED, NOON), {"mean": [-1.1, 1.5]}, NOON)
    section = record | {"scores": {}, "controls": {}, "sentence": "Of 2 supernodes ..."}
    assert intact(section)
    assert not intact(section | {"expected": {"graph": [-1.1, 1.5]}})
    assert not intact(section | {"note": "another field"})


def test_a_section_says_whether_it_is_as_registered():
    section = close(register(PREDICTED, NOON), {"mean": [-1.1, 1.5]}, NOON) | {"scores": {}}
    kept = standing(section)
    assert kept
    assert f"before the test (hash {section['registered_hash'][:12]}), unchanged" in kept
    changed = standing(section | {"expected": {"graph": [-1.1, 1.5]}})
    assert changed
    assert "were changed" in changed
    unsigned = standing({"scores": {}, **PREDICTED})
    assert unsigned
    assert "were changed" in unsigned
    assert standing(register(PREDICTED, NOON) | {"skipped": "why"}) is None
    assert standing({"failed": "why"}) is None


def test_a_record_whose_hashes_were_made_anew_after_the_test_shows_by_its_times():
    late = register(PREDICTED, NOON + timedelta(hours=1))
    with pytest.raises(FormatError, match="older than the predictions"):
        close(late, {"mean": [0.0]}, NOON)


def test_predictions_that_were_changed_after_registering_cannot_be_closed():
    registered = register(PREDICTED, NOON) | {"expected": {"graph": [-1.1, 1.5]}}
    with pytest.raises(FormatError, match="not those that were registered"):
        close(registered, {"mean": [-1.1, 1.5]}, NOON)
