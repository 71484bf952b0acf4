"""What features, heads and supernodes are about: the inspector's reports and automatic labels."""

from core.features.contents import (
    Context,
    Density,
    EdgeRow,
    Edges,
    FeatureReport,
    HeadMember,
    HeadReport,
    KeyShare,
    Member,
    Quantile,
    Share,
    SupernodeReport,
    TokenEffect,
)
from core.features.edges import node_text, paths_of
from core.features.feature import feature_report
from core.features.head import head_labels, head_report
from core.features.labels import label_circuit
from core.features.names import Reading, reading
from core.features.readout import Decoded
from core.features.supernode import supernode_report
from core.features.variables import VariableFit, variable_fits
from core.features.waves import Wave
from core.features.why import SourcePair, WhyReport, why_report

__all__ = [
    "Context",
    "Decoded",
    "Density",
    "EdgeRow",
    "Edges",
    "FeatureReport",
    "HeadMember",
    "HeadReport",
    "KeyShare",
    "Member",
    "Quantile",
    "Reading",
    "Share",
    "SourcePair",
    "SupernodeReport",
    "TokenEffect",
    "VariableFit",
    "Wave",
    "WhyReport",
    "feature_report",
    "head_labels",
    "head_report",
    "label_circuit",
    "node_text",
    "paths_of",
    "reading",
    "supernode_report",
    "variable_fits",
    "why_report",
]
