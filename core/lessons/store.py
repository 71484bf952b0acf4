"""Lessons as files.

`NAME.safetensors` holds a whole lesson, graph and all; it is large, is made in a minute, and stays
on the machine that made it. `labels.safetensors` (`assets/guide`) holds what was measured, of all
pairs: the nodes and their effects. The graphs can be built again from the bundled models; the
labels are the evidence. Files written before hold effects of supernodes too, which nothing reads.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.assets import GUIDE
from core.errors import FormatError, UnknownSchemaError
from core.guide.hetero import NODE_FEATURES, HeteroData
from core.lessons.effects import Effects
from core.lessons.lesson import BASELINES, EFFECTS, Lesson
from core.lessons.pairs import Pair

LABELS = GUIDE / "labels.safetensors"
"""The measured effects of all bundled pairs."""
FOLDER = "lessons"
"""Where whole lessons lie, under the store's own folder."""
SCHEMA = "hagd-lesson/1"
LABELS_SCHEMA = "hagd-guide-labels/1"
_PLAIN = ("nodes", "place", "member", "baselines")


def save_lesson(lesson: Lesson, folder: Path) -> Path:
    """Writes `NAME.safetensors`, whole or not at all."""
    tensors = {name: getattr(lesson, name) for name in _PLAIN}
    tensors |= {f"effects/{name}": getattr(lesson.effects, name) for name in EFFECTS}
    for kind in lesson.data.node_types:
        tensors[f"x/{kind}"] = lesson.data[kind].x
    for relation in lesson.data.edge_types:
        tensors[f"ends/{'/'.join(relation)}"] = lesson.data[relation].edge_index.int()
        if "edge_attr" in lesson.data[relation]:
            tensors[f"edge/{'/'.join(relation)}"] = lesson.data[relation].edge_attr
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{lesson.pair.name}.safetensors"
    # A file that is there is complete: a killed run leaves only the part file.
    part = path.with_suffix(".part")
    save_file({n: t.contiguous() for n, t in tensors.items()}, part, metadata=_metadata(lesson))
    part.replace(path)
    return path


def load_lesson(path: Path) -> Lesson:
    """Reads what `save_lesson` wrote.

    Raises:
        FormatError: If it is not a lesson.
        UnknownSchemaError: If another version wrote it; make it again.
    """
    metadata, tensors = _read(path)
    same = metadata.get("columns") == json.dumps([NODE_FEATURES, BASELINES])
    if metadata.get("schema") != SCHEMA or not same:
        raise UnknownSchemaError(
            f"{path} is of another version: got schema {metadata.get('schema')!r}; this version "
            f"reads {SCHEMA!r} with {len(NODE_FEATURES)} columns of its own. Delete it and take "
            "the lesson again with `python -m core.lessons`."
        )
    return Lesson(
        pair=Pair(*json.loads(metadata["pair"])),
        data=_graph(tensors),
        effects=Effects(**{name: tensors[f"effects/{name}"] for name in EFFECTS}),
        **{name: tensors[name] for name in _PLAIN},
    )


def save_labels(lessons: Sequence[Lesson], path: Path, metadata: Mapping[str, str]) -> None:
    """Writes the measured effects of many pairs into one file."""
    tensors = {}
    for lesson in lessons:
        name = lesson.pair.name
        tensors[f"{name}/nodes"] = lesson.nodes.to(torch.int16)
        for effect in EFFECTS:
            tensors[f"{name}/{effect}"] = getattr(lesson.effects, effect)
    pairs = json.dumps({lesson.pair.name: lesson.pair._asdict() for lesson in lessons})
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        path,
        metadata={"schema": LABELS_SCHEMA, "pairs": pairs, **metadata},
    )


def _metadata(lesson: Lesson) -> dict[str, str]:
    return {
        "schema": SCHEMA,
        "pair": json.dumps(lesson.pair),
        "columns": json.dumps([NODE_FEATURES, BASELINES]),
    }


def _graph(tensors: Mapping[str, Tensor]) -> HeteroData:
    data = HeteroData()
    for name, tensor in tensors.items():
        what, _, rest = name.partition("/")
        if what == "x":
            data[rest].x = tensor
        elif what in ("ends", "edge"):
            source, relation, target = rest.split("/")
            ends = data[source, relation, target]
            if what == "ends":
                ends.edge_index = tensor.long()
            else:
                ends.edge_attr = tensor
    return data


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(str(path), framework="pt") as file:
            names = list(file.keys())
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise FormatError(
            f"{path} cannot be read as a lesson: {error}. A complete safetensors file is required; "
            "delete it and take the lesson again with `python -m core.lessons`."
        ) from None
