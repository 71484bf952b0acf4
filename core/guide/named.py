"""Guides by the name that settings and the command line call them by."""

from typing import Literal, get_args

from core.errors import SettingsError
from core.guide.guide import Guide, InfluenceGuide, ShiftedInfluenceGuide

GuideName = Literal["influence", "shifted-influence", "gnn"]
"""`influence`: all that passes through a node; `shifted-influence`: the part that a resample moves;
`gnn`: the network trained on measured effects."""
GUIDES: tuple[GuideName, ...] = get_args(GuideName)
DEFAULT_GUIDE: GuideName = "shifted-influence"
"""What a run takes if none is named: the best recall on held-out models, with nothing learned. The
network ranks better by AP, yet no better than a perceptron or than itself on wiring dealt at random
(benchmarks/results/guide_study.md)."""


def guide_named(name: str) -> Guide:
    """The guide of a name; the network is loaded from the bundled weights.

    Raises:
        SettingsError: If there is none of that name.
        FormatError: If the bundled weights are damaged.
    """
    if name not in GUIDES:
        raise SettingsError(
            f"Unknown guide {name!r}: got a name that stands for none. Required: one of "
            f"{', '.join(GUIDES)}. Choose one of them."
        )
    if name == "gnn":
        # torch_geometric takes seconds to import; nobody else should wait for it.
        from core.guide.gnn import bundled_guide

        return bundled_guide()
    return InfluenceGuide() if name == "influence" else ShiftedInfluenceGuide()
