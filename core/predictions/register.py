"""A record of predictions that is closed before anything is measured, and shows if it was changed.

1. `register` takes what is predicted, of which prompts, and the time; its hash covers all of it.
2. `close` adds what was measured and a second hash over the first one and the measurements: neither
   part can be changed, or exchanged for that of another record, without it showing.
3. `intact` reads both hashes again, `standing` says in words what they show. What is worked out
   from the record afterwards (scores, a sentence) may stand beside it: it can be worked out again,
   so no hash covers it.

A hash proves that nothing was changed since, not when it was made: to hold someone to a prediction,
note its hash before the test. A run names it while it works.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.errors import FormatError

MEASURED = ("registered_hash", "measured_at", "measured", "record_hash")
"""Fields that `register` and `close` add."""
DERIVED = ("scores", "controls", "sentence", "skipped")
"""Fields that a section adds to its record after closing; no hash covers them."""


def register(predicted: Mapping[str, Any], at: datetime | None = None) -> dict[str, Any]:
    """Predictions with the time and the hash of both.

    Args:
        predicted: JSON values; none of them measured.
        at: The time; now if None.
    """
    known = dict(predicted) | {"registered_at": _stamp(at)}
    return known | {"registered_hash": digest(known)}


def close(
    registered: Mapping[str, Any], measured: Mapping[str, Any], at: datetime | None = None
) -> dict[str, Any]:
    """A registered record with its measurements.

    Raises:
        FormatError: If the predictions are not those that were registered, or the measurements are
            said to be older.
    """
    if registered.get("registered_hash") != digest(_predicted(registered)):
        raise FormatError(
            "The predictions are not those that were registered: their hash is "
            f"{digest(_predicted(registered))[:12]}, required "
            f"{str(registered.get('registered_hash'))[:12]}. Register them before they are tested."
        )
    stamp = _stamp(at)
    if stamp < registered["registered_at"]:
        raise FormatError(
            f"Measurements of {stamp} are older than the predictions of "
            f"{registered['registered_at']}; predictions must come first. Measure again."
        )
    known = dict(registered) | {"measured_at": stamp, "measured": dict(measured)}
    return known | {"record_hash": digest(known)}


def intact(record: Mapping[str, Any]) -> bool:
    """Whether a closed record is as it was registered and closed, predictions first.

    Args:
        record: As `close` made it, with or without what was derived from it.
    """
    outside = (*DERIVED, "record_hash")
    whole = {name: value for name, value in record.items() if name not in outside}
    return (
        record.get("registered_hash") == digest(_predicted(record))
        and record.get("record_hash") == digest(whole)
        and str(record.get("registered_at")) <= str(record.get("measured_at"))
    )


def standing(record: Mapping[str, Any]) -> str | None:
    """What its hashes show of a section's predictions, in words; None if none were scored."""
    if "scores" not in record:
        return None
    if intact(record):
        known = str(record["registered_hash"])[:12]
        return f"The predictions were registered before the test (hash {known}), unchanged since."
    return "The predictions or what was measured of them were changed: their hashes do not match."


def digest(values: Mapping[str, Any]) -> str:
    """sha256 of canonical JSON."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _predicted(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in (*MEASURED, *DERIVED)}


def _stamp(at: datetime | None) -> str:
    return (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")
