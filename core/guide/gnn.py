"""The learned guide: a trained network as weights and a description of itself, and what it scores.

`assets/guide/gatv2.safetensors` holds the weights, `gatv2.json` beside it the shape of the
network, the columns it reads and what it was trained on. `python benchmarks/guide_study.py --ship`
makes both.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.assets import GUIDE
from core.errors import FormatError, UnknownSchemaError
from core.graph import AttributionGraph
from core.guide.guide import GuideScores, largest_member, leaf_places
from core.guide.hetero import (
    COARSE_FEATURES,
    EDGE_FEATURES,
    NEIGHBOURS,
    NODE_FEATURES,
    SUPERNODE_FEATURES,
    to_hetero,
)
from core.guide.learning import score_nodes
from core.guide.network import NetworkSettings, network
from core.guide.pooled import Pooled
from core.hierarchy.tree import Hierarchy

SCHEMA = "hagd-guide/1"
BUNDLED = GUIDE / "gatv2.json"
"""The guide that comes with the program; its weights lie beside it."""
READS = {
    "node": list(NODE_FEATURES),
    "supernode": list(SUPERNODE_FEATURES),
    "edge": list(EDGE_FEATURES),
    "coarse_edge": list(COARSE_FEATURES),
    "neighbours": NEIGHBOURS,
}
"""What this version's graphs hold; a network that was trained on others is refused."""


class GnnGuide:
    """Scores by a trained network; made by `load_guide`, or from a network that was just fitted."""

    def __init__(self, made: nn.Module) -> None:
        self._network = made

    def __call__(
        self,
        graph: AttributionGraph,
        hierarchy: Hierarchy,
        leaves: Int[Tensor, " leaf"] | None = None,
        pooled: Pooled | None = None,
    ) -> GuideScores:
        """Predicted effects, times the chance to be among the strongest.

        Raises:
            GraphError: As `influence`; or if `leaves` or `pooled` does not fit.
        """
        places = leaf_places(graph, hierarchy, leaves)
        found = score_nodes(self._network, to_hetero(graph, hierarchy, leaves, pooled))
        leaf = found["node"][places].astype(np.float64)
        # A group's own prediction counts where it is larger: it may see what no member shows.
        supernode = np.maximum(found["supernode"], largest_member(hierarchy, leaf))
        return GuideScores(leaf=leaf, supernode=supernode.astype(np.float64))


def save_guide(
    made: nn.Module, shape: NetworkSettings, path: Path, about: Mapping[str, Any]
) -> None:
    """Writes the description to `path` and the weights beside it, as `.safetensors`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in made.state_dict().items()}
    save_file(weights, path.with_suffix(".safetensors"), metadata={"schema": SCHEMA})
    body = {"schema": SCHEMA, "shape": asdict(shape), "reads": READS, **about}
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def load_guide(path: Path) -> GnnGuide:
    """Reads what `save_guide` wrote.

    Raises:
        FormatError: If a file is damaged, or the weights do not fit the description.
        UnknownSchemaError: If another version wrote it, or it reads other columns.
    """
    about = _about(path)
    made = network(_shape(about, path))
    weights = _weights(path.with_suffix(".safetensors"))
    wanted = {name: tuple(tensor.shape) for name, tensor in made.state_dict().items()}
    got = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if wrong := sorted(name for name in wanted.keys() | got if wanted.get(name) != got.get(name)):
        raise FormatError(
            f"The weights beside {path} do not fit it: {wrong[0]} is {got.get(wrong[0])}, required "
            f"{wanted.get(wrong[0])} ({len(wrong)} tensors differ). Copy both files again."
        )
    if bad := sorted(name for name, tensor in weights.items() if not tensor.isfinite().all()):
        raise FormatError(
            f"The weights beside {path} are damaged: got values of {bad[0]} that are not finite; "
            "all must be. Copy both files again."
        )
    made.load_state_dict(weights)
    return GnnGuide(made.eval().requires_grad_(False))


@lru_cache(maxsize=1)
def bundled_guide() -> GnnGuide:
    """The guide that comes with the program."""
    return load_guide(BUNDLED)


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(
            f"{path} does not describe a guide: {error}. A complete JSON file is required; copy "
            "it again, with the weights beside it."
        ) from None
    if not isinstance(about, dict) or about.get("schema") != SCHEMA:
        raise UnknownSchemaError(
            f"{path} is of another version: got schema "
            f"{about.get('schema') if isinstance(about, dict) else None!r}; this version reads "
            f"{SCHEMA!r}. Open it with the version that wrote it, or train a guide anew."
        )
    if about.get("reads") != READS:
        raise UnknownSchemaError(
            f"The guide of {path} reads other columns than this version's graphs have: they differ "
            f"in {', '.join(_differing(about.get('reads')))}; all must be the same. Train it anew "
            "with `python benchmarks/guide_study.py --ship`."
        )
    return about


def _differing(reads: object) -> list[str]:
    known = reads if isinstance(reads, dict) else {}
    return [name for name, wanted in READS.items() if known.get(name) != wanted]


def _shape(about: Mapping[str, Any], path: Path) -> NetworkSettings:
    try:
        return NetworkSettings(**about["shape"])
    except (KeyError, TypeError) as error:
        raise FormatError(
            f"{path} does not say what network it is: {error}. Required: `shape` with the fields "
            "of NetworkSettings. Copy it again, with the weights beside it."
        ) from None


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        return {name: tensor.to(torch.float32) for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise FormatError(
            f"{path} cannot be read as weights: {error}. A complete safetensors file is required; "
            "copy it again."
        ) from None
