"""The networks that score nodes: attention over all levels of a hierarchy at once, and controls.

`GuideNetwork`: GATv2 (Brody et al. 2022, arXiv 2105.14491), whose attention depends on both ends,
with edge features, on the graph of `core.guide.hetero`:

1. Encode: a two-layer perceptron of each node's own columns.
2. `rounds` times: a node hears the nodes that it drives and those that drive it, through separate
   weights, and the supernode that holds it; a supernode the same, and the mean of what it holds
   (graph U-Net style: all levels send at once). Residual, LayerNorm.
3. Read out, two figures a node: the logarithm of its effect, and the log-odds that it is among the
   strongest. Each is a sum: a line through the best rankings that need no learning (`PRIOR`), what
   the node's own columns say, and what was heard. The latter two start at 0, so that training
   starts from the ranking to beat and only ever corrects it.

`Perceptron` is the same without step 2, `Linear` one linear map of the columns: the controls that
show whether messages are worth anything. All of them take and give the same things.
"""

import warnings
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.errors import SettingsError
from core.guide.hetero import (
    COARSE_FEATURES,
    EDGE_FEATURES,
    NODE_FEATURES,
    SUPERNODE_FEATURES,
    HeteroData,
)

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
    from torch_geometric.nn import GATv2Conv

PRIOR = {
    "node": ("decades_shifted_influence", "decades_varying_influence"),
    "supernode": ("max_shifted_influence", "max_varying_influence"),
}
"""Columns that rank well alone; training starts from their sum."""
_PLACES = {
    "node": [NODE_FEATURES.index(name) for name in PRIOR["node"]],
    "supernode": [SUPERNODE_FEATURES.index(name) for name in PRIOR["supernode"]],
}
SLOPE = 2.5
"""Of each prior column at the start: two of them span about five units of log(1 + effect)."""
COLUMNS = {"node": len(NODE_FEATURES), "supernode": len(SUPERNODE_FEATURES)}
"""Columns of each node type."""
EDGES = {"node": len(EDGE_FEATURES), "supernode": len(COARSE_FEATURES)}
"""Columns of the edges within each node type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """The shape of a network."""

    kind: Literal["gatv2", "perceptron", "linear"] = "gatv2"
    """With the graph, without it, or a single linear map."""
    width: int = 32
    """Numbers a node has between rounds."""
    heads: int = 4
    """Attention heads; `width` is a multiple."""
    rounds: int = 2
    """Times that messages are sent."""
    dropout: float = 0.1
    """Of what is heard, in training."""

    def __post_init__(self) -> None:
        """Refuse shapes that make no network."""
        fits = self.heads >= 1 and self.width >= self.heads and self.width % self.heads == 0
        if not fits or self.rounds < 1 or not 0 <= self.dropout < 1:
            raise SettingsError(
                f"The network cannot be built: got {self}; width must be a multiple of heads, "
                "rounds 1 or more and dropout in [0, 1). Change them."
            )


class Scores(NamedTuple):
    """What a network says of the rows of one node type."""

    effect: Float[Tensor, " row"]
    """Predicted log(1 + effect), in the units of `core.guide.learning`."""
    member: Float[Tensor, " row"]
    """Log-odds of being among the strongest."""


def network(settings: NetworkSettings) -> nn.Module:
    """A network with random weights (seeded by torch's own generator)."""
    match settings.kind:
        case "gatv2":
            return GuideNetwork(settings)
        case "perceptron":
            return Perceptron(settings)
        case "linear":
            return Linear()


class GuideNetwork(nn.Module):
    """See the module."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width = settings.width
        self.encode = nn.ModuleDict({kind: _mlp(n, width, width) for kind, n in COLUMNS.items()})
        self.rounds = nn.ModuleList(_Round(settings) for _ in range(settings.rounds))
        self.alone = Perceptron(settings)
        self.heard = nn.ModuleDict({kind: _silent(width, width) for kind in COLUMNS})

    def forward(self, data: HeteroData) -> dict[str, Scores]:
        """Scores of every node and supernode."""
        state = {kind: self.encode[kind](_columns(data, kind)) for kind in COLUMNS}
        for one in self.rounds:
            state = one(data, state)
        alone = self.alone(data)
        heard = {kind: _scores(self.heard[kind](state[kind])) for kind in COLUMNS}
        return {
            kind: Scores(*(a + b for a, b in zip(alone[kind], heard[kind], strict=True)))
            for kind in COLUMNS
        }


class Perceptron(nn.Module):
    """The same columns, no edges."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        wide = 2 * settings.width
        self.prior = nn.ModuleDict({kind: _prior(kind) for kind in COLUMNS})
        self.own = nn.ModuleDict({kind: _silent(n, wide) for kind, n in COLUMNS.items()})

    def forward(self, data: HeteroData) -> dict[str, Scores]:
        """Scores of every node and supernode, each from its own columns."""
        return {
            kind: _scores(
                self.prior[kind](_known(data, kind)) + self.own[kind](_columns(data, kind))
            )
            for kind in COLUMNS
        }


class Linear(nn.Module):
    """One linear map; its `member` output is logistic regression."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.ModuleDict({kind: nn.Linear(n, 2) for kind, n in COLUMNS.items()})

    def forward(self, data: HeteroData) -> dict[str, Scores]:
        """Scores of every node and supernode, each from its own columns."""
        return {kind: _scores(self.own[kind](_columns(data, kind))) for kind in COLUMNS}


class _Round(nn.Module):
    """One exchange of messages over all relations."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width, each = settings.width, settings.width // settings.heads
        for name in ("drives", "driven_by"):
            convolutions = {
                kind: GATv2Conv(
                    width, each, settings.heads, edge_dim=n, add_self_loops=False, residual=False
                )
                for kind, n in EDGES.items()
            }
            self.add_module(name, nn.ModuleDict(convolutions))
        self.from_parent = nn.ModuleDict({kind: nn.Linear(width, width) for kind in COLUMNS})
        self.from_child = nn.ModuleDict({kind: nn.Linear(width, width) for kind in COLUMNS})
        self.norm = nn.ModuleDict({kind: nn.LayerNorm(width) for kind in COLUMNS})
        self.drop = nn.Dropout(settings.dropout)

    def forward(self, data: HeteroData, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The state after one round."""
        heard = {kind: self._beside(data, kind, state[kind]) for kind in COLUMNS}
        for kind in COLUMNS:
            above, below = data["supernode", "holds", kind].edge_index
            parent = self.from_parent[kind](state["supernode"])
            heard[kind] = heard[kind].index_add(0, below, parent[above])
            child = self.from_child[kind](state[kind])
            heard["supernode"] = heard["supernode"] + _mean_of(child, below, above, heard)
        return {
            kind: self.norm[kind](x + self.drop(torch.relu(heard[kind])))
            for kind, x in state.items()
        }

    def _beside(self, data: HeteroData, kind: str, x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for name in ("drives", "driven_by"):
            relation = data[kind, name, kind]
            convolution = self.get_submodule(name)[kind]  # pyright: ignore[reportIndexIssue]
            total = total + convolution(x, relation.edge_index, relation.edge_attr)
        return total


def _mean_of(child: Tensor, below: Tensor, above: Tensor, heard: dict[str, Tensor]) -> Tensor:
    """The mean over each supernode's children; 0 where it has none of this type."""
    n = len(heard["supernode"])
    total = child.new_zeros(n, child.shape[1]).index_add(0, above, child[below])
    count = child.new_zeros(n).index_add(0, above, child.new_ones(len(above)))
    return total / count.clamp(min=1)[:, None]


def _mlp(n_in: int, width: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, width), nn.GELU(), nn.Linear(width, n_out))


def _silent(n_in: int, width: int) -> nn.Sequential:
    """Gives two figures, 0 until it has learned something."""
    made = _mlp(n_in, width, 2)
    nn.init.zeros_(made[2].weight)  # pyright: ignore[reportArgumentType]
    nn.init.zeros_(made[2].bias)  # pyright: ignore[reportArgumentType]
    return made


def _prior(kind: str) -> nn.Linear:
    made = nn.Linear(len(PRIOR[kind]), 2)
    nn.init.constant_(made.weight, SLOPE)
    nn.init.constant_(made.bias, -SLOPE)
    return made


def _known(data: HeteroData, kind: str) -> Tensor:
    return data[kind].x[:, _PLACES[kind]]


def _columns(data: HeteroData, kind: str) -> Tensor:
    # Quantiles are centred so that a first layer starts balanced.
    return 2 * data[kind].x - 1


def _scores(out: Float[Tensor, "row 2"]) -> Scores:
    return Scores(effect=out[:, 0], member=out[:, 1])
