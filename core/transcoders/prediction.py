"""Next-layer prediction heads: what layer l's features say about layer l + 1's.

P(a) = ReLU(U V a + b), with a bottleneck of rank r: the paper's cross-layer term
(arXiv 2601.12879, its Eq. 4) in the only form that stays feasible at scale. Heads shape the
features in training, where their error counts with weight lambda_1; a circuit never runs them.
They can be kept beside a dictionary, so that the term's ablation can be looked at.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import TranscoderError
from core.transcoders.tensors import read_tensors

NAME = "prediction_heads.safetensors"


class PredictionHead(nn.Module):
    """Predicts the next layer's features: ReLU(U V a + b).

    The paper's cross-layer term; kept in training only, unless it is saved beside.
    """

    def __init__(self, features: int, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rank = min(rank, features)
        down = torch.randn(rank, features, generator=generator) / features**0.5
        self.V = nn.Parameter(down)
        self.U = nn.Parameter(torch.randn(features, rank, generator=generator) / rank**0.5)
        self.b = nn.Parameter(torch.zeros(features))

    def forward(self, a: Float[Tensor, "sample feature"]) -> Float[Tensor, "sample feature"]:
        return torch.relu((a @ self.V.T) @ self.U.T + self.b)

    def error(
        self, a: Float[Tensor, "sample feature"], following: Float[Tensor, "sample feature"]
    ) -> Float[Tensor, ""]:
        """Squared error relative to the next layer's mean square; the target is not trained."""
        target = following.detach()
        square = target.square().sum(-1).mean().clamp(min=1e-8)
        return (target - self(a)).square().sum(-1).mean() / square

    @property
    def shape(self) -> tuple[int, int]:
        """(features, rank)."""
        return self.U.shape[0], self.U.shape[1]


def save_heads(heads: Sequence[PredictionHead], folder: Path) -> Path:
    """Write heads beside a dictionary.

    Returns:
        The file.
    """
    tensors = {
        f"{layer}.{name}": value.detach().clone().contiguous()
        for layer, head in enumerate(heads)
        for name, value in head.named_parameters()
    }
    save_file(tensors, folder / NAME)
    return folder / NAME


def load_heads(folder: Path) -> tuple[PredictionHead, ...]:
    """Heads beside a dictionary; none if there is no such file.

    No command reads them: it is for those who look at the term's ablation with the heads that
    `hagd train` wrote, and it holds `save_heads` to a form that can be read again.

    Raises:
        TranscoderError: If the file is damaged or holds something else.
    """
    if not (folder / NAME).is_file():
        return ()
    tensors = read_tensors(folder / NAME)
    count = len(tensors) // 3
    wanted = {f"{layer}.{name}" for layer in range(count) for name in ("U", "V", "b")}
    if set(tensors) != wanted:
        raise TranscoderError(
            f"{folder / NAME} holds {sorted(tensors)}; U, V and b of each head are required. "
            "Train the dictionary again."
        )
    return tuple(_head(tensors, layer) for layer in range(count))


def _head(tensors: dict[str, Tensor], layer: int) -> PredictionHead:
    features, rank = tensors[f"{layer}.U"].shape
    head = PredictionHead(features, rank, torch.Generator())
    with torch.no_grad():
        for name, value in head.named_parameters():
            value.copy_(tensors[f"{layer}.{name}"])
    return head
