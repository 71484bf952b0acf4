"""A transcoder: the sparse stand-in for one MLP of a model.

1. Read the MLP input x (after the norm): pre = x W_enc^T + b_enc.
2. Make it sparse: a = activation(pre); each entry of a is one feature.
3. Write the MLP output: y = a W_dec + b_dec, plus x W_skip^T if there is an affine skip.
4. A cross-layer transcoder also writes a W_later[j] into the output of the MLP j + 1 layers further
   up, so that only all layers together give a reconstruction (`transcoder_set`).

(Dunefsky et al. 2024, arXiv 2406.11944; TopK as in Gao et al. 2024, arXiv 2406.04093; cross-layer:
Ameisen et al. 2025, Circuit Tracing.) Because features read and write linearly, effects between
features of different layers factor into weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.choices import DictionaryKind
from core.errors import TranscoderError
from core.transcoders.activations import Activation, Gated, JumpRelu, Nested, Neurons, Relu, TopK


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
    W_later: Float[Tensor, "feature above d_model"] | None = None
    """What a unit of each feature writes at every later layer, the next one first; None: nothing,
    and no feature of another layer writes here."""
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
    def crosses(self) -> bool:
        """Whether it is a part of a cross-layer transcoder."""
        return self.W_later is not None

    @property
    def above(self) -> int:
        """Later layers it writes to."""
        return 0 if self.W_later is None else self.W_later.shape[1]

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
        """MLP output written by activations `a`, with b_dec and the skip path of `x`.

        Raises:
            TranscoderError: If features of other layers write here too.
        """
        if self.crosses:
            raise TranscoderError(
                "One layer of a cross-layer transcoder was asked for its MLP output; features of "
                "all layers up to it are required. Use `TranscoderSet.rebuild`."
            )
        return self.own(a, x)

    def own(
        self, a: Float[Tensor, "*batch feature"], x: Float[Tensor, "*batch d_model"]
    ) -> Float[Tensor, "*batch d_model"]:
        """As `decode`, leaving out what features of lower layers write here."""
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
        if self.W_later is not None:
            found["W_later"] = self.W_later
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


def kind_of(activation: Activation) -> DictionaryKind:
    """The kind of dictionary that has an activation."""
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
            f"W_enc of {where} has shape {shape}; [feature, d_model] is required. Save it as a "
            "matrix with a row for each feature."
        )
    feature, d_model = shape
    above = tensors["W_later"].shape[1] if "W_later" in tensors else 0
    required = {
        "W_dec": [feature, d_model], "b_enc": [feature], "b_dec": [d_model],
        "W_skip": [d_model, d_model], "activation_function.threshold": [feature],
        "W_up": [feature, d_model], "b_up": [feature], "W_later": [feature, above, d_model],
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
