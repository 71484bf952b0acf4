"""Graph files of others as JSON values that are safe to go on with.

1. Refuse what is larger than Neuronpedia takes, what is no JSON, and NaN.
2. Replace halves of characters (a text cut within an emoji): no page or terminal can show them.
"""

import json
import re
from pathlib import Path
from typing import Any, NoReturn

from core.interop.fields import refuse
from core.interop.read import ImportedGraph, from_neuronpedia

MAX_BYTES = 100 * 2**20
"""Largest file read, in bytes; Neuronpedia's own limit."""
HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""How JSON spells half of a character beyond U+FFFF."""


def read_neuronpedia(path: str | Path) -> ImportedGraph:
    """Reads a graph JSON file.

    Raises:
        FormatError: If it is too large, not JSON, or not a graph (see `from_neuronpedia`).
        UnknownSchemaError: If its schema version is not known.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            refuse(f"{path} has {size / 2**20:.0f} MiB, more than {MAX_BYTES // 2**20}", "prune it")
        data = _values(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        refuse(f"{path} cannot be read as JSON ({str(error)[:200]})", "export it again")
    return from_neuronpedia(data)


def _values(data: bytes) -> Any:
    """JSON values in which every text can be encoded."""
    text = data.decode(json.detect_encoding(data))
    values = json.loads(text, parse_constant=_no_constant)
    if not HALF.search(text):
        return values
    # by way of UTF-16, which joins two halves that belong together
    again = json.dumps(values, ensure_ascii=False).encode("utf-16", "surrogatepass")
    return json.loads(again.decode("utf-16", "replace"))


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number that JSON allows")
