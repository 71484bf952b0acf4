"""Names that features, heads and supernodes give themselves, from evidence beside its control."""

from core.labels.circuit import label_circuit
from core.labels.heads import head_labels
from core.labels.readings import Reading, reading

__all__ = ["Reading", "head_labels", "label_circuit", "reading"]
