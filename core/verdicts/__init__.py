"""What validation can say of a circuit, and how it is put in words for engine, report and app.

words         the verdicts with their tones
reservation   what a verdict is short of, in one line
"""

from core.verdicts.reservation import block_of, in_short, reservation, unmet_under
from core.verdicts.words import VERDICTS, Shown, Verdict, verdict_shown

__all__ = [
    "VERDICTS",
    "Shown",
    "Verdict",
    "block_of",
    "in_short",
    "reservation",
    "unmet_under",
    "verdict_shown",
]
