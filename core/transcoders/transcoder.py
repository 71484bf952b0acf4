"""Transcoders: sparse stand-ins for a model's MLPs, one for each layer.

1. Read the MLP input x (after the norm): pre = x W_enc^T + b_enc.
2. Make it sparse: a = activation(pre); each entry of a is one feature.
3. Write the MLP output: y = a W_dec + b_dec, plus x W_skip^T if there is an affine skip.

(Dunefsky et al. 2024, arXiv 2406.11944; TopK as in Gao et al. 2024, arXiv 2406.04093.) Because
features read and write linearly, effects between features of different layers factor into weights.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import TranscoderError
from core.transcoders.activations import Activation, Gated, JumpRelu, Nested, Neurons, Relu, TopK

KINDS = ("topk", "nested", "relu", "jumprelu", "neurons", "gated")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transcoder:
    """One layer's dictionary from MLP input to MLP output."""

    W_enc: Float[Tensor, "feature d_model"]
    """Row f reads feature f from the MLP input."""
    b_enc: Float[Tensor, " feature"]
    """Added before the activation."""
    W_dec: Float[Tensor, "feature d_model"]
    """Row f is what one unit of feature f writes."""
    b_dec: Float[Tensor, " d_model"]
    """Written whatever the input."""
    W_skip: Float[Tensor, "d_model d_model"] | None = None
    """Affine skip, applied as x @ W_skip.T; an uncounted path, so off by default."""
    activation: Activation
    """Pre-activations to feature activations."""

    def __post_init__(self) -> None:
        _check_room(self.activation, self.n_features)

    @property
    def n_features(self) -> int:
        return self.W_enc.shape[0]

    @property
    def d_model(self) -> int:
        return self.W_enc.shape[1]

    @property
    def prefix(self) -> int:
        """Features that reconstruct alone; 0 unless the dictionary is nested."""
        return self.activation.prefix if isinstance(self.activation, Nested) else 0

    @property
    def reads_linearly(self) -> bool:
        """Whether activations are a function of `pre_activation` alone (gated neurons are not)."""
        return not isinstance(self.activation, Gated)

    def pre_activation(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch feature"]:
        """Linear read of the MLP input."""
        return x @ self.W_enc.T + self.b_enc

    def encode(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch feature"]:
        """Feature activations; >= 0 except for neurons."""
        pre = self.pre_activation(x)
        if isinstance(self.activation, Gated):
            return self.activation(pre, x)
        return self.activation(pre)

    def decode(
        self, a: Float[Tensor, "*batch feature"], x: Float[Tensor, "*batch d_model"]
    ) -> Float[Tensor, "*batch d_model"]:
        """MLP output written by activations `a`, with b_dec and the skip path of `x`."""
        y = a @ self.W_dec + self.b_dec
        return y if self.W_skip is None else y + x @ self.W_skip.T

    def __call__(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Reconstruction of the MLP output."""
        return self.decode(self.encode(x), x)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by its name in files."""
        found = {
            "W_enc": self.W_enc, "b_enc": self.b_enc, "W_dec": self.W_dec, "b_dec": self.b_dec
        }  # fmt: skip
        if self.W_skip is not None:
            found["W_skip"] = self.W_skip
        if isinstance(self.activation, JumpRelu):
            found["activation_function.threshold"] = self.activation.threshold
        if isinstance(self.activation, Gated):
            found |= {"W_up": self.activation.W_up, "b_up": self.activation.b_up}
        return found

    def to(self, where: torch.device | torch.dtype | str) -> "Transcoder":
        """The same transcoder on another device or in another float type."""
        moved = {name: tensor.to(where) for name, tensor in self.tensors().items()}
        activation = self.activation
        if isinstance(activation, JumpRelu):
            activation = JumpRelu(threshold=moved.pop("activation_function.threshold"))
        if isinstance(activation, Gated):
            activation = replace(activation, W_up=moved.pop("W_up"), b_up=moved.pop("b_up"))
        return Transcoder(**moved, activation=activation)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TranscoderSet:
    """A transcoder for every layer of one model."""

    layers: tuple[Transcoder, ...]
    """In the model's order; all with the same numbers of features and dimensions."""
    model_name: str
    """Name of the model they were trained on."""
    kind: str
    """One of KINDS."""
    model_key: str = ""
    """Key of that very model (`LanguageModel.key`); empty where it is not known."""
    scan: str = ""
    """Name of this dictionary in feature links; free text."""
    notes: tuple[str, ...] = ()
    """What a reader should know about an imported set, as sentences."""
    key: str = field(init=False)
    """sha256 of every weight and of the activations."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise TranscoderError(
                f"The kind of transcoder is {self.kind!r}; it must be one of {', '.join(KINDS)}."
            )
        _check_alike(self.layers)
        object.__setattr__(self, "key", _content_key(self.layers))

    @property
    def n_layers(self) -> int:
        return len(self.layers)

    @property
    def n_features(self) -> int:
        return self.layers[0].n_features

    @property
    def d_model(self) -> int:
        return self.layers[0].d_model

    @property
    def prefixes(self) -> tuple[int, ...]:
        """Dense features of each layer; zeros unless nested."""
        return tuple(layer.prefix for layer in self.layers)

    @property
    def reads_linearly(self) -> bool:
        """Whether an attribution graph can be built on these features."""
        return all(layer.reads_linearly for layer in self.layers)

    def __iter__(self) -> Iterator[Transcoder]:
        return iter(self.layers)

    def __getitem__(self, layer: int) -> Transcoder:
        return self.layers[layer]

    def to(self, where: torch.device | torch.dtype | str) -> "TranscoderSet":
        """The same set on another device or in another float type."""
        return replace(self, layers=tuple(layer.to(where) for layer in self.layers))


def kind_of(activation: Activation) -> str:
    """Name in KINDS of an activation."""
    match activation:
        case TopK():
            return "topk"
        case Nested():
            return "nested"
        case JumpRelu():
            return "jumprelu"
        case Neurons():
            return "neurons"
        case Gated():
            return "gated"
        case Relu():
            return "relu"


def activation_settings(activation: Activation) -> dict[str, str | int]:
    """What an activation is besides its tensors."""
    settings: dict[str, str | int] = {"type": kind_of(activation)}
    for name in ("k", "prefix", "function"):
        if hasattr(activation, name):
            settings[name] = getattr(activation, name)
    return settings


def check_shapes(tensors: Mapping[str, Tensor], where: str) -> None:
    """Refuse tensors, by their names in files, that do not fit together.

    Raises:
        TranscoderError: Naming each misshapen tensor, its shape and the shape it must have.
    """
    shape = list(tensors["W_enc"].shape)
    if len(shape) != 2:
        raise TranscoderError(
            f"W_enc of {where} has shape {shape}; [feature, d_model] is required."
        )
    feature, d_model = shape
    required = {
        "W_dec": [feature, d_model], "b_enc": [feature], "b_dec": [d_model],
        "W_skip": [d_model, d_model], "activation_function.threshold": [feature],
        "W_up": [feature, d_model], "b_up": [feature],
    }  # fmt: skip
    wrong = [
        f"{name} has shape {list(tensor.shape)}, required {required[name]}"
        for name, tensor in tensors.items()
        if name in required and list(tensor.shape) != required[name]
    ]
    if wrong:
        raise TranscoderError(
            f"The tensors of {where} do not fit its W_enc {shape}: {'; '.join(wrong)}. "
            "Transpose or fetch them again."
        )


def _check_room(activation: Activation, n_features: int) -> None:
    asked = getattr(activation, "k", 0) + getattr(activation, "prefix", 0)
    if asked > n_features:
        raise TranscoderError(
            f"The activation asks for {asked} features (prefix + k) of {n_features}; it must not "
            "ask for more than there are. Lower k or the prefix."
        )


def _check_alike(layers: tuple[Transcoder, ...]) -> None:
    shapes = [(layer.n_features, layer.d_model) for layer in layers]
    if not shapes:
        raise TranscoderError("A transcoder set has no layers; it must have at least one.")
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise TranscoderError(
                f"Layer {number} has [feature, d_model] = {list(shape)} and layer 0 has "
                f"{list(shapes[0])}; all layers must have equal feature counts and sizes. Pad "
                "the smaller layers or leave this folder."
            )


def _content_key(layers: tuple[Transcoder, ...]) -> str:
    digest = hashlib.sha256()
    for layer in layers:
        digest.update(json.dumps(activation_settings(layer.activation), sort_keys=True).encode())
        for name, tensor in sorted(layer.tensors().items()):
            head = json.dumps([name, list(tensor.shape), str(tensor.dtype)])
            digest.update(head.encode())
            raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(raw.numpy().tobytes())
    return digest.hexdigest()
