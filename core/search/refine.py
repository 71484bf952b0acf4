"""Hard-concrete gates down the tree: a circuit of exactly the size asked for.

1. Every node, and with `gates="tree"` every supernode, gets a gate
   g = clip(sigmoid((log u - log(1-u) + theta) / beta) (zeta - gamma) + gamma, 0, 1), u uniform
   (Louizos et al. 1712.01312). A node's mask is the product of its own and its ancestors' gates.
2. Logits start from the scores: the `size` best nodes above 0, the others below.
3. Adam minimises loss(mask) + lambda (E - size)/size + mu ((E - size)/size)², E the expected number
   of open nodes; lambda and mu ascend (Edge Pruning, 2406.16778), so E is driven to the size.
4. The `size` nodes with the largest probability of being open are the circuit: exactly that many.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

from core.hierarchy.tree import Hierarchy
from core.search.progress import OnProgress, ignore

Loss = Callable[[Tensor], Tensor]
"""mask [node] -> scalar, differentiable in the mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineSettings:
    """How the gates are trained."""

    steps: int = 200
    """Gradient steps."""
    lr: float = 0.1
    """Adam learning rate of the gate logits."""
    lr_size: float = 0.1
    """Ascent rate of the two multipliers that hold the size."""
    gates: Literal["node", "tree"] = "node"
    """`tree` gates supernodes too, so that whole branches can close together; needs a hierarchy."""
    spread: float = 2.0
    """Standard deviation of the first logits; larger trusts the scores more."""
    seed: int = 0
    """Noise of the gates."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refinement:
    """A circuit of exactly the size asked for."""

    chosen: Int[Tensor, " chosen"]
    """Node indices, most surely open first; exactly `size` of them."""
    probability: Float[Tensor, " node"]
    """Probability that each node's mask is not 0; 0 for nodes that are no candidates."""
    expected_size: Float[Tensor, " step"]
    """Expected number of open nodes at each step."""
    loss: Float[Tensor, " step"]
    """The loss at each step, without the size terms."""


def refine(
    loss: Loss,
    size: int,
    scores: Float[Tensor, " node"],
    settings: RefineSettings | None = None,
    *,
    candidates: Int[Tensor, " candidate"] | None = None,
    hierarchy: Hierarchy | None = None,
    progress: OnProgress = ignore,
) -> Refinement:
    """Choose exactly `size` nodes by training gates.

    Args:
        loss: See `Loss`; the circuit is where the mask is 1.
        size: Number of nodes to keep, 1 to the number of candidates.
        scores: Where to start: larger is likelier in; any scale.
        candidates: Nodes that may be chosen, all if None; the mask is 0 elsewhere.
        hierarchy: Over the same nodes; needed for `gates="tree"`.
        progress: Called every step; raise in it to stop.
    """
    raise NotImplementedError
