"""Checkpoints of a training run: one safetensors file, its JSON head inside.

Weights, optimiser moments and counters are written together and renamed into place, so that a run
that is killed leaves the checkpoint before or the one after, never a part.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.errors import TranscoderError
from core.transcoders.settings import TrainSettings

NAME = "checkpoint.safetensors"


def save_checkpoint(
    folder: Path, state: dict[str, Tensor], settings: TrainSettings, step: int
) -> None:
    """Replace the folder's checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}
    head = {"step": step, "settings": _plain(settings)}
    partial = folder / f"{NAME}.{os.getpid()}.part"
    save_file(tensors, partial, metadata={"run": json.dumps(head)})
    os.replace(partial, folder / NAME)


def load_checkpoint(folder: Path, state: dict[str, Tensor], settings: TrainSettings) -> int:
    """Copy a checkpoint into a run's tensors, in place.

    Returns:
        Steps already done; 0 if there is no checkpoint.

    Raises:
        TranscoderError: If it is damaged or belongs to other settings or another model.
    """
    path = folder / NAME
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            head: dict[str, Any] = json.loads((file.metadata() or {})["run"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise TranscoderError(
            f"The checkpoint {path} cannot be read ({error}); a whole one is required. Delete it "
            "to train from the start."
        ) from None
    shapes = {name: tensor.shape for name, tensor in state.items()}
    if head.get("settings") != _plain(settings) or shapes != {
        name: tensor.shape for name, tensor in tensors.items()
    }:
        raise TranscoderError(
            f"The checkpoint {path} belongs to another training run (other settings or another "
            "model); the same ones are required to resume. Delete it or give another folder."
        )
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(tensors[name])
    return int(head["step"])


def _plain(settings: TrainSettings) -> Any:
    return json.loads(json.dumps(dataclasses.asdict(settings)))
