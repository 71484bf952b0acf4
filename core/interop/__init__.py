"""Graphs to and from the formats of other programs."""

from core.interop.file import read_neuronpedia
from core.interop.read import ImportedGraph, from_neuronpedia
from core.interop.write import ExportSettings, ExtraLeaves, to_neuronpedia

__all__ = [
    "ExportSettings",
    "ExtraLeaves",
    "ImportedGraph",
    "from_neuronpedia",
    "read_neuronpedia",
    "to_neuronpedia",
]
