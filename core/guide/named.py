"""Guides by the name that settings and the command line call them by."""

from core.choices import GUIDES
from core.errors import SettingsError
from core.guide.guide import Guide, InfluenceGuide, ShiftedInfluenceGuide


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
