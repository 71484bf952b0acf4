"""Runs one base with the errors of some layers exchanged, and makes F of the answers.

A *base* says what else is live: the `dictionary` (every feature, all other errors as on the clean
run: together the model itself), or the `circuit` (its features alone, all other errors ablated with
the rest, the strict regime).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.darkmatter.sample import Sample
from core.darkmatter.split import LayerSplit
from core.darkmatter.stand_ins import DRAWN, Layer, StandIn, drawn, fixed, orders
from core.errors import SettingsError
from core.interventions import Ablation, ErrorRegime, Errors, Evaluator, Gates, all_gates
from core.validation import smallest_span
from core.validation.metrics import interval, resamples

AT_ONCE = 2**25
"""Numbers in the stand-ins of one call: 128 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How hard errors are looked at."""

    draws: int = 20
    """Draws of noise and of shuffling, and random directions."""
    shaped_draws: int = 5
    """Draws of noise with the errors' covariance, on which no test rests."""
    seed: int = 0
    """Of every draw."""

    def __post_init__(self) -> None:
        if self.draws < 20 or self.shaped_draws < 1:
            raise SettingsError(
                f"draws is {self.draws} and shaped_draws {self.shaped_draws}; at least 20 and 1 "
                "are required for means over noise to be steady. Raise them."
            )


class Base(NamedTuple):
    """What is live besides the errors looked at."""

    name: str
    gates: Gates
    """One circuit, with a front axis."""
    rest: ErrorRegime
    """Errors of the other layers."""


class Shares(NamedTuple):
    """Figures in shares of F, each with its 95 % interval."""

    value: Float[Tensor, " row"]
    low: Float[Tensor, " row"]
    high: Float[Tensor, " row"]


def bases(bench: "ErrorBench", circuit: Gates | None) -> tuple[Base, ...]:
    """The whole dictionary, and in the strict regime a circuit (front axis of 1), if any."""
    whole = Base("dictionary", all_gates(bench.evaluator.bounds)[None], ErrorRegime.KEPT)
    return (whole,) if circuit is None else (whole, Base("circuit", circuit, ErrorRegime.ABLATED))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ErrorBench:
    """Everything that is run on one set of prompts."""

    evaluator: Evaluator
    settings: Settings
    layers: tuple[Layer, ...]
    order: Int[Tensor, "draw prompt"]
    """Whose error each prompt gets in shuffling; all layers alike."""
    empty: Float[Tensor, " prompt"]
    """Logit difference of the empty circuit, strict."""
    model: Float[Tensor, " prompt"]
    """That of the model."""

    @classmethod
    def on(
        cls,
        evaluator: Evaluator,
        sample: Sample,
        splits: Sequence[LayerSplit],
        settings: Settings,
    ) -> "ErrorBench":
        """A bench with its end points measured; the sample is of the evaluator's prompts."""
        generator = torch.Generator().manual_seed(settings.seed)
        none = all_gates(evaluator.bounds)[None]
        closed = Gates(feature=torch.zeros_like(none.feature), head=none.head)
        return cls(
            evaluator=evaluator,
            settings=settings,
            layers=tuple(Layer.of(sample, i, split) for i, split in enumerate(splits)),
            order=orders(sample.length, settings.draws, generator),
            empty=evaluator.outcome(closed, Ablation.RESAMPLE).logit_diff[0],
            model=evaluator.model_outcome().logit_diff[0],
        )

    @property
    def span(self) -> float:
        """m(M) − m(∅), in logits."""
        return float(self.model.mean() - self.empty.mean())

    @property
    def measurable(self) -> bool:
        """Whether F can be measured at all."""
        return self.span > float(smallest_span(self.model))

    def run(
        self,
        base: Base,
        scope: Sequence[int],
        values: Callable[[int, slice], Float[Tensor, "draw prompt pos d_model"]],
        draws: int = 1,
    ) -> Float[Tensor, "draw prompt"]:
        """Logit differences with the scope's errors exchanged, a few draws at a time.

        `values` gives a layer's errors of some draws.
        """
        size, found = max(1, AT_ONCE // (len(scope) * self.layers[0].error.numel())), []
        for start in range(0, draws, size):
            some = slice(start, min(start + size, draws))
            errors = Errors(layers={i: values(i, some) for i in scope}, rest=base.rest)
            found.append(self.evaluator.outcome(base.gates, Ablation.RESAMPLE, errors).logit_diff)
        return torch.cat(found)

    def stand_in(
        self, base: Base, scope: Sequence[int], kind: StandIn
    ) -> Float[Tensor, "draw prompt"]:
        """Logit differences under one stand-in."""
        if kind not in DRAWN:
            return self.run(base, scope, lambda i, _: fixed(kind, self.layers[i])[None])
        chance = torch.Generator().manual_seed(self.settings.seed + 1 + DRAWN.index(kind))

        def values(layer: int, some: slice) -> Tensor:
            return drawn(kind, self.layers[layer], self.order[some], chance)

        shaped = kind is StandIn.SHAPED
        draws = self.settings.shaped_draws if shaped else self.settings.draws
        return self.run(base, scope, values, draws)

    def faithfulness(self, m: Float[Tensor, "row prompt"]) -> Shares:
        """F of rows of logit differences."""
        return self._shares(m, self.empty)

    def lost(self, before: Float[Tensor, " prompt"], m: Float[Tensor, "row prompt"]) -> Shares:
        """F lost from `before` to each row, prompts paired."""
        return self._shares(before - m, torch.zeros_like(before))

    def _shares(self, m: Float[Tensor, "row prompt"], zero: Float[Tensor, " prompt"]) -> Shares:
        pick = resamples(len(self.model), torch.Generator().manual_seed(self.settings.seed))
        span = (self.model - self.empty)[pick].mean(1)
        drawn_f = (m - zero)[:, pick].mean(-1) / span
        ends = torch.tensor([interval(row) for row in drawn_f])
        return Shares((m - zero).mean(1) / self.span, *ends.unbind(1))
