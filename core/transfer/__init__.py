"""How far one model's circuit is another's: matching, wiring, transport, function."""

from core.transfer.compare import (
    SCORES,
    SYMMETRIC,
    Pair,
    Score,
    Transfer,
    TransferSettings,
    compare,
)
from core.transfer.matching import Match, Profiles, likeness, match, shuffled
from core.transfer.partners import Partner, stored_partners, stored_twins
from core.transfer.stored import circuit_key, kept, with_ceiling
from core.transfer.subject import Subject, open_subject
from core.transfer.transport import Transport, transport
from core.transfer.twins import differences, paired_with_twins
from core.transfer.wiring import Wiring, edge_jaccard, partners, role_likeness, strongest, wiring
from core.transfer.words import verdict

__all__ = [
    "SCORES",
    "SYMMETRIC",
    "Match",
    "Pair",
    "Partner",
    "Profiles",
    "Score",
    "Subject",
    "Transfer",
    "TransferSettings",
    "Transport",
    "Wiring",
    "circuit_key",
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
    "stored_partners",
    "stored_twins",
    "strongest",
    "transport",
    "verdict",
    "wiring",
    "with_ceiling",
]
