"""Settings of one attribution graph."""

from dataclasses import dataclass
from typing import Literal

from core.errors import SettingsError

Heads = Literal["in edges", "nodes"]
"""What attention heads are in a graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionSettings:
    """How large a graph to build, and in how much memory."""

    max_feature_nodes: int | None = None
    """Most features to keep, chosen by influence on the targets; None keeps every active one."""
    features_per_round: int = 1024
    """Features chosen before influence is measured again; circuit-tracer takes 4 batches of 256."""
    max_logits: int = 10
    """Most output tokens explained, where they are chosen by probability."""
    logit_mass: float = 0.95
    """Probability that the chosen output tokens reach together, in (0, 1]."""
    heads: Heads = "in edges"
    """`in edges`: an edge is all that reaches its target through any heads. `nodes`: each head at
    each position is a node, and every path is split at the heads it passes."""
    memory_mb: int = 512
    """About the most memory the carried gradients take, in MiB; larger graphs go in chunks."""

    def __post_init__(self) -> None:
        for name in ("max_feature_nodes", "features_per_round", "max_logits", "memory_mb"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name} is {value}; it must be at least 1. Raise it.")
        if not 0.0 < self.logit_mass <= 1.0:
            raise SettingsError(
                f"logit_mass is {self.logit_mass}; it is a probability and must be in (0, 1]. "
                "0.95 is usual."
            )


DEFAULT_SETTINGS = AttributionSettings()
"""Every active feature, the likeliest tokens."""
