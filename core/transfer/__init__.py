"""How far one model's circuit is another's: matching, wiring, transport, function."""

from core.transfer.compare import (
    SCORES,
    Pair,
    Score,
    Transfer,
    TransferSettings,
    compare,
)
from core.transfer.matching import Match, Profiles, likeness, match, shuffled
from core.transfer.stored import kept, with_ceiling
from core.transfer.subject import Subject, open_subject
from core.transfer.transport import Transport, transport
from core.transfer.twins import differences, paired_with_twins
from core.transfer.wiring import Wiring, edge_jaccard, partners, role_likeness, strongest, wiring

__all__ = [
    "SCORES",
    "Match",
    "Pair",
    "Profiles",
    "Score",
    "Subject",
    "Transfer",
    "TransferSettings",
    "Transport",
    "Wiring",
    "compare",
    "differences",
    "edge_jaccard",
    "kept",
    "likeness",
    "match",
    "open_subject",
    "paired_with_twins",
    "partners",
    "role_likeness",
    "shuffled",
    "strongest",
    "transport",
    "wiring",
    "with_ceiling",
]
