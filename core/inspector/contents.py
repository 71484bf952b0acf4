"""What the inspector shows of a feature, a head or a supernode."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from core.features.contents import Density, Edges, Quantile, TokenEffect
from core.features.readout import Decoded
from core.features.variables import VariableFit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureReport:
    """One feature at one position."""

    node: str
    """`L:P:F`."""
    label: str
    """A person's label, or the automatic one."""
    rank: int | None
    """Place in the circuit, 1 first; None outside it."""
    supernodes: tuple[str, ...]
    """Supernodes that hold it, from the root's children down."""
    prompt: int
    """The prompt it was made for."""
    role: str
    """Name of its position."""
    activation: float
    """On that prompt."""
    firing_rate_anywhere: float
    """Share of all tokens on which it is active."""
    direct_effect: float
    """Direct effect on logit(answer) − logit(wrong) on that prompt, frozen."""
    delta_p: float
    """Change of P(answer) on that prompt when it alone is ablated inside the model."""
    variables: tuple[VariableFit, ...]
    """Every declared variable, best first."""
    quantiles: tuple[Quantile, ...]
    """Where it fires."""
    density: Density
    """Histogram over the prompts."""
    promoted: tuple[TokenEffect, ...]
    """Tokens whose logit it raises most on that prompt, directly."""
    suppressed: tuple[TokenEffect, ...]
    """Tokens whose logit it lowers most."""
    edges: Edges
    """In and out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShare:
    """What a head takes from one position."""

    position: int
    """Aligned position."""
    token: str
    """The token there."""
    weight: float
    """Attention weight."""
    effect: float
    """Part of the head's direct effect on logit(answer) − logit(wrong) that comes from there, in
    logits; 0 unless the head is at the last position."""
    score: float
    """Attention score before the softmax, less the row's mean."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadReport:
    """One head on one prompt."""

    node: str
    """`L0H2` or `L0H2@4`."""
    label: str
    """A person's label, or an automatic one."""
    kind: str
    """What kind of head it is, on all prompts of this length; `other` where of none."""
    kind_about: str
    """The figures that this rests on."""
    prompt: int
    """The prompt."""
    tokens: tuple[str, ...]
    """Its tokens."""
    shift: int
    """Aligned position = place in `tokens` + shift."""
    pattern: Float[Tensor, "query key"]
    """Attention weights on this prompt."""
    query: int
    """Aligned position that `keys` and tokens are about."""
    keys: tuple[KeyShare, ...]
    """Each position looked at, first to last."""
    promoted: tuple[TokenEffect, ...]
    """Tokens that its output there raises most, read directly by the unembedding."""
    suppressed: tuple[TokenEffect, ...]
    """Tokens that it lowers most."""
    delta_p: float
    """Change of P(answer) on this prompt when it is ablated inside the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One feature of a supernode."""

    node: str
    label: str
    rank: int
    """Place in the circuit, 1 first."""
    activation: float
    """On the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMember:
    """One head of a supernode."""

    node: str
    label: str
    rank: int
    """Place in the circuit, 1 first."""
    query: str
    """The token it looks from; empty where a short prompt lacks its position."""
    key: str
    """The token it looks at most from there."""
    weight: float
    """Attention weight there, in [0, 1]."""
    delta_p: float
    """Change of P(answer) on the prompt when it alone is ablated inside the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of a supernode is something."""

    name: str
    count: int
    """Members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernodeReport:
    """A group of the circuit's features and heads."""

    node: str
    """Its name in the hierarchy, as `A1`."""
    label: str
    """A person's label, or the automatic one."""
    about: str
    """All that the label rests on, in one line: what is decoded from it and how well beside the
    shuffled variable, where it is, what it is active on and which answers it raises."""
    decoded: tuple[Decoded, ...]
    """What can be read off its members together and beats its control, best first."""
    parent: str | None
    """Name of the supernode above; None for the root."""
    children: tuple[str, ...]
    """Names of the supernodes inside."""
    members: tuple[Member, ...]
    """Its features, by rank."""
    heads: tuple[HeadMember, ...]
    """Its heads, by rank."""
    kinds: tuple[Share, ...]
    """What its heads are called by what they do, most first."""
    roles: tuple[Share, ...]
    """Layers and positions of its members, most first: "L0 at =" and the like."""
    variables: tuple[Share, ...]
    """What its features are named by, most first."""
    prompt: int
    """The prompt that activations and attention are of."""
    lost: float
    """F lost over all prompts when it is ablated inside the circuit."""
