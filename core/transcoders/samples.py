"""What transcoders learn from: MLP inputs and outputs at every prompt position.

1. Trace the prompts; every layer gives pairs (x, y) = (mlp_in, mlp_out) at each position.
2. Positions are aligned at the right, as everywhere. The first token of a prompt sees nothing but
   itself and often carries huge activations: it is marked, drawn rarely, and left out of FVU.
3. Each position is drawn equally often, whatever its number of prompts; its error counts relative
   to its own variance, so that a quiet position that matters is learnt as well as a loud one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.errors import TranscoderError
from core.models import LanguageModel
from core.tasks import PromptBatch

FIRST_SHARE = 1 / 64
"""Share of draws that go to first tokens."""
QUIETEST = 0.1
"""Positions quieter than this share of the loudest are weighted as if they were that loud."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """MLP inputs and outputs of all layers at the same tokens."""

    x: Float[Tensor, "layer sample d_model"]
    """MLP inputs."""
    y: Float[Tensor, "layer sample d_model"]
    """MLP outputs."""
    position: Int[Tensor, " sample"]
    """Aligned position of each token."""
    first: Bool[Tensor, " sample"]
    """Whether it is the first token of its prompt."""

    @property
    def n_positions(self) -> int:
        return int(self.position.max()) + 1

    def chances(self, extra: Float[Tensor, " pos"] | None = None) -> Float[Tensor, " sample"]:
        """Probability of each token to be drawn: positions equal, first tokens rare.

        Args:
            extra: Weight of each position beside the 1 that it has anyway.
        """
        weight = torch.ones(self.n_positions) if extra is None else 1 + extra
        group = torch.where(self.first, self.n_positions, self.position)
        count = group.bincount(minlength=self.n_positions + 1)
        share = weight * (count[:-1] > 0)
        share = (1 - FIRST_SHARE) * share / share.sum().clamp(min=1e-9)
        chance = (torch.cat([share, torch.tensor([FIRST_SHARE])]) / count.clamp(min=1))[group]
        return chance / chance.sum()

    def partners(
        self, drawn: Int[Tensor, " draw"], generator: torch.Generator
    ) -> Int[Tensor, " draw"]:
        """For each drawn token another one of the same position, at random."""
        group = torch.where(self.first, self.n_positions + self.position, self.position)
        order = group.argsort(stable=True)
        count = group.bincount(minlength=2 * self.n_positions)
        start = count.cumsum(0) - count
        place = torch.rand(len(drawn), generator=generator) * count[group[drawn]]
        return order[start[group[drawn]] + place.long()]

    def position_means(
        self, values: Float[Tensor, "layer sample n"]
    ) -> Float[Tensor, "layer pos n"]:
        """Mean of values at each position, first tokens left out; 0 where there are no others."""
        rest = ~self.first
        total = values.new_zeros(len(values), self.n_positions, values.shape[-1])
        total.index_add_(1, self.position[rest], values[:, rest])
        count = self.position[rest].bincount(minlength=self.n_positions)
        return total / count.clamp(min=1)[:, None]

    def variances(self) -> Float[Tensor, "layer pos"]:
        """Mean squared distance to the position's mean output, first tokens left out."""
        means = self.position_means(self.y)
        away = (self.y - means[:, self.position]).square().sum(-1, keepdim=True)
        return self.position_means(away)[..., 0]

    def loudness(self) -> Float[Tensor, "layer sample"]:
        """What a token's squared error is measured by: its position's variance.

        Floored, so that a constant position counts too; for a first token no less than its own
        squared size, so that a massive one does not drown the others.
        """
        variances = self.variances()
        floor = QUIETEST * variances.amax(1, keepdim=True)
        loud = variances.maximum(floor)[:, self.position]
        centre = self.y[:, ~self.first].mean(1, keepdim=True)
        own = (self.y - centre).square().sum(-1) * self.first
        return loud.maximum(own).clamp(min=torch.finfo(loud.dtype).tiny)


def collect(model: LanguageModel, batches: Sequence[PromptBatch]) -> Samples:
    """Trace the clean prompts and keep what their MLPs read and write.

    Raises:
        TranscoderError: If there is no prompt longer than one token.
    """
    if not any(batch.clean.numel() and batch.clean.shape[1] > 1 for batch in batches):
        raise TranscoderError(
            "There are no prompts of two or more tokens; at least one is required. "
            "Give the task more prompts."
        )
    x, y, position, first = [], [], [], []
    for batch in batches:
        trace = model.trace(batch.clean)
        x.append(trace.mlp_in.flatten(1, 2).float())
        y.append(trace.mlp_out.flatten(1, 2).float())
        places = torch.arange(batch.clean.shape[1]).repeat(len(batch.clean))
        position.append(places + batch.shift)
        first.append(places == 0)
    return Samples(
        x=torch.cat(x, 1), y=torch.cat(y, 1), position=torch.cat(position), first=torch.cat(first)
    )
