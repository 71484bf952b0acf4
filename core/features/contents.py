"""What is shown of a feature, a head or their edges, row by row."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

from core.attribution import Paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One prompt with a feature's activation on each of its tokens."""

    prompt: int
    """Number of the prompt in the Lab."""
    tokens: tuple[str, ...]
    """Its tokens."""
    tint: tuple[float, ...]
    """Activation on each token over the feature's largest, in [0, 1]."""
    value: float
    """Activation at the node's own position."""
    answer: str
    """The right next token."""
    here: bool
    """Whether it is the prompt that the report was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """Contexts whose activations lie in one range."""

    name: str
    """`top`, `90–99 %`, `50–90 %` or `zero`."""
    contexts: tuple[Context, ...]
    """A few of them, strongest first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Density:
    """How often a feature takes which value at its position."""

    edges: Float[Tensor, " edge"]
    """Borders of the bins, from 0 (or the least value) to the largest."""
    count: Int[Tensor, " bin"]
    """Prompts in each bin, without those at exactly 0."""
    zeros: int
    """Prompts at exactly 0."""
    value: float
    """On the prompt that the report was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEffect:
    """What a node adds to one output token's logit."""

    token: int
    """Vocabulary id."""
    text: str
    """The token."""
    effect: float
    """Logits, relative to the mean token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRow:
    """One direct effect, seen from one of its ends."""

    node: str
    """Id of the other end; `bias:L`, `outside` and `out:direction` have no node of their own."""
    text: str
    """Its name for people."""
    effect: float
    """Signed; units of the target's pre-activation, or logits."""
    paths: Paths | None = None
    """The effect by the head it runs through, on a prompt's own graph and of the largest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Direct effects into and out of a node."""

    incoming: tuple[EdgeRow, ...]
    """Largest first."""
    outgoing: tuple[EdgeRow, ...]
    """Largest first."""
    total: float
    """Sum of everything incoming."""
    gap: float | None
    """|total − pre-activation| / |pre-activation| on a prompt's own graph (of trained features the
    pre-activation is the activation); None for the task's mean."""
    of: Literal["prompt", "task"]
    """This prompt's graph where the feature is active on it, else the task graph's means."""
