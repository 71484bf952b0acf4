"""Compiled programs: transformers whose circuit is known because a compiler wrote their weights.

The five of `assets/groundtruth` were compiled by Tracr (Lindner et al. 2023, arXiv 2301.05062)
from RASP programs. They have no norms and no tokenizer, and attention may be bidirectional, so
they are no Hugging Face models: this module reads them, `core.compiled.forward` runs them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Int
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from core.assets import PROGRAMS
from core.errors import FormatError, ModelError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """A compiled transformer."""

    name: str
    n_layers: int
    n_heads: int
    d_head: int
    d_model: int
    d_mlp: int
    causal: bool
    """False: every position sees every other."""
    vocab: tuple[str, ...]
    """In id order."""
    classes: tuple[Any, ...]
    """What each output column stands for; none for a program that gives a number."""
    weights: Mapping[str, Tensor]
    """`embed.weight`, `layers.L.attn.W_Q`, ...; shapes in `shapes_of`."""

    def __getitem__(self, name: str) -> Tensor:
        return self.weights[name]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgramPairs:
    """Pairs of a clean and a corrupt prompt, all of one length."""

    clean: Int[Tensor, "prompt pos"]
    corrupt: Int[Tensor, "prompt pos"]
    counted: Bool[Tensor, "prompt pos"]
    """Positions whose output counts."""
    expected: tuple[tuple[Any, ...], ...]
    """What the program gives at the counted positions of each clean prompt."""


def bundled_programs() -> tuple[str, ...]:
    """Names of the programs that come with the engine."""
    return tuple(sorted(path.parent.name for path in PROGRAMS.glob("*/config.json")))


def load_program(ref: str | Path) -> Program:
    """A bundled program by its name, or one from a folder.

    Raises:
        ModelError: If there is none.
        FormatError: If its files do not fit together.
    """
    folder = _folder(ref)
    config = _json(folder / "config.json")
    try:
        weights = load_file(folder / "model.safetensors")
    except (SafetensorError, OSError) as error:
        raise FormatError(
            f"{folder} holds no readable weights: {error}. A complete model.safetensors is "
            "required; copy the folder again."
        ) from None
    names = ("n_layers", "n_heads", "d_head", "d_model", "d_mlp", "causal")
    lacking = [name for name in (*names, "vocab", "output", "program") if name not in config]
    if lacking:
        raise FormatError(
            f"{folder / 'config.json'} is not a program's: it lacks {', '.join(lacking)}. The "
            "fields of the bundled programs are required; copy the folder again."
        )
    program = Program(
        name=config["program"],
        vocab=tuple(config["vocab"]),
        classes=tuple(config["output"].get("classes", ())),
        weights=weights,
        **{name: config[name] for name in names},
    )
    _check(program, config, folder)
    return program


def load_pairs(ref: str | Path, limit: int | None = None) -> ProgramPairs:
    """The prompts of a program, in the order of the file.

    Raises:
        ModelError: If there is no such program.
        FormatError: If the prompts differ in length or a line is not one.
    """
    path = _folder(ref) / "prompts.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()[:limit]
    try:
        rows = [json.loads(line) for line in lines]
        clean = torch.tensor([row["clean_ids"] for row in rows])
        corrupt = torch.tensor([row["corrupt_ids"] for row in rows])
        counted = torch.zeros(clean.shape, dtype=torch.bool)
        for row, positions in zip(counted, [row["positions"] for row in rows], strict=True):
            row[positions] = True
        expected = tuple(tuple(row["expected"]) for row in rows)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise FormatError(
            f"{path} is not a file of prompt pairs: {error}. Every line needs clean_ids, "
            "corrupt_ids, positions and expected, all ids of one length. Mend the file."
        ) from None
    return ProgramPairs(clean=clean, corrupt=corrupt, counted=counted, expected=expected)


def shapes_of(program: Program) -> dict[str, tuple[int, ...]]:
    """The shape of every weight but the embeddings and the unembedding."""
    heads, model, each, mlp = program.n_heads, program.d_model, program.d_head, program.d_mlp
    found: dict[str, tuple[int, ...]] = {}
    for layer in range(program.n_layers):
        for name in "QKV":
            found[f"layers.{layer}.attn.W_{name}"] = (heads, model, each)
            found[f"layers.{layer}.attn.b_{name}"] = (heads, each)
        found[f"layers.{layer}.attn.W_O"] = (heads, each, model)
        found[f"layers.{layer}.attn.b_O"] = (model,)
        found[f"layers.{layer}.mlp.W_in"] = (model, mlp)
        found[f"layers.{layer}.mlp.b_in"] = (mlp,)
        found[f"layers.{layer}.mlp.W_out"] = (mlp, model)
        found[f"layers.{layer}.mlp.b_out"] = (model,)
    return found


def _check(program: Program, config: Mapping[str, Any], folder: Path) -> None:
    wanted = shapes_of(program)
    wanted["embed.weight"] = (len(program.vocab), program.d_model)
    wanted["pos_embed.weight"] = (config.get("n_positions", 0), program.d_model)
    wanted["unembed.weight"] = (program.d_model, max(len(program.classes), 1))
    got = {name: tuple(tensor.shape) for name, tensor in program.weights.items()}
    wrong = sorted(name for name in wanted.keys() | got if wanted.get(name) != got.get(name))
    if wrong:
        name = wrong[0]
        raise FormatError(
            f"The weights in {folder} do not fit its config: {name} is {got.get(name)}, required "
            f"{wanted.get(name)} ({len(wrong)} tensors differ). Copy the folder again."
        )
    if config.get("activation") != "relu" or config.get("norm") != "none":
        raise FormatError(
            f"{folder} is another kind of model: got activation {config.get('activation')!r} and "
            f"norm {config.get('norm')!r}; relu and none are required. Use a compiled program."
        )


def _folder(ref: str | Path) -> Path:
    folder = PROGRAMS / ref if str(ref) in bundled_programs() else Path(ref)
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"There is no compiled program {str(ref)!r}: got neither a bundled name nor a folder "
            f"with a config.json. Required: one of {', '.join(bundled_programs())}, or a folder."
        )
    return folder


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(
            f"{path} is not JSON: {error}. A complete file is required; copy the folder again."
        ) from None
