"""What the search may ask of the model, on the labels split.

Nodes of a search are a flat list of features, and of heads where they count; a mask over nodes
becomes the gates of a circuit. Residuals, losses and scores look at resample and mean ablation
both, in the strict regime, so that a circuit cannot lean on what one of them leaves standing.

Residuals are a circuit's margin less the model's, prompt by prompt and ablation by ablation, over
the root mean square of the model's margins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.circuit import Attention
from core.interventions import (
    JUDGED,
    Ablation,
    Evaluator,
    Outcome,
    Places,
    gradients,
)
from core.models.threads import mapped
from core.search import Response
from core.validation import faithfulness

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probe:
    """One evaluator, asked about lists of nodes."""

    evaluator: Evaluator
    nodes: Int[Tensor, "node 4"]
    """(kind, layer, aligned position, feature or head) of each node; position -1: all of them."""
    places: Places
    """Where the nodes have their gates."""
    end_points: dict[Ablation, tuple[Outcome, Outcome]]
    """(empty circuit, model) under each ablation."""

    @classmethod
    def on(
        cls,
        evaluator: Evaluator,
        nodes: Int[Tensor, "node 4"],
        attention: Attention = Attention.LIVE,
    ) -> "Probe":
        """A probe with its end points measured."""
        places = Places.of(nodes, evaluator.bounds, attention)
        none = places.gates(torch.zeros(1, len(nodes)))
        model = evaluator.model_outcome()
        ends = {a: (evaluator.outcome(none, a), model) for a in JUDGED}
        return cls(evaluator=evaluator, nodes=nodes, places=places, end_points=ends)

    def f_of(self, outcome: Outcome, ablation: Ablation) -> Float[Tensor, " circuit"]:
        """F of each circuit that was run; what it restores in logits on a null."""
        empty, model = self.end_points[ablation]
        found = faithfulness(outcome.logit_diff, empty.logit_diff[0], model.logit_diff[0])
        # A null has no margin to take a share of; its effects are then in logits, and it goes on.
        plain = outcome.logit_diff.mean(-1) - empty.logit_diff.mean()
        return torch.where(found.isnan(), plain, found)

    def loss(self, mask: Float[Tensor, " node"]) -> Tensor:
        """Distance from the model of the soft circuit; carries gradients."""

        def run(ablation: Ablation) -> tuple[Tensor, Tensor]:
            own = mask.detach().requires_grad_()
            with torch.enable_grad():
                value = self.evaluator.loss(self.places.gates(own), ablation).mean()
            return value.detach(), gradients(value, [own])[0]

        values, slopes = (torch.stack(found) for found in zip(*self._each(run), strict=True))
        # The gradient is known already: a term that is 0 hands it on to whatever made the mask.
        along = (slopes.mean(0) * mask).sum()
        return values.mean() + along - along.detach()

    def respond_inside(self, mask: Float[Tensor, " node"]) -> Response:
        """As `respond`, with slopes of the circuit's own nodes; those of others may be 0."""
        return self.respond(mask, closed=False)

    def respond(self, mask: Float[Tensor, " node"], *, closed: bool = True) -> Response:
        """Residuals at a circuit and their slopes by every gate, under both ablations."""
        gates, attention = self.places.gates(mask.detach()), self.places.attention

        # Cut to the nodes at once: the derivatives by all gates are many times larger.
        def run(ablation: Ablation) -> list[tuple[Tensor, Tensor]]:
            found = self.evaluator.margins(gates, ablation, attention, closed=closed)
            return [(margin, self.places.values(slope)) for margin, slope in found]

        parts = [part for found in self._each(run) for part in found]
        model = self.end_points[JUDGED[0]][1].logit_diff[0]
        margin, slope = (torch.cat(columns) for columns in zip(*parts, strict=True))
        return Response(
            residual=(margin - model.repeat(len(JUDGED))) / self._scale,
            slope=slope / self._scale,
        )

    def measure(self, masks: Float[Tensor, "circuit node"]) -> Float[Tensor, " circuit"]:
        """Mean squared residual of each circuit; two forwards each, one per ablation."""
        return self.residuals(masks).square().mean(1)

    def residuals(
        self, masks: Float[Tensor, "circuit node"]
    ) -> Float[Tensor, "circuit measurement"]:
        """Residuals of each circuit, in the order of `respond`; no gradient."""
        gates = self.places.gates(masks)
        model = self.end_points[JUDGED[0]][1].logit_diff
        found = self._each(lambda a: self.evaluator.outcome(gates, a).logit_diff - model)
        return torch.cat(found, 1) / self._scale

    def _each(self, run: Callable[[Ablation], Result]) -> list[Result]:
        """`run` under every ablation, side by side where that is faster."""
        return list(mapped(self.evaluator.model, run, JUDGED))

    @property
    def _scale(self) -> float:
        model = self.end_points[JUDGED[0]][1].logit_diff
        return max(float(model.square().mean().sqrt()), 1e-9)

    def scores(
        self, masks: Float[Tensor, "circuit node"]
    ) -> tuple[Float[Tensor, "ablation circuit"], Float[Tensor, "ablation circuit"]]:
        """F and φ of each circuit under resample and mean ablation."""
        gates = self.places.gates(masks)
        found = self._each(lambda a: self.evaluator.outcome(gates, a))
        f = [self.f_of(outcome, a) for outcome, a in zip(found, JUDGED, strict=True)]
        right = self.end_points[JUDGED[0]][1].correct.float().mean().clamp(min=1e-9)
        return torch.stack(f), torch.stack([o.correct.float().mean(1) / right for o in found])
