"""Graphs taken in from other programs: kept, listed and opened again.

1. A graph is a folder: the file itself (graph.json), its numbers (graph.safetensors) and a head of
   a few hundred bytes (head.json), so that a list of graphs reads no large file and needs no torch.
2. The file is checked again whenever it is opened, by the same code as when it was taken in. Nodes
   beyond the prompt, and more layers or tokens than any model has, are refused: a page would draw
   a row or column for each.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import FormatError

if TYPE_CHECKING:
    from core.interop import ImportedGraph

FILE, HEAD, NUMBERS = "graph.json", "head.json", "graph.safetensors"
MOST_LAYERS = 512
MOST_TOKENS = 8192
MOST_TEXT = 300
"""Letters of a prompt or name that a head keeps."""
_MAX_HEAD = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphInfo:
    """The head of a stored graph; texts are other people's: escape them."""

    name: str
    path: Path
    prompt: str = ""
    scan: str = ""
    """The file's name of model and dictionary."""
    producer: str = ""
    nodes: int = 0
    edges: int = 0
    groups: int = 0


def head_of(found: "ImportedGraph") -> dict[str, Any]:
    """What `head.json` says of a graph."""
    return {
        "prompt": found.prompt[:MOST_TEXT],
        "scan": found.scan[:MOST_TEXT],
        "producer": found.producer[:MOST_TEXT],
        "nodes": found.graph.n_nodes,
        "edges": found.graph.n_edges,
        "groups": len(found.groups),
    }


def list_graphs(folder: Path) -> tuple[GraphInfo, ...]:
    """The graphs in a folder, the one taken in last first. Never raises."""
    try:
        found = [child for child in folder.iterdir() if (child / FILE).is_file()]
        found.sort(key=lambda child: (-child.stat().st_mtime_ns, child.name))
    except OSError:
        return ()
    return tuple(_info(child) for child in found)


def _info(folder: Path) -> GraphInfo:
    """A head; of a graph without a sound one, its name alone."""
    try:
        with (folder / HEAD).open("rb") as file:
            said = json.loads(file.read(_MAX_HEAD))
    except (OSError, ValueError, RecursionError):
        said = None
    said = said if isinstance(said, Mapping) else {}

    def text(key: str) -> str:
        # half a character can be stored, but no page can show it
        return str(said.get(key, ""))[:MOST_TEXT].encode("utf-8", "replace").decode()

    def count(key: str) -> int:
        return value if type(value := said.get(key)) is int else 0

    return GraphInfo(
        name=folder.name,
        path=folder,
        prompt=text("prompt"),
        scan=text("scan"),
        producer=text("producer"),
        nodes=count("nodes"),
        edges=count("edges"),
        groups=count("groups"),
    )


def open_graph(folder: Path, name: str) -> "ImportedGraph":
    """A stored graph, checked again.

    Raises:
        FormatError: If there is none of this name, or its file is not sound.
    """
    info = next((info for info in list_graphs(folder) if info.name == name), None)
    if info is None:
        raise FormatError(
            f"There is no imported graph called {name[:80]!r} here.\nThe library lists those of "
            "this store. Open one of them, or import its file again."
        )
    return read_graph(info.path / FILE)


def read_graph(file: Path) -> "ImportedGraph":
    """A graph file of another program that can be drawn.

    Raises:
        FormatError: If it is not sound, or reaches beyond its prompt or any model.
    """
    from core.interop import read_neuronpedia  # imports torch, which a list does without

    found = read_neuronpedia(file)
    graph, tokens = found.graph, len(found.tokens)
    furthest = int(graph.position.max()) if graph.n_nodes else -1
    highest = int(graph.layer.max()) if graph.n_nodes else -1
    for what, got, most in (
        ("the prompt's tokens", tokens, MOST_TOKENS),
        ("the layer of a node", highest, MOST_LAYERS),
        ("the position of a node (ctx_idx)", furthest, max(0, tokens - 1)),
    ):
        if got > most:
            raise FormatError(
                f"The graph cannot be drawn: {what} is {got}, required is at most {most}. "
                "Export it again with the tokens of its prompt."
            )
    if not graph.n_nodes:
        raise FormatError("The graph has no nodes; at least one is required. Export it again.")
    return found
