"""`hagd models`: the bundled models."""

import json
from typing import Any

from core.assets import MODELS
from core.cli.options import Json
from core.cli.output import emit, table


def command(as_json: Json = False) -> None:
    """List the bundled models."""
    found = list_models()
    columns = ("model", "architecture", "layers", "width", "heads", "vocabulary", "MB")
    emit(found, as_json, lambda: table(columns, ([*row.values()][:7] for row in found)))


def list_models() -> list[dict[str, Any]]:
    """One row a model, from its config alone: nothing is loaded."""
    return [_describe(folder) for folder in sorted(MODELS.glob("*/config.json"))]


def _describe(path: Any) -> dict[str, Any]:
    config = json.loads(path.read_text("utf-8"))
    size = sum(file.stat().st_size for file in path.parent.glob("*.safetensors"))

    def first(*names: str) -> Any:
        return next((config[name] for name in names if name in config), None)

    return {
        "name": path.parent.name,
        "architecture": (config.get("architectures") or [config.get("model_type")])[0],
        "layers": first("n_layer", "num_hidden_layers"),
        "d_model": first("n_embd", "hidden_size"),
        "heads": first("n_head", "num_attention_heads"),
        "d_vocab": config.get("vocab_size"),
        "megabytes": round(size / 1e6, 2),
        "path": str(path.parent),
    }
