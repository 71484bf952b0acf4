"""Exchange: at a given size, weak nodes of a circuit against strong ones left out.

1. Residuals and slopes at the circuit, for the nodes outside too.
2. Pair by pair, (one out, one in) with the least predicted squared residual beside the exchanges
   already made:  mean (r - J_out + J_in)²,  among the `width` cheapest of either side.
3. The first 1, 2, 4 and 8 exchanges are really run; the best of them is kept if the *measured*
   loss falls. Again at the new circuit, until none helps.

A local search (Kernighan & Lin 1970 exchange in the same way); it cannot make the loss larger.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import SettingsError
from core.search.descend import Measure
from core.search.joint import Respond, Response, mask_of
from core.search.progress import OnProgress, SearchProgress, ignore

TRIED = (1, 2, 4, 8)
"""Numbers of exchanges that are really run in a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSettings:
    """How long to go on."""

    rounds: int = 12
    """Rounds at most."""
    width: int = 64
    """Nodes of either side among which pairs are looked for."""
    gain: float = 1e-3
    """Share of the loss that an exchange must win."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if self.rounds < 1 or self.width < 1 or not 0 <= self.gain < 1:
            raise SettingsError(
                f"Exchange settings are out of range: got {self}; rounds and width must be 1 or "
                "more, gain in [0, 1). Change them."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exchanged:
    """A circuit of the same size."""

    chosen: Int[Tensor, " chosen"]
    """Node indices, ascending."""
    loss: tuple[float, ...]
    """Measured, before and after every round that helped; never rises."""
    forwards: int
    """Circuits run."""
    responses: int
    """Times the slopes were asked for."""


def exchange(
    n: int,
    chosen: Int[Tensor, " chosen"],
    candidates: Int[Tensor, " candidate"],
    respond: Respond,
    measure: Measure,
    settings: ExchangeSettings | None = None,
    progress: OnProgress = ignore,
) -> Exchanged:
    """Improve a circuit without changing its size.

    Args:
        n: Number of nodes (the length of the mask).
        chosen: The circuit.
        candidates: Nodes that may come in.
        respond: See `Respond`.
        measure: See `Measure`.
        settings: Defaults if None.
        progress: Called every round; raise in it to stop.
    """
    settings = settings or ExchangeSettings()
    mask, allowed = mask_of(n, chosen), mask_of(n, candidates) > 0
    losses, forwards, responses = [float(measure(mask[None])[0])], 1, 0
    for turn in range(settings.rounds):
        steps = _pairs(respond(mask), mask, allowed, settings.width)
        responses += 1
        tried = [steps[count - 1] for count in TRIED if count <= len(steps)]
        if not tried:
            break
        found = measure(torch.stack(tried))
        forwards, best = forwards + len(tried), int(found.argmin())
        if not float(found[best]) < (1 - settings.gain) * losses[-1]:
            break
        mask = tried[best]
        losses.append(float(found[best]))
        progress(SearchProgress(stage="exchange", done=turn + 1, total=settings.rounds))
    return Exchanged(
        chosen=mask.nonzero().squeeze(1),
        loss=tuple(losses),
        forwards=forwards,
        responses=responses,
    )


def _pairs(
    response: Response,
    mask: Float[Tensor, " node"],
    allowed: Tensor,
    width: int,
) -> list[Float[Tensor, " node"]]:
    """The circuit after 1, 2, ... predicted exchanges, each of which helps."""
    found, residual, slope = [], response.residual, response.slope
    square = slope.square().sum(0)
    for _ in range(TRIED[-1]):
        inside, outside = mask > 0, (mask == 0) & allowed
        if not inside.any() or not outside.any():
            break
        along = slope.T @ residual
        leave = _cheapest(square - 2 * along, inside, width)
        enter = _cheapest(square + 2 * along, outside, width)
        cost = (square - 2 * along)[leave][:, None] + (square + 2 * along)[enter][None]
        cost = cost - 2 * slope[:, leave].T @ slope[:, enter]
        if not float(cost.min()) < 0:
            break
        row, column = divmod(int(cost.argmin()), len(enter))
        mask = mask.clone()
        mask[leave[row]], mask[enter[column]] = 0.0, 1.0
        residual = residual - slope[:, leave[row]] + slope[:, enter[column]]
        found.append(mask)
    return found


def _cheapest(cost: Float[Tensor, " node"], among: Tensor, width: int) -> Int[Tensor, " few"]:
    places = among.nonzero().squeeze(1)
    return places[torch.argsort(cost[places], stable=True)[:width]]
