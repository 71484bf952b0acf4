"""What validation can say of a circuit, and how it is put in words for engine, report and app.

words         the verdicts with their tones and their order; splits and treatments of errors
claim         what was found, in sentences
reservation   what a verdict is short of, in one line
sizes         F by size, as points to draw
"""

from core.verdicts.claim import claim_text
from core.verdicts.reservation import block_of, in_short, reservation, unmet_under
from core.verdicts.sizes import Point, points_of
from core.verdicts.words import (
    ERRORS,
    SPLITS,
    VERDICTS,
    Shown,
    Verdict,
    rank_of,
    verdict_shown,
)

__all__ = [
    "ERRORS",
    "SPLITS",
    "VERDICTS",
    "Point",
    "Shown",
    "Verdict",
    "block_of",
    "claim_text",
    "in_short",
    "points_of",
    "rank_of",
    "reservation",
    "unmet_under",
    "verdict_shown",
]
