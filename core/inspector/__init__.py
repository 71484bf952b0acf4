"""The inspector's reports: all that is shown of one feature, head or supernode, label included."""

from core.inspector.contents import (
    FeatureReport,
    HeadMember,
    HeadReport,
    KeyShare,
    Member,
    Share,
    SupernodeReport,
)
from core.inspector.feature import feature_report
from core.inspector.head import head_report
from core.inspector.supernode import supernode_report
from core.inspector.why import SourcePair, WhyReport, why_report

__all__ = [
    "FeatureReport",
    "HeadMember",
    "HeadReport",
    "KeyShare",
    "Member",
    "Share",
    "SourcePair",
    "SupernodeReport",
    "WhyReport",
    "feature_report",
    "head_report",
    "supernode_report",
    "why_report",
]
