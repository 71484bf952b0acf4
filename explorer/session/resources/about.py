"""What can be told of a model before it is loaded: what it was made for, its family, its size.

Read from its `card.json` (bundled ones have one) and `config.json`; no weights, no torch.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from core.assets import MODELS

FAMILIES = {"gpt2": "GPT-2", "gpt_neox": "GPT-NeoX", "llama": "Llama"}
"""Architectures as Hugging Face configs spell them, and as people do."""
OTHER = "other"


class About(NamedTuple):
    """One model, from the outside."""

    task: str
    """Bundled task it was made for; empty where no card says."""
    family: str
    layers: int
    width: int
    """0 where the config does not say, as for layers."""

    @property
    def shape(self) -> str:
        """ "2 layers of 64", or nothing."""
        return f"{self.layers} layers of {self.width}" if self.layers and self.width else ""


@st.cache_resource(show_spinner=False, max_entries=256)
def about_model(ref: str) -> About:
    """What the files of a bundled model, or of a folder, say; blanks where there are none."""
    folder = MODELS / ref if "/" not in ref else Path(ref).expanduser()
    config, card = _read(folder / "config.json"), _read(folder / "card.json")
    kind = str(config.get("model_type", ""))
    return About(
        task=str(card.get("task", "")),
        family=FAMILIES.get(kind, kind or OTHER),
        layers=_whole(config.get("num_hidden_layers", config.get("n_layer"))),
        width=_whole(config.get("hidden_size", config.get("n_embd"))),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def lacked(ref: str, text: str) -> int | None:
    """How many words of a prompt a model lacks, by its tokenizer's list of words alone.

    Only a tokenizer whose tokens are the words between spaces can be told from its file; None of
    any other.
    """
    folder = MODELS / ref if "/" not in ref else Path(ref).expanduser()
    words = _words(str(folder / "tokenizer.json"))
    return None if words is None else len(set(text.split()) - words)


@st.cache_resource(show_spinner=False, max_entries=256)
def _words(path: str) -> frozenset[str] | None:
    found = _read(Path(path))
    model, splits = found.get("model") or {}, found.get("pre_tokenizer") or {}
    if model.get("type") != "WordLevel" or splits.get("type") != "WhitespaceSplit":
        return None
    return None if found.get("normalizer") else frozenset(model.get("vocab") or ())
