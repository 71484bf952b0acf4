"""The record of predictions: what it proves, and what it refuses."""

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import FormatError
from core.predictions import close, intact, register

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


def test_a_record_whose_hashes_were_made_anew_after_the_test_shows_by_its_times():
    late = register(PREDICTED, NOON + timedelta(hours=1))
    with pytest.raises(FormatError, match="older than the predictions"):
        close(late, {"mean": [0.0]}, NOON)


def test_predictions_that_were_changed_after_registering_cannot_be_closed():
    registered = register(PREDICTED, NOON) | {"expected": {"graph": [-1.1, 1.5]}}
    with pytest.raises(FormatError, match="not those that were registered"):
        close(registered, {"mean": [-1.1, 1.5]}, NOON)
