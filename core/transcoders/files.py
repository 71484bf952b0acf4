"""Transcoder folders: read and write circuit-tracer's per-layer form.

1. `config.yaml` names the model, the hooks, the activation and, if wanted, the layer files.
2. `layer_{i}.safetensors` holds W_enc, W_dec [feature, d_model], b_enc, b_dec, and optionally
   W_skip [d_model, d_model] (applied as x W_skip^T) or activation_function.threshold (JumpReLU).
3. Nothing is guessed: whatever is missing, extra, misshapen, not finite or outside the folder is
   refused with one TranscoderError.
4. Folders of sparsify and SAELens are recognised and handed to `imports.py`.

The layout is circuit-tracer's (github.com/decoderesearch/circuit-tracer, `transcoder_set`). Our
nested dictionaries add `activation: {type: nested, k: .., prefix: [one number for each layer]}`,
and all of ours `model_key`, the sha256 of the model they were trained on.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import save_file
from torch import Tensor

from core.errors import TranscoderError
from core.models import LanguageModel
from core.transcoders.activations import Activation, Gated, JumpRelu, Nested, Neurons, Relu, TopK
from core.transcoders.imports import import_transcoders
from core.transcoders.prediction import NAME as HEADS
from core.transcoders.tensors import check_fits, read_tensors
from core.transcoders.transcoder import Transcoder, check_shapes, kind_of
from core.transcoders.transcoder_set import TranscoderSet

CONFIG = "config.yaml"
REQUIRED = frozenset({"W_enc", "W_dec", "b_enc", "b_dec"})
OPTIONAL = frozenset({"W_skip", "activation_function.threshold", "W_up", "b_up"})
READS, WRITES = ("mlp.hook_in",), ("mlp.hook_out", "hook_mlp_out")
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
    for stale in (*folder.glob("layer_*.safetensors"), *folder.glob(HEADS)):
        stale.unlink()
    for number, layer in enumerate(transcoders.layers):
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
    files = _layer_files(folder, config)
    tensors = [read_tensors(path) for path in files]
    layers = tuple(_transcoder(config, number, found) for number, found in enumerate(tensors))
    transcoders = TranscoderSet(
        layers=layers,
        model_name=str(config.get("model_name", "")),
        model_key=str(config.get("model_key") or ""),
        kind=kind_of(layers[0].activation),
        scan=str(config.get("scan") or ""),
    )
    _check_content(folder, config.get("content_key"), transcoders.key)
    if model is not None:
        check_fits(transcoders, model)
    return transcoders


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
        if path.stat().st_size > _LARGEST_CONFIG:
            raise TranscoderError(f"{path.name} is larger than a config can be; check the folder.")
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise TranscoderError(f"{path} is not valid YAML: {error}. Mend or rewrite it.") from None
    if not isinstance(config, dict):
        raise TranscoderError(f"{path} holds {type(config).__name__}; a mapping is required.")
    _one_of(config, "model_kind", ("transcoder_set",), "transcoder_set")
    _one_of(config, "feature_input_hook", READS, READS[0])
    _one_of(config, "feature_output_hook", WRITES, WRITES[0])
    return config


def _config(transcoders: TranscoderSet) -> dict[str, Any]:
    return {
        "model_name": transcoders.model_name,
        **({"model_key": transcoders.model_key} if transcoders.model_key else {}),
        "content_key": transcoders.key,
        "model_kind": "transcoder_set",
        "feature_input_hook": READS[0],
        "feature_output_hook": WRITES[0],
        "scan": transcoders.scan,
        "transcoders": [f"layer_{number}.safetensors" for number in range(transcoders.n_layers)],
        **_activation_config(transcoders),
    }


def _activation_config(transcoders: TranscoderSet) -> dict[str, Any]:
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


def _layer_files(folder: Path, config: Mapping[str, Any]) -> list[Path]:
    """Layer files in order, from the config's list or from their names."""
    listed = config.get("transcoders")
    if listed is None:
        names = sorted(path.name for path in folder.glob("layer_*.safetensors"))
    elif isinstance(listed, list) and all(isinstance(name, str) for name in listed):
        names = listed
    else:
        raise TranscoderError(f"`transcoders` in {CONFIG} must be a list of file names.")
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
    wrong = REQUIRED - set(found), set(found) - REQUIRED - OPTIONAL
    if any(wrong):
        raise TranscoderError(
            f"Layer {number} lacks the tensors {sorted(wrong[0])} and has unknown ones "
            f"{sorted(wrong[1])}; {sorted(REQUIRED)} are required and {sorted(OPTIONAL)} allowed. "
            "Rename them as circuit-tracer does."
        )
    check_shapes(found, f"layer {number}")
    names = (*sorted(REQUIRED), "W_skip")
    return Transcoder(
        **{name: found[name] for name in names if name in found},
        activation=_activation(config, number, found),
    )


def _activation(config: Mapping[str, Any], number: int, found: dict[str, Tensor]) -> Activation:
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
            f"{name} in {CONFIG} is {value!r}; a whole number is required for this activation."
        )
    return int(value)


def _one_of(config: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> None:
    if (got := config.get(name, default)) not in known:
        raise TranscoderError(
            f"{name} in {CONFIG} is {got!r}; {' or '.join(known)} is required. Dictionaries that "
            "read or write elsewhere cannot stand in for the MLPs of this model."
        )
