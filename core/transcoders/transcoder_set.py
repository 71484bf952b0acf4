"""Transcoders of a whole model: one for each layer, or a cross-layer transcoder.

    y_m = b_m + Σ over layers l ≤ m of a_l W[l → m]    (+ x_m W_skip^T)

In a per-layer set only l = m is there. In a cross-layer transcoder (CLT; Ameisen et al. 2025,
Circuit Tracing) every feature has a decoder for its own layer and for each later one, and only the
sum over layers reconstructs an MLP output. Whoever needs a reconstruction asks the set.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.choices import DICTIONARY_KINDS
from core.errors import TranscoderError
from core.transcoders.transcoder import Transcoder, activation_settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TranscoderSet:
    """A transcoder for every layer of one model, or one cross-layer transcoder."""

    layers: tuple[Transcoder, ...]
    """In the model's order; all with the same numbers of features and dimensions."""
    model_name: str
    """Name of the model they were trained on."""
    kind: str
    """One of `DICTIONARY_KINDS`."""
    model_key: str = ""
    """Key of that very model (`LanguageModel.key`); empty where it is not known."""
    scan: str = ""
    """Name of this dictionary in feature links; free text."""
    notes: tuple[str, ...] = ()
    """What a reader should know about an imported set, as sentences."""
    key: str = field(init=False)
    """sha256 of every weight and of the activations."""

    def __post_init__(self) -> None:
        if self.kind not in DICTIONARY_KINDS:
            raise TranscoderError(
                f"The kind of transcoder is {self.kind!r}; it must be one of "
                f"{', '.join(DICTIONARY_KINDS)}. Name the one that its layers are."
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

    @property
    def crosses(self) -> bool:
        """Whether features write at later layers too (a cross-layer transcoder)."""
        return self.layers[0].crosses

    def encode(
        self, x: Float[Tensor, "layer *batch d_model"]
    ) -> Float[Tensor, "layer *batch feature"]:
        """Feature activations of every layer from its MLP input."""
        return torch.stack([coder.encode(one) for coder, one in zip(self.layers, x, strict=True)])

    def rebuild(
        self,
        activation: Float[Tensor, "layer *batch feature"],
        x: Float[Tensor, "layer *batch d_model"],
    ) -> Float[Tensor, "layer *batch d_model"]:
        """Every layer's MLP output, as the features of all layers up to it write it.

        Args:
            activation: Of every layer's features.
            x: MLP inputs, for the affine skips.
        """
        rows = list(zip(self.layers, activation, x, strict=True))
        written = [coder.own(a, one) for coder, a, one in rows]
        for number, (coder, a, _) in enumerate(rows):
            for step in range(coder.above):
                assert coder.W_later is not None
                place = number + 1 + step
                written[place] = written[place] + a @ coder.W_later[:, step]
        return torch.stack(written)

    def writes(
        self, layer: int, features: Int[Tensor, " chosen"], at: int
    ) -> Float[Tensor, "chosen d_model"]:
        """What one unit of some features of a layer writes into the MLP output of layer `at`."""
        coder = self.layers[layer]
        if at == layer:
            return coder.W_dec[features]
        if coder.W_later is None or at < layer:
            return coder.W_dec.new_zeros(len(features), self.d_model)
        return coder.W_later[features, at - layer - 1]

    def all_writes(
        self, layer: int, features: Int[Tensor, " chosen"]
    ) -> Float[Tensor, "chosen d_model"]:
        """The sum of what one unit of some features of a layer writes, over all layers."""
        coder = self.layers[layer]
        own = coder.W_dec[features]
        return own if coder.W_later is None else own + coder.W_later[features].sum(1)

    def __iter__(self) -> Iterator[Transcoder]:
        return iter(self.layers)

    def __getitem__(self, layer: int) -> Transcoder:
        return self.layers[layer]

    def to(self, where: torch.device | torch.dtype | str) -> "TranscoderSet":
        """The same set on another device or in another float type."""
        return replace(self, layers=tuple(layer.to(where) for layer in self.layers))


def _check_alike(layers: tuple[Transcoder, ...]) -> None:
    shapes = [(layer.n_features, layer.d_model) for layer in layers]
    if not shapes:
        raise TranscoderError(
            "A transcoder set has no layers: got 0; one for each layer of the model is required. "
            "Give its layers, or check that the folder holds their files."
        )
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise TranscoderError(
                f"Layer {number} has [feature, d_model] = {list(shape)} and layer 0 has "
                f"{list(shapes[0])}; all layers must have equal feature counts and sizes. Pad "
                "the smaller layers or leave this folder."
            )
    above = [layer.above for layer in layers]
    wanted = list(range(len(layers)))[::-1] if layers[0].crosses else [0] * len(layers)
    if above != wanted or len({layer.crosses for layer in layers}) > 1:
        raise TranscoderError(
            f"The layers of a cross-layer transcoder write to {above} later layers; each must "
            f"write to all above it, {wanted} here. Add the missing decoders."
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
