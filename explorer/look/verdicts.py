"""A circuit's verdict as the app shows it: a null that fails does what it must.

Words and tones are the engine's (`core.verdicts`), one mark apart: a run on something that must not
validate is as calm when the tests turn it down as when it is refused before them.
"""

from collections.abc import Mapping
from typing import Any

from core.bundle import null_of
from core.verdicts import verdict_shown


def shown(verdict: str, provenance: Mapping[str, Any]) -> tuple[str, str]:
    """Word and tone of the verdict of a circuit with this provenance."""
    word, tone = verdict_shown(verdict)
    if tone == "bad" and null_of(provenance) != "none":
        return f"{word}, as expected", "idle"
    return word, tone
