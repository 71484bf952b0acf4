"""What all readers of transcoder folders share: tensors of a file, whether a set fits a model.

Nothing that is not finite, and nothing of another shape, gets further than here.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from core.errors import TranscoderError
from core.models import LanguageModel
from core.transcoders.transcoder_set import TranscoderSet


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Float32 tensors of one safetensors file.

    Raises:
        TranscoderError: If it is missing, damaged, or holds values that are not finite.
    """
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise TranscoderError(
            f"{path} cannot be read as safetensors: {error}. Copy or train it again."
        ) from None
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise TranscoderError(
                f"{name} in {path} has values that are NaN, infinite or no floats; all must be "
                "finite floats. Train the dictionary again or fetch the file again."
            )
    return {name: tensor.float() for name, tensor in tensors.items()}


def check_fits(transcoders: TranscoderSet, model: LanguageModel) -> None:
    """Refuse a set whose layers or width are not the model's.

    Raises:
        TranscoderError: If they differ.
    """
    got = (transcoders.n_layers, transcoders.d_model)
    if got != (model.n_layers, model.d_model):
        raise TranscoderError(
            f"These transcoders do not fit {model.name}: they have {got[0]} layers of width "
            f"{got[1]}, the model has {model.n_layers} layers of width {model.d_model}. Give the "
            f"transcoders trained on this model (these name {transcoders.model_name!r})."
        )
