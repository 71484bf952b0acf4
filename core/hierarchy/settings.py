"""What a person may choose about the tree of supernodes."""

from dataclasses import dataclass
from typing import Literal

from core.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchySettings:
    """How `build_hierarchy` splits a graph."""

    branching: int = 4
    """Children of a supernode (b), at least 2. Fewer where a block is too small for b parts, more
    only at the first level with `group_first="site"`."""
    leaf_size: int = 8
    """A supernode with this many nodes or fewer is not split further."""
    max_child: float = 0.7
    """Largest child, as a share of its parent's nodes, in [0.5, 1). It bounds the depth by
    log(n) / log(1 / max_child)."""
    affinity: Literal["degree_discounted", "plain"] = "degree_discounted"
    """`degree_discounted` joins nodes with the same readers and the same sources, hubs counting
    less; `plain` is |W| + |W|ᵀ and joins a node with its reader."""
    site_weight: float = 0.0
    """How alike nodes are by being at one site, in units of their likeness by edges; 0.5 gives
    supernodes that are easier to name. Above 0 it needs `site`."""
    tau: float = 1.0
    """Added to every degree, in units of the block's mean degree; keeps loose ends from taking
    an eigenvector each."""
    group_first: Literal["none", "site"] = "none"
    """`site`: the first level holds one supernode per value of `site`, cuts start below it."""
    edges: int = 1_000_000
    """Only so many strongest edges are looked at, and kept with the tree. In a task graph of 8.5
    million they carry 91 % of |W|; cutting all of them, and their controls, took minutes."""
    seed: int = 0
    """Start vectors and k-means restarts."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        _at_least("branching", self.branching, 2)
        _at_least("leaf_size", self.leaf_size, 1)
        _at_least("edges", self.edges, 1)
        if not 0.5 <= self.max_child < 1:
            raise SettingsError(
                f"Hierarchy setting max_child is out of range: got {self.max_child}; it must lie "
                "in [0.5, 1), or depth is not bounded. Use 0.7 if unsure."
            )
        _not_negative("tau", self.tau, "Use 1 (the block's mean degree) if unsure.")
        _not_negative("site_weight", self.site_weight, "Use 0 to leave sites out.")


def _not_negative(name: str, value: float, advice: str) -> None:
    if not value >= 0:
        raise SettingsError(
            f"Hierarchy setting {name} is out of range: got {value}; it must be 0 or more. {advice}"
        )


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise SettingsError(
            f"Hierarchy setting {name} is too small: got {value}; it must be {least} or more. "
            "Raise it."
        )
