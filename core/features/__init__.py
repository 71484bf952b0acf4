"""Evidence about features and groups: where they fire, what they write, what they follow."""

from core.features.contents import Context, Density, EdgeRow, Edges, Quantile, TokenEffect
from core.features.edges import node_text, paths_of
from core.features.measured import Measured, measure
from core.features.readout import Decoded
from core.features.variables import VariableFit, variable_fits
from core.features.waves import Wave

__all__ = [
    "Context",
    "Decoded",
    "Density",
    "EdgeRow",
    "Edges",
    "Measured",
    "Quantile",
    "TokenEffect",
    "VariableFit",
    "Wave",
    "measure",
    "node_text",
    "paths_of",
    "variable_fits",
]
