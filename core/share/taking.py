"""Takes in what others made: everything is checked before anything is stored.

1. A result folder, or a zip of one, is opened as a bundle (every file against its checksum) and
   written into the store under a free name, where app and `hagd results` list it.
2. A graph file of Neuronpedia or circuit-tracer is checked against their schema and kept beside.
3. Nothing that is there is replaced, and what is refused leaves nothing behind. A refusal names
   the file as its owner knows it, and what it seems to be instead.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path, PurePath
from typing import Any, Literal

from core.assets import CIRCUITS
from core.bundle import locate, open_bundle, write_bundle
from core.bundle.origin import PARTS
from core.errors import FormatError
from core.graph import save_graph
from core.names import slug
from core.share.archive import MAX_BYTES, unzip_bundle
from core.share.graphs import FILE, HEAD, NUMBERS, head_of, read_graph
from core.share.seeming import seeming
from core.store import write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was stored."""

    kind: Literal["circuit", "graph"]
    name: str
    path: Path
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Of a graph: nodes, edges, groups, producer, prompt, notes."""


def take_in(source: str | Path, root: Path, results: Path) -> Taken:
    """Store a result folder, a zip of one, or a graph file.

    Args:
        source: What to take in.
        root: Folder of the store.
        results: Its folder of circuits.

    Raises:
        FormatError: If there is nothing, or it is not sound.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise FormatError(
            f"There is nothing at {source}. A result folder, a zip of one, or a graph of "
            "Neuronpedia or circuit-tracer as a JSON file, is required. Check the path."
        )
    if path.is_dir():
        return _bundle(path, results)
    return take_bytes(path.name, _bytes(path), root, results)


def _bytes(path: Path) -> bytes:
    """A file's bytes, if it is one that ends."""
    try:
        if not path.is_file():
            raise FormatError(
                f"{path.name} is neither a file nor a folder (a pipe or a device, perhaps). A "
                "result folder, a zip of one or a graph file is required. Save it as a file first."
            )
        if (size := path.stat().st_size) > MAX_BYTES:
            raise _too_large(path.name, size)
        return path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read: {error.strerror}. A file that you can read is required. "
            "Check its rights."
        ) from None


def _too_large(name: str, size: int) -> FormatError:
    return FormatError(
        f"{name} has {size / 2**20:.0f} MiB; at most {MAX_BYTES // 2**20} can be taken in. Prune "
        "it before it is exported."
    )


def take_bytes(name: str, data: bytes, root: Path, results: Path) -> Taken:
    """Store the bytes of a zip or a graph file, as when somebody uploads one.

    Raises:
        FormatError: If they are neither, not sound, or too many.
    """
    name = PurePath(name).name
    if len(data) > MAX_BYTES:
        raise _too_large(name, len(data))
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=".taking-", dir=root))
    try:
        with _told_of(name, data, folder):
            if data[:4] == b"PK\x03\x04":
                unzip_bundle(data, folder)
                return _bundle(folder, results)
            file = folder / _as_graph(name)
            file.write_bytes(data)
            return _graph(file, root / "graphs")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_graph(name: str) -> str:
    """What a file is called where it is read as a graph."""
    return f"{slug(PurePath(name).stem)}.json"


@contextmanager
def _told_of(name: str, data: bytes, folder: Path) -> Iterator[None]:
    """Words a refusal in terms of the file that was given, not of the folder it is checked in."""
    try:
        yield
    except FormatError as error:
        inside = str(error).replace(f"{folder / _as_graph(name)}", name)
        inside = inside.replace(f"{folder}{os.sep}", "").replace(str(folder), name)
        what = seeming(name, data)
        if what is not None:
            raise FormatError(f"{name} is no graph and no zipped circuit. {what}") from None
        raise type(error)(f"{name} is not taken in. {inside}") from None


def _bundle(source: Path, results: Path) -> Taken:
    bundle = open_bundle(source)
    name = free_name(bundle.name, results, CIRCUITS)
    record = dict(bundle.provenance)
    for part in PARTS:
        # relative to the folder it comes from; writing makes it relative to the new one
        record[part] = {**record[part], "ref": locate(record[part]["ref"], source.absolute())}
    written = write_bundle(replace(bundle, name=name, provenance=record), results / name)
    assert written.path is not None  # a written bundle has one
    return Taken(kind="circuit", name=name, path=written.path)


def _graph(source: Path, graphs: Path) -> Taken:
    found = read_graph(source)
    name = free_name(source.stem, graphs)
    folder = graphs / name
    folder.mkdir(mode=0o700, parents=True)
    save_graph(found.graph, folder / NUMBERS)
    write_whole(folder / HEAD, json.dumps(head_of(found)).encode())
    write_whole(folder / FILE, source.read_bytes())
    facts = head_of(found) | {"notes": list(found.notes)}
    return Taken(kind="graph", name=name, path=folder, facts=facts)


def free_name(wanted: str, *folders: Path) -> str:
    """The name, with a number if any of the folders has it: a name means one thing."""
    plain = slug(wanted)
    numbered = (f"{plain}-{number}" for number in count(2))
    free = (name for name in chain([plain], numbered) if not _is_in(name, folders))
    return next(free)


def _is_in(name: str, folders: tuple[Path, ...]) -> bool:
    return any((folder / name).exists() for folder in folders)
