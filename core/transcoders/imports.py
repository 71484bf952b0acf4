"""Read dictionaries of other training projects as transcoder sets.

1. Find one folder for each layer by its weights file: `sae.safetensors` is sparsify's
   (github.com/EleutherAI/sparsify), `sae_weights.safetensors` SAELens'
   (github.com/decoderesearch/SAELens).
2. Rename, and transpose where the project stores the other way round:

       ours      sparsify         SAELens
       W_enc     encoder.weight   W_enc^T
       b_enc     encoder.bias     b_enc
       W_dec     W_dec            W_dec
       b_dec     b_dec            b_dec
       W_skip    W_skip           W_skip         applied as x W_skip^T by all three

3. Refuse what would compute something else: autoencoders, other hooks, run-time normalisation.
4. Where the model is at hand, run it: outputs must be finite, and a layer that explains less than
   the mean does is named in the set's notes.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import TranscoderError
from core.models import LanguageModel
from core.transcoders.activations import Activation, JumpRelu, Relu, TopK
from core.transcoders.tensors import check_fits, read_tensors
from core.transcoders.transcoder import Transcoder, check_shapes, kind_of
from core.transcoders.transcoder_set import TranscoderSet

SPARSIFY, SAELENS = "sae.safetensors", "sae_weights.safetensors"
_PROBES, _PROBE_LENGTH = 32, 12


def import_transcoders(folder: Path, model: LanguageModel | None = None) -> TranscoderSet:
    """A sparsify or SAELens folder as a transcoder set.

    Args:
        folder: Holds one sub-folder for each layer.
        model: If given, sizes must fit it and its MLPs are compared with the reconstructions.

    Raises:
        TranscoderError: If the folder is of no project we know, or breaks its rules.
    """
    found = {name: sorted(folder.rglob(name)) for name in (SPARSIFY, SAELENS)}
    name, reader = (SPARSIFY, _from_sparsify) if found[SPARSIFY] else (SAELENS, _from_saelens)
    if not found[name]:
        raise TranscoderError(
            f"{folder} holds no config.yaml, {SPARSIFY} or {SAELENS}; a circuit-tracer, sparsify "
            "or SAELens transcoder folder is required. Give the folder that holds all layers."
        )
    layers = _in_order([_read_one(path, reader) for path in found[name]], folder)
    transcoders = TranscoderSet(
        layers=layers, model_name="", kind=kind_of(layers[0].activation), scan=folder.name
    )
    return transcoders if model is None else try_on_model(transcoders, model)


def try_on_model(transcoders: TranscoderSet, model: LanguageModel) -> TranscoderSet:
    """Run an imported set beside the model's MLPs on random prompts.

    Returns:
        The set, its notes naming each layer whose FVU is 1 or more.

    Raises:
        TranscoderError: If it does not fit the model or gives values that are not finite.
    """
    check_fits(transcoders, model)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(model.d_vocab, (_PROBES, _PROBE_LENGTH), generator=generator)
    trace = model.trace(ids)
    notes, x = [], trace.mlp_in[:, :, 1:].float()
    rebuilt = transcoders.rebuild(transcoders.encode(x), x)
    for number in range(transcoders.n_layers):
        y = trace.mlp_out[number][:, 1:].float()
        error = y - rebuilt[number]
        if not bool(torch.isfinite(error).all()):
            raise TranscoderError(
                f"Layer {number} gives values that are not finite on {model.name}; finite ones "
                "are required. Check that these weights belong to this model."
            )
        fvu = float(error.square().sum() / (y - y.mean((0, 1))).square().sum())
        if fvu >= 1:
            notes.append(
                f"Layer {number} explains {model.name}'s MLP worse than its mean does on random "
                f"tokens (FVU {fvu:.2f}): it may belong to another model or another hook."
            )
    return replace(transcoders, model_name=model.name, notes=tuple(notes))


Reader = Callable[[dict[str, Any], dict[str, Tensor], str], tuple[str, Transcoder]]


def _read_one(path: Path, reader: Reader) -> tuple[str, Transcoder]:
    where = str(path.parent)
    try:
        config = json.loads((path.parent / "cfg.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TranscoderError(
            f"cfg.json beside {path} cannot be read ({error}); a JSON file is required. Copy it."
        ) from None
    tensors = read_tensors(path)
    try:
        return reader(config, tensors, path.parent.name)
    except KeyError as error:
        raise TranscoderError(
            f"{where} lacks {error.args[0]!r}; it has the tensors {sorted(tensors)} and settings "
            f"{sorted(config)}. Save it again with the project that made it."
        ) from None


def _from_sparsify(
    config: dict[str, Any], tensors: dict[str, Tensor], name: str
) -> tuple[str, Transcoder]:
    _require(name, "transcode", bool(config.get("transcode")), "true (an MLP transcoder)")
    _require(name, "activation", config.get("activation", "topk") == "topk", "topk")
    _require(name, "hookpoint", name.endswith("mlp"), "one that ends in `mlp`")
    renamed = {**tensors, "W_enc": tensors["encoder.weight"], "b_enc": tensors["encoder.bias"]}
    return name, _assemble(renamed, TopK(k=int(config["k"])), name)


def _from_saelens(
    config: dict[str, Any], tensors: dict[str, Tensor], name: str
) -> tuple[str, Transcoder]:
    metadata = {**config, **(config.get("metadata") or {})}
    hook, out = str(metadata["hook_name"]), str(metadata.get("hook_name_out") or "")
    reads = hook.endswith(("mlp.hook_in", "ln2.hook_normalized"))
    writes = out.endswith(("hook_mlp_out", "mlp.hook_out"))
    normalised = config.get("normalize_activations") or "none"
    _require(name, "architecture", "transcoder" in str(config["architecture"]), "a transcoder")
    _require(name, "hook_name", reads, "blocks.N.mlp.hook_in or blocks.N.ln2.hook_normalized")
    _require(name, "hook_name_out", writes, "blocks.N.hook_mlp_out")
    _require(name, "normalize_activations", normalised == "none", "none (fold it first)")
    turned = {**tensors, "W_enc": tensors["W_enc"].T.contiguous()}
    return hook, _assemble(turned, _saelens_activation(config, tensors), name)


def _assemble(tensors: dict[str, Tensor], activation: Activation, name: str) -> Transcoder:
    kept = {part: tensors[part] for part in ("W_enc", "b_enc", "W_dec", "b_dec")}
    kept |= {"W_skip": tensors["W_skip"]} if "W_skip" in tensors else {}
    check_shapes(kept, repr(name))
    return Transcoder(**kept, activation=activation)


def _saelens_activation(config: dict[str, Any], tensors: dict[str, Tensor]) -> Activation:
    """JumpReLU by its threshold; its mask follows a ReLU, so thresholds below 0 act as 0."""
    if "threshold" in tensors:
        return JumpRelu(threshold=tensors["threshold"].clamp(min=0))
    return TopK(k=int(config["k"])) if config.get("k") else Relu()


def _require(where: str, name: str, fulfilled: bool, required: str) -> None:
    if not fulfilled:
        raise TranscoderError(
            f"{name} of {where!r} is not what we can read; it must be {required}. Dictionaries "
            "that read or write elsewhere cannot stand in for MLPs."
        )


def _in_order(named: list[tuple[str, Transcoder]], folder: Path) -> tuple[Transcoder, ...]:
    by_layer: dict[int, Transcoder] = {}
    for name, transcoder in named:
        numbers = re.findall(r"(?:^|[._-])(\d+)(?=[._-]|$)", name)
        if len(numbers) != 1 or int(numbers[0]) in by_layer:
            raise TranscoderError(
                f"{name!r} in {folder} does not name one layer of its own; names like layers.3.mlp "
                "or blocks.3.hook_mlp_out are required. Keep one dictionary for each layer."
            )
        by_layer[int(numbers[0])] = transcoder
    missing = sorted(set(range(max(by_layer) + 1)) - set(by_layer))
    if missing:
        raise TranscoderError(
            f"{folder} has no dictionary for layers {missing}; every layer from 0 is required. "
            "Add them."
        )
    return tuple(by_layer[number] for number in sorted(by_layer))
