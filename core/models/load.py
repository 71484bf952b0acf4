"""From a name, a folder or a Hub id to a checked `LanguageModel`.

Files are data: only safetensors weights are read, remote code is never run, a pickle is refused.
"""

import json
import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from core.assets import MODELS
from core.errors import ModelError
from core.models.attention import ATTENTION
from core.models.check import check_model
from core.models.families import family_of
from core.models.hub import hub_source
from core.models.language_model import LanguageModel
from core.names import is_hub_id

_NEVER_LOADED = {
    "auto_map": (
        "remote code",
        "An architecture that the transformers library has itself is required; take a copy of the "
        "model in that form.",
    ),
    "quantization_config": (
        "quantised weights",
        "Plain float weights are required; take the model as it was before it was quantised.",
    ),
}
"""Keys of a config: what they mean, what is required instead and what to do."""
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")


def bundled_models() -> tuple[str, ...]:
    """Names of the models in the repository's assets."""
    return tuple(sorted(p.name for p in MODELS.glob("*") if (p / "config.json").is_file()))


def load_model(ref: str | Path) -> LanguageModel:
    """Loads and checks a model, in float32: attribution needs it.

    Args:
        ref: A bundled name, a folder written by `save_pretrained`, or a Hub id such as
            `openai-community/gpt2` (only then is anything downloaded).

    Raises:
        ModelError: If the folder, its weights or its tokenizer cannot be used.
        UnsupportedModelError: If the architecture or a config attribute is not handled.
        AdapterMismatchError: If the load-time check fails.
    """
    source = _resolve(str(ref))
    is_folder = Path(source).is_dir()
    if not is_folder:
        source = hub_source(source)
    where = f"Model {ref}"
    config = _raw_config(source, where)
    family = family_of(config, where)
    tokenizer = _tokenizer(source, where)
    hf = _weights(source, where)
    model = LanguageModel(hf, tokenizer, family, Path(str(ref)).name or str(ref))
    model.path = Path(source) if is_folder else None
    if len(tokenizer) > model.d_vocab:
        raise ModelError(
            f"{where}: the tokenizer has {len(tokenizer)} tokens, the model {model.d_vocab}. "
            "Every token needs an embedding; use the tokenizer that the model was trained with."
        )
    check_model(model)
    return model


def load_tokenizer(ref: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model alone; `ref` as for `load_model`.

    Raises:
        ModelError: If there is no such model, or its tokenizer cannot be loaded.
    """
    source = _resolve(str(ref))
    return _tokenizer(source if Path(source).is_dir() else hub_source(source), f"Model {ref}")


def _resolve(ref: str) -> str:
    """The folder or Hub id that a reference means."""
    if ref in bundled_models():
        return str(MODELS / ref)
    if Path(ref).is_dir():
        return ref
    if is_hub_id(ref) and not Path(ref).parent.is_dir():
        return ref
    raise ModelError(
        f"No model {ref!r}. It is no bundled name ({_nearest(ref)}), "
        "no existing folder and no Hub id of the form owner/name. Check the spelling or path."
    )


def _nearest(ref: str) -> str:
    """The bundled name that is most like what was typed, and how many others there are."""
    names = bundled_models()
    if not names:
        return "none"
    like = get_close_matches(ref, names, 1)
    first = f"did you mean {like[0]}" if like else f"such as {names[0]}"
    others = f"; {len(names) - 1} others: hagd models" if len(names) > 1 else ""
    return f"{first}{others}"


def _raw_config(source: str, where: str) -> dict[str, Any]:
    local = Path(source)
    if local.is_dir() and not (local / "config.json").is_file():
        raise ModelError(
            f"{where}: {local} has no config.json. A folder written by `save_pretrained` is "
            "required; point to the folder that holds config.json and model.safetensors."
        )
    try:
        config, _ = PreTrainedConfig.get_config_dict(source)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{where}: its config cannot be read ({_first_line(error)}). A config.json that "
            "`save_pretrained` wrote is required; copy or download the model again."
        ) from None
    except (AttributeError, TypeError):  # what the library does to some other JSON values
        config = None
    if not isinstance(config, dict):
        raise ModelError(
            f"{where}: its config.json holds no JSON object. The config that `save_pretrained` "
            "writes is required; copy the folder again."
        )
    for key, (why, way_out) in _NEVER_LOADED.items():
        if key in config:
            raise ModelError(
                f"{where} needs {why} ({key} in its config), which is never loaded. {way_out}"
            )
    return {key: value for key, value in config.items() if not key.startswith("_")}


def _tokenizer(source: str, where: str) -> Any:
    local = Path(source)
    if local.is_dir() and not any((local / name).is_file() for name in _TOKENIZER_FILES):
        # The library would make an empty tokenizer of its own without a word.
        raise ModelError(
            f"{where}: {local} has no tokenizer ({', '.join(_TOKENIZER_FILES)}). One is required "
            "to read prompts; save the model's tokenizer into the folder."
        )
    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:  # the library raises anything from KeyError to ImportError here
        raise ModelError(
            f"{where}: its tokenizer cannot be loaded ({_first_line(error)}). "
            "A tokenizer.json beside the weights is required; save the tokenizer into the folder."
        ) from None


def _weights(source: str, where: str) -> Any:
    local = Path(source)
    if local.is_dir() and not list(local.glob("*.safetensors")):
        raise ModelError(
            f"{where}: {local} has no *.safetensors. Pickled weights (.bin, .pt) can run code and "
            "are never read; save the model again with `save_pretrained`."
        )
    transformers_logging.disable_progress_bar()  # ours is the only progress a person should see
    transformers_logging.set_verbosity_error()  # what matters of its report we say ourselves
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                source,
                dtype=torch.float32,
                attn_implementation=ATTENTION,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
            hf, report = loaded
    except Exception as error:  # damaged files surface as many kinds of error
        raise ModelError(
            f"{where}: its weights cannot be loaded ({_first_line(error)}). "
            "Complete safetensors that match config.json are required; copy the folder again."
        ) from None
    _refuse_incomplete(report, where)
    hf.requires_grad_(False).eval()
    if not all(torch.isfinite(p).all() for p in hf.parameters()):
        raise ModelError(f"{where}: some weights are not finite. Use an undamaged copy.")
    return hf


def _refuse_incomplete(report: dict[str, Any], where: str) -> None:
    """Weights that the files lack would be drawn at random without a word."""
    lacking = sorted(report.get("missing_keys", ()))
    shapes = sorted(str(item[0]) for item in report.get("mismatched_keys", ()))
    extra = sorted(report.get("unexpected_keys", ()))
    for found, what in (
        (lacking, "lacks"),
        (shapes, "has another shape for"),
        (extra, "also holds"),
    ):
        if found:
            shown = json.dumps(found[:5])[1:-1] + (" …" if len(found) > 5 else "")
            raise ModelError(
                f"{where}: its weight file {what} {len(found)} tensors ({shown}). "
                "The file must match config.json exactly; copy or save the model again."
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
