"""Transcoder folders: read and write circuit-tracer's per-layer and cross-layer forms.

1. `config.yaml` names the model, the hooks, the activation and, if wanted, the layer files.
2. `layer_{i}.safetensors` holds W_enc, W_dec [feature, d_model], b_enc, b_dec, and optionally
   W_skip [d_model, d_model] (applied as x W_skip^T) or activation_function.threshold (JumpReLU).
   A cross-layer transcoder has other files (`clt_files`) and `model_kind: cross_layer_transcoder`.
3. Nothing is guessed: whatever is missing, extra, misshapen, not finite or outside the folder is
   refused with one TranscoderError.
4. Folders of sparsify and SAELens are recognised and handed to `imports.py`.

The layout is circuit-tracer's (github.com/decoderesearch/circuit-tracer, `transcoder_set`). Our
nested dictionaries add `activation: {type: nested, k: .., prefix: [one number for each layer]}`,
and all of ours `model_key`, the sha256 of the model they were trained on.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import save_file
from torch import Tensor

from core.errors import TranscoderError
from core.models import LanguageModel
from core.transcoders.activation_config import CONFIG, activation_config, read_activation
from core.transcoders.clt_files import read_layers, write_layers
from core.transcoders.imports import import_transcoders, try_on_model
from core.transcoders.prediction import NAME as HEADS
from core.transcoders.tensors import check_fits, read_tensors
from core.transcoders.transcoder import Transcoder, check_shapes, kind_of
from core.transcoders.transcoder_set import TranscoderSet

REQUIRED = frozenset({"W_enc", "W_dec", "b_enc", "b_dec"})
OPTIONAL = frozenset({"W_skip", "activation_function.threshold", "W_up", "b_up"})
READS, WRITES = ("mlp.hook_in",), ("mlp.hook_out", "hook_mlp_out")
SETS, CROSSING = "transcoder_set", "cross_layer_transcoder"
"""`model_kind` of per-layer and of cross-layer folders."""
OURS = (CONFIG, "layer_*.safetensors", "W_enc_*.safetensors", "W_dec_*.safetensors", HEADS)
"""Files of a dictionary, which a new one in its folder replaces."""
_LARGEST_CONFIG = 1 << 20  # bytes; a config is a few lines


def save_transcoders(transcoders: TranscoderSet, folder: str | Path) -> Path:
    """Write a set as a circuit-tracer folder; the config goes last, so a cut write is no set.

    Layers and prediction heads of an earlier set in that folder are removed first: heads belong to
    the features they were trained with (`save_heads` writes the new ones).

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).unlink(missing_ok=True)
    for name in OURS[1:]:
        for stale in folder.glob(name):
            stale.unlink()
    if transcoders.crosses:
        write_layers(transcoders, folder)
    for number, layer in enumerate(() if transcoders.crosses else transcoders):
        tensors = {name: tensor.cpu().contiguous() for name, tensor in layer.tensors().items()}
        save_file(tensors, folder / f"layer_{number}.safetensors")
    text = yaml.safe_dump(_config(transcoders), sort_keys=False)
    (folder / CONFIG).write_text(text, encoding="utf-8")
    return folder


def load_transcoders(folder: str | Path, model: LanguageModel | None = None) -> TranscoderSet:
    """Read a transcoder folder: circuit-tracer's, sparsify's or SAELens'.

    Args:
        folder: Holds `config.yaml` (circuit-tracer), or one sub-folder for each layer with
            `sae.safetensors` (sparsify) or `sae_weights.safetensors` (SAELens).
        model: If given, layers and sizes must fit it, and imports are tried on it.

    Raises:
        TranscoderError: If anything in the folder breaks a rule of the format.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise TranscoderError(
            f"The transcoder folder {str(folder)!r} does not exist; a folder with {CONFIG} is "
            "required. Train one with `hagd train` or give another path."
        )
    if not (folder / CONFIG).is_file():
        return import_transcoders(folder, model)
    config = read_config(folder / CONFIG)
    crosses = config.get("model_kind") == CROSSING
    tensors = read_layers(folder) if crosses else _read_set(folder, config)
    layers = tuple(_transcoder(config, number, found) for number, found in enumerate(tensors))
    transcoders = TranscoderSet(
        layers=layers,
        model_name=str(config.get("model_name", "")),
        model_key=str(config.get("model_key") or ""),
        kind="clt" if crosses else kind_of(layers[0].activation),
        scan=str(config.get("scan") or ""),
    )
    _check_content(folder, config.get("content_key"), transcoders.key)
    if model is not None:
        check_fits(transcoders, model)
        if crosses and transcoders.model_key != model.key:
            return replace(transcoders, notes=try_on_model(transcoders, model).notes)
    return transcoders


def _read_set(folder: Path, config: Mapping[str, Any]) -> list[dict[str, Tensor]]:
    """Tensors of every layer of a per-layer folder."""
    tensors = [read_tensors(path) for path in _layer_files(folder, config)]
    for number, found in enumerate(tensors):
        wrong = REQUIRED - set(found), set(found) - REQUIRED - OPTIONAL
        if any(wrong):
            raise TranscoderError(
                f"Layer {number} lacks the tensors {sorted(wrong[0])} and has unknown ones "
                f"{sorted(wrong[1])}; {sorted(REQUIRED)} are required and {sorted(OPTIONAL)} "
                "allowed. Rename them as circuit-tracer does."
            )
    return tensors


def _check_content(folder: Path, written: Any, found: str) -> None:
    """Refuse weights that have changed since; folders of other projects record no key."""
    if written is not None and written != found:
        raise TranscoderError(
            f"The transcoders in {folder} are damaged: their weights are not the ones that were "
            f"written ({CONFIG} records content {str(written)[:12]}…, the files hold "
            f"{found[:12]}…). Copy the folder again or train them anew; after a change on purpose, "
            "take content_key out."
        )


def read_config(path: Path) -> dict[str, Any]:
    """Parse and check a config.yaml.

    Raises:
        TranscoderError: If it is no YAML mapping, or of a kind or of hooks we do not read.
    """
    try:
        if (size := path.stat().st_size) > _LARGEST_CONFIG:
            raise TranscoderError(
                f"{path} is larger than a config can be: got {size:,} bytes, required are at most "
                f"{_LARGEST_CONFIG:,}. Check that this is a transcoder folder, or write it anew."
            )
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise TranscoderError(f"{path} is not valid YAML: {error}. Mend or rewrite it.") from None
    if not isinstance(config, dict):
        raise TranscoderError(
            f"{path} holds {type(config).__name__}; a mapping is required. Write it as lines of "
            "`name: value`, as circuit-tracer does."
        )
    _one_of(config, "model_kind", (SETS, CROSSING), SETS)
    _one_of(config, "feature_input_hook", READS, READS[0])
    _one_of(config, "feature_output_hook", WRITES, WRITES[0])
    return config


def _config(transcoders: TranscoderSet) -> dict[str, Any]:
    return {
        "model_name": transcoders.model_name,
        **({"model_key": transcoders.model_key} if transcoders.model_key else {}),
        "content_key": transcoders.key,
        "model_kind": CROSSING if transcoders.crosses else SETS,
        "feature_input_hook": READS[0],
        "feature_output_hook": WRITES[0],
        "scan": transcoders.scan,
        **({} if transcoders.crosses else {"transcoders": _listed(transcoders.n_layers)}),
        **activation_config(transcoders),
    }


def _listed(n_layers: int) -> list[str]:
    return [f"layer_{number}.safetensors" for number in range(n_layers)]


def _layer_files(folder: Path, config: Mapping[str, Any]) -> list[Path]:
    """Layer files in order, from the config's list or from their names."""
    listed = config.get("transcoders")
    if listed is None:
        names = sorted(path.name for path in folder.glob("layer_*.safetensors"))
    elif isinstance(listed, list) and all(isinstance(name, str) for name in listed):
        names = listed
    else:
        raise TranscoderError(
            f"`transcoders` in {CONFIG} is {str(listed)[:80]!r}; it must be a list of file names. "
            "List the file of every layer, or leave it out: then the names in the folder count."
        )
    paths = {_layer_number(name): _inside(folder, name) for name in names}
    missing = sorted(set(range(max(paths, default=0) + 1)) - set(paths))
    if missing or len(paths) != len(names):
        raise TranscoderError(
            f"{folder} has {len(names)} layer files, without layers {missing}; exactly one "
            "layer_{i}.safetensors for every layer from 0 is required. Add what is missing."
        )
    return [paths[number] for number in range(len(paths))]


def _layer_number(name: str) -> int:
    match = re.search(r"(?:^|/)layer_(\d+)\.safetensors$", name)
    if match is None:
        raise TranscoderError(
            f"The layer file is named {name!r}; layer_{{i}}.safetensors is required (fetch "
            "hf:// files into the folder first)."
        )
    return int(match.group(1))


def _inside(folder: Path, name: str) -> Path:
    """A file of the folder; names that lead out of it are refused."""
    path = folder / name
    unsafe = Path(name).is_absolute() or "://" in name or ".." in Path(name).parts
    if unsafe or not path.resolve().is_relative_to(folder.resolve()):
        raise TranscoderError(
            f"The layer file {name!r} is not inside the transcoder folder; a path relative to "
            "the folder is required. Copy the file into it."
        )
    return path


def _transcoder(config: Mapping[str, Any], number: int, found: dict[str, Tensor]) -> Transcoder:
    check_shapes(found, f"layer {number}")
    names = (*sorted(REQUIRED), "W_skip", "W_later")
    return Transcoder(
        **{name: found[name] for name in names if name in found},
        activation=read_activation(config, number, found),
    )


def _one_of(config: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> None:
    if (got := config.get(name, default)) not in known:
        raise TranscoderError(
            f"{name} in {CONFIG} is {got!r}; {' or '.join(known)} is required. Dictionaries that "
            "read or write elsewhere cannot stand in for the MLPs of this model."
        )
