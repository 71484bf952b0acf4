"""Errors as data: what stands in a layer where its transcoder's error was.

An `ErrorRegime` treats the errors of all layers and prompts alike. To ask what is *in* an error, a
layer's error is exchanged for something else (noise of its size, another prompt's error, a part of
it) while all other layers stay as they are. `Errors` holds such values, any number of draws at
once; an `Evaluator` takes one in the place of a regime.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from jaxtyping import Float
from torch import Tensor


class ErrorRegime(StrEnum):
    """What happens to the reconstruction error when a circuit runs alone."""

    ABLATED = "ablated"
    """With everything else outside the circuit, at the reference (strict; the published regime)."""
    KEPT = "kept"
    """At its value on the clean run."""
    RESAMPLE = "resample"
    """At its value on the corrupt run."""
    MEAN = "mean"
    """At its mean."""
    ZERO = "zero"
    """Dropped."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Errors:
    """Errors of some layers, prompt by prompt; the other layers follow a regime."""

    layers: Mapping[int, Float[Tensor, "draw prompt pos d_model"]]
    """By layer; equally many draws each. Prompts stand in the order of the evaluator's batches,
    positions are aligned, and those that a short prompt lacks are not read."""
    rest: ErrorRegime
    """Of the layers that are not named. ABLATED leaves an affine skip ablated everywhere, as the
    strict regime does; under the others it is live."""

    def __len__(self) -> int:
        """Draws."""
        return max((len(values) for values in self.layers.values()), default=1)

    def __getitem__(self, draws: slice) -> "Errors":
        """Some of the draws."""
        return self._each(lambda values: values[draws])

    def cut(self, prompts: slice, start: int) -> "Errors":
        """The part that one batch has: some prompts, from aligned position `start`."""
        return self._each(lambda values: values[:, prompts, start:])

    @property
    def first(self) -> int:
        """The lowest layer that is named; below it everything is as under `rest`."""
        return min(self.layers, default=0)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Errors":
        changed = {layer: change(values) for layer, values in self.layers.items()}
        return Errors(layers=changed, rest=self.rest)
