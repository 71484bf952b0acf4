"""What the gated features of one layer add to its output, computed only where something is gated.

    change[p] = Σ_f gate[p, f] · (a[p, f] − a°[p, f]) · W_dec[f]

1. Position by position, so that the activations of one position stay in the processor's cache.
2. Only features with an open gate in some circuit are multiplied out; a random circuit has few of
   them at a position. (A closed gate changes nothing, but its derivative says what opening it would
   do: whoever asks for that says so.)
3. Activations that are the same in every circuit are given, not computed: block 0 reads the
   embeddings, whatever the circuit. Elsewhere the encoder runs, for the gated features alone where
   each depends on nothing but its own pre-activation (a nested dictionary's dense prefix does).

The sums are those of the whole product in another order.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.transcoders import Nested, Relu, Transcoder


def gated_change(
    coder: Transcoder,
    x: Float[Tensor, "circuit_prompt pos d_model"],
    gate: Float[Tensor, "circuit gated pos feature"],
    resting: Float[Tensor, "_ pos feature"],
    at: Int[Tensor, " at"],
    known: Float[Tensor, "prompt pos feature"] | None = None,
    closed: bool = False,
) -> Float[Tensor, "circuit_prompt at d_model"]:
    """The change at some positions; the batch axis is circuit-major.

    Args:
        coder: A transcoder that writes to its own layer alone.
        x: MLP inputs.
        gate: `gated` is 1 or the number of prompts.
        resting: Reference activations a°; batch 1 or the number of prompts.
        at: Positions wanted.
        known: Activations of each prompt, where they are the same in every circuit.
        closed: Whether derivatives by closed gates are asked for.
    """
    parts, gates = [], gate.unbind(2)  # one backward for all positions
    for p in at.tolist():
        here, rest = gates[p], resting[:, p]
        chosen = None if closed else _gated_features(here)
        if chosen is not None:
            here, rest = here[..., chosen], rest[:, chosen]
        if known is None:
            a = _encoded(coder, x[:, p], chosen).view(len(gate), -1, here.shape[-1])
        else:
            a = (known[:, p] if chosen is None else known[:, p, chosen])[None]
        decoder = coder.W_dec if chosen is None else coder.W_dec[chosen]
        parts.append(((here * (a - rest)) @ decoder).flatten(0, 1))
    return torch.stack(parts, 1)


def _gated_features(gate: Float[Tensor, "circuit gated feature"]) -> Int[Tensor, " chosen"] | None:
    """Features with an open gate, or None for all of them."""
    chosen = (gate.detach() != 0).flatten(0, 1).any(0).nonzero().squeeze(1)
    return None if 2 * len(chosen) > gate.shape[-1] else chosen


def _encoded(
    coder: Transcoder, x: Float[Tensor, "row d_model"], chosen: Int[Tensor, " chosen"] | None
) -> Float[Tensor, "row chosen"]:
    """Activations of the chosen features."""
    if chosen is None:
        return coder.encode(x)
    alone = isinstance(coder.activation, Relu) or (
        isinstance(coder.activation, Nested) and int(chosen.max()) < coder.prefix
    )
    if alone:
        return (x @ coder.W_enc[chosen].T + coder.b_enc[chosen]).relu()
    return coder.encode(x)[:, chosen]
