"""Further sections of `validation.json`: what is measured of a finished circuit beside its scores.

Called once by a run, after the validation. Each section is one top-level field with figures of its
own; none changes the verdict, and none may use the name of a field that the validation has.
"""

from typing import Any

from core.pipeline.discovery import Discovery
from core.pipeline.prepare import Prepared
from core.pipeline.progress import Clock
from core.pipeline.settings import RunSettings
from core.transcoders import TranscoderSet


def further(
    prepared: Prepared,
    coders: TranscoderSet,
    found: Discovery,
    settings: RunSettings,
    clock: Clock,
) -> dict[str, Any]:
    """Sections by name, as JSON values.

    Args:
        prepared: Model, task and its splits.
        coders: The transcoders of the run.
        found: The circuit, its ranking and its part of the task graph.
        settings: Of the run.
        clock: Its `progress` may be told of steps of the stage `validate`; raise there to cancel.
    """
    return {}
