"""What a file seems to be that was given to `hagd import` by mistake, and what to do with it.

Only looked at once the file is refused: a guess by name and first bytes, never a reason to take it.
"""

import json
from pathlib import PurePath

from core.bundle import FILES

_HEAD = 2**16
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".npz")
_ROWS = (".jsonl", ".csv")


def seeming(name: str, data: bytes) -> str | None:
    """A sentence with the way out; None where nothing better is known than the refusal."""
    suffix = PurePath(name).suffix.lower()
    first = data[:_HEAD].lstrip().split(b"\n", 1)[0]
    if _is_pair(first) or first.startswith((b"clean,", b"\xef\xbb\xbfclean,")):
        return (
            "It seems to be a task: prompt pairs are not imported, but read where they are. "
            f"Find its circuit with: hagd run --model MODEL --task {name}"
        )
    if name in FILES and b'"links"' not in data:  # a graph of others may be a graph.json too
        return (
            f"{name} is one of the {len(FILES)} files of a result folder. Import the folder that "
            "it is in, or a zip of that folder."
        )
    if suffix in _WEIGHTS or data[:1] == b"\x80":
        return (
            "It seems to be weights, which are not imported, but read where they are. Name their "
            "folder with --model or --transcoders."
        )
    if suffix == ".zip" and not data.startswith(b"PK"):
        return (
            "It is called a zip and is none. Import the zip that `hagd export --format bundle` "
            "wrote, or the result folder itself."
        )
    if suffix in _ROWS:
        return "A graph is one JSON object; this seems to be rows. Choose the graph's own file."
    return None


def _is_pair(line: bytes) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and {"clean", "corrupt"} <= row.keys()
