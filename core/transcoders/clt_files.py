"""Cross-layer transcoders in circuit-tracer's files.

1. `W_enc_{i}.safetensors` of every layer i holds `W_enc_{i}` [feature, d_model], `b_enc_{i}`,
   `b_dec_{i}` and, if there are any, `threshold_{i}` (JumpReLU) and `W_skip_{i}`.
2. `W_dec_{i}.safetensors` holds `W_dec_{i}` [feature, layers - i, d_model]: slot j writes to layer
   i + j, slot 0 to its own.
3. A skip is applied as x W_skip here, and as x W_skip^T in per-layer files: it is turned.

The layout is circuit-tracer's (github.com/decoderesearch/circuit-tracer, `cross_layer_transcoder`),
which knows ReLU and JumpReLU. Ours may be TopK or nested too; `config.yaml` says so, as it does for
per-layer folders (`files`).
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.errors import TranscoderError
from core.transcoders.tensors import read_tensors
from core.transcoders.transcoder_set import TranscoderSet

ENCODER, DECODER = "W_enc_{}.safetensors", "W_dec_{}.safetensors"
THRESHOLD = "activation_function.threshold"
NAMES = {
    "W_enc_{}": "W_enc", "b_enc_{}": "b_enc", "b_dec_{}": "b_dec", "threshold_{}": THRESHOLD,
    "W_skip_{}": "W_skip",
}  # fmt: skip
"""circuit-tracer's names in an encoder file, and ours."""
OPTIONAL = frozenset({"threshold_{}", "W_skip_{}"})


def write_layers(transcoders: TranscoderSet, folder: Path) -> None:
    """Write the two files of every layer."""
    for number, layer in enumerate(transcoders):
        found = {name: tensor.cpu().contiguous() for name, tensor in layer.tensors().items()}
        if "W_skip" in found:
            found["W_skip"] = found["W_skip"].T.contiguous()
        encoder = {theirs: found[ours] for theirs, ours in NAMES.items() if ours in found}
        save_file(_named(encoder, number), folder / ENCODER.format(number))
        assert layer.W_later is not None
        decoder = torch.cat([layer.W_dec[:, None], layer.W_later], dim=1).cpu().contiguous()
        save_file(_named({"W_dec_{}": decoder}, number), folder / DECODER.format(number))


def read_layers(folder: Path) -> list[dict[str, Tensor]]:
    """Tensors of every layer by our own names.

    Raises:
        TranscoderError: If files or tensors are missing, unknown or misshapen.
    """
    count = _count(folder)
    return [_read_layer(folder, number, count) for number in range(count)]


def _named(tensors: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    return {name.format(number): tensor for name, tensor in tensors.items()}


def _count(folder: Path) -> int:
    """Number of layers; every one must have both files."""
    present = {path.name for path in folder.glob("W_*.safetensors")}
    count = len(present) // 2
    wanted = {name.format(i) for i in range(count) for name in (ENCODER, DECODER)}
    if not count or present != wanted:
        raise TranscoderError(
            f"{folder} holds {sorted(present)}; W_enc_{{i}}.safetensors and "
            "W_dec_{i}.safetensors of every layer from 0 are required, and no others. Copy what is "
            "missing."
        )
    return count


def _read_layer(folder: Path, number: int, count: int) -> dict[str, Tensor]:
    read = read_tensors(folder / ENCODER.format(number))
    known = {name.format(number): ours for name, ours in NAMES.items()}
    required = {name.format(number) for name in NAMES if name not in OPTIONAL}
    decoder = read_tensors(folder / DECODER.format(number))
    wrong = required - set(read), set(read) - set(known)
    if any(wrong) or set(decoder) != {f"W_dec_{number}"}:
        raise TranscoderError(
            f"Layer {number} of {folder} holds {sorted(read)} and {sorted(decoder)}; "
            f"{sorted(required)} and W_dec_{number} are required, {sorted(known)} allowed. Rename "
            "them as circuit-tracer does."
        )
    found = {known[name]: tensor for name, tensor in read.items()}
    W_dec = decoder[f"W_dec_{number}"]
    if W_dec.ndim != 3 or W_dec.shape[1] != count - number:
        raise TranscoderError(
            f"W_dec_{number} of {folder} has shape {list(W_dec.shape)}; [feature, "
            f"{count - number}, d_model] is required, a slot for each layer from its own up. Copy "
            "all layers of one transcoder."
        )
    found |= {"W_dec": W_dec[:, 0].contiguous(), "W_later": W_dec[:, 1:].contiguous()}
    if "W_skip" in found:
        found["W_skip"] = found["W_skip"].T.contiguous()
    return found
