"""One matrix product, at the full speed of the machine.

On a CPU, `torch.mm` in float32 goes to MKL, which uses only half of the vector width of processors
that Intel did not make; oneDNN, also inside torch, uses all of it (measured on AMD EPYC with two
threads, 768 x 768 weights: 104 against 240 GFLOP/s). The same product in the same precision.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_LINEAR = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def linear(
    x: Float[Tensor, "row inner"], weight: Float[Tensor, "outer inner"]
) -> Float[Tensor, "row outer"]:
    """`x @ weight.T`, by oneDNN where it applies and by torch's default otherwise."""
    suits = x.dtype == torch.float32 and x.device.type == "cpu" and x.shape[0] > 1
    if suits and _LINEAR is not None and torch.backends.mkldnn.is_available():
        return _LINEAR(x, weight, None, "none", [], "")
    return x @ weight.T
