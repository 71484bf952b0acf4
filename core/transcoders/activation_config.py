"""The activation in a dictionary's config.yaml, written and read.

activation: topk, k: 16                             circuit-tracer's form
activation: {type: nested, k: 16, prefix: [36, 72]} ours; one prefix for each layer
activation: relu | jumprelu | {type: neurons | gated, function: gelu}
"""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from core.errors import TranscoderError
from core.transcoders.activations import Activation, Gated, JumpRelu, Nested, Neurons, Relu, TopK
from core.transcoders.transcoder import kind_of
from core.transcoders.transcoder_set import TranscoderSet

CONFIG = "config.yaml"


def activation_config(transcoders: TranscoderSet) -> dict[str, Any]:
    """What config.yaml says of a set's activation."""
    activation = transcoders.layers[0].activation
    match activation:
        case TopK():
            return {"activation": "topk", "k": activation.k}
        case Nested():
            prefix = list(transcoders.prefixes)
            return {"activation": {"type": "nested", "k": activation.k, "prefix": prefix}}
        case Neurons() | Gated():
            kind = kind_of(activation)
            return {"activation": {"type": kind, "function": activation.function}}
        case Relu():
            return {"activation": "relu"}
        case JumpRelu():
            return {"activation": "jumprelu"}


def read_activation(config: Mapping[str, Any], number: int, found: dict[str, Tensor]) -> Activation:
    """The activation of one layer.

    Args:
        config: The parsed config.yaml.
        number: Which layer.
        found: Its tensors, by our names.

    Raises:
        TranscoderError: If the config and the tensors do not give one.
    """
    settings = config.get("activation")
    settings = dict(settings) if isinstance(settings, dict) else {"type": settings}
    threshold = found.get("activation_function.threshold")
    kind = settings.get("type") or ("relu" if threshold is None else "jumprelu")
    match kind:
        case "topk":
            return TopK(k=_whole(settings.get("k", config.get("k")), "k"))
        case "nested":
            k = _whole(settings.get("k", config.get("k")), "k")
            return Nested(k=k, prefix=_whole(_of_layer(settings.get("prefix"), number), "prefix"))
        case "relu" if threshold is None:
            return Relu()
        case "relu" | "jumprelu" | "jump_relu" if threshold is not None:
            return JumpRelu(threshold=threshold)
        case "neurons":
            return Neurons(function=str(settings.get("function")))
        case "gated" if {"W_up", "b_up"} <= set(found):
            up = {"W_up": found["W_up"], "b_up": found["b_up"]}
            return Gated(function=str(settings.get("function")), **up)
    raise TranscoderError(
        f"The activation of layer {number} is {kind!r} and its tensors are {sorted(found)}; topk, "
        "nested, relu, jumprelu (with a threshold), neurons or gated (with W_up, b_up) is "
        f"required. Name it in {CONFIG}."
    )


def _of_layer(prefix: Any, number: int) -> Any:
    if not isinstance(prefix, list):
        return prefix
    return prefix[number] if number < len(prefix) else None


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.fmod(value, 1):
        raise TranscoderError(
            f"{name} in {CONFIG} is {value!r}; a whole number is required for this activation. "
            "Write the one that the dictionary was trained with."
        )
    return int(value)
