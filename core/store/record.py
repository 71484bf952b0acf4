"""One stored value and the bytes it becomes.

An entry is three parts, one after the other:

1. a line `hagd-entry <schema> <sha256 of the header> <length of the header>`;
2. the header, canonical JSON: schema, key, kind, when and by what it was made, provenance,
   sha256 and length of the payload, and the file name of a payload kept beside the index;
3. the payload: the record's JSON, then its tensors as safetensors.

Every byte is under one of the two hashes, and the header carries the key: a changed byte, a cut
entry and an entry moved under another key are all found on reading. Nothing here can run code.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.errors import DamagedEntryError, NewerStoreError, StoreError
from core.store.keys import canonical_json

if TYPE_CHECKING:  # listing results must not wait seconds for torch
    import torch

SCHEMA = 1
"""Version of the entry and of the store's layout that this program writes and reads."""

MAGIC = b"hagd-entry"
LONGEST_FIRST_LINE = 128

LONGEST_HEADER = 32768
"""Bytes; listing reads the start of each entry only, so a header must fit there."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """What a stage hands to the store: JSON, tensors, or both."""

    data: Any = None
    """Any JSON value; settings dataclasses and enums are unfolded on writing."""
    tensors: Mapping[str, "torch.Tensor"] = field(default_factory=dict)
    """Tensors by name; any dtype safetensors has, bfloat16 included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an entry says of itself."""

    key: str
    """The name it is stored under."""
    kind: str
    """What it holds, such as "graph"."""
    sha256: str
    """Of the payload, hex."""
    size: int
    """Payload length, bytes."""
    json_size: int
    """Length of the JSON part of the payload, bytes; the rest is safetensors."""
    created: str
    """UTC, ISO 8601."""
    provenance: Mapping[str, Any]
    """What it was made from and by."""
    file: str | None = None
    """Name of the payload file when the payload is kept outside the index."""


def pack(record: Record) -> tuple[bytes, int]:
    """Payload bytes and the length of their JSON part."""
    text = canonical_json(record.data)
    if not record.tensors:
        return text, len(text)
    from safetensors.torch import save

    dense = {name: tensor.detach().contiguous() for name, tensor in record.tensors.items()}
    return text + save(dense), len(text)


def unpack(header: Header, payload: bytes) -> Record:
    """The record again.

    Raises:
        DamagedEntryError: If the payload is not what the header promises.
    """
    check_payload(header, payload)
    try:
        data = json.loads(payload[: header.json_size])
        if header.json_size == header.size:
            return Record(data=data)
        from safetensors.torch import load

        return Record(data=data, tensors=load(payload[header.json_size :]))
    except Exception as error:  # the hash held, so the writer was at fault: still never shown
        raise damaged(header.key, f"its payload can not be read ({error})") from error


def check_payload(header: Header, payload: bytes) -> None:
    """Compares length and hash with the header.

    Raises:
        DamagedEntryError: If either differs.
    """
    if len(payload) != header.size:
        raise damaged(header.key, f"it has {len(payload)} bytes where {header.size} were written")
    if hashlib.sha256(payload).hexdigest() != header.sha256:
        raise damaged(header.key, "its bytes are not the ones that were written (sha256 differs)")


def describe(key: str, kind: str, packed: tuple[bytes, int], provenance: Mapping) -> Header:
    """The header for a payload about to be written."""
    payload, json_size = packed
    return Header(
        key=key,
        kind=kind,
        sha256=hashlib.sha256(payload).hexdigest(),
        size=len(payload),
        json_size=json_size,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        provenance=dict(provenance),
    )


def encode_header(header: Header) -> bytes:
    """First line and header, ready for a payload to follow."""
    text = canonical_json(header)
    if len(text) > LONGEST_HEADER:
        raise StoreError(
            f"The provenance of {header.key} is too long: its header has {len(text)} bytes, "
            f"at most {LONGEST_HEADER} are allowed. Keep long tables in the record's data."
        )
    line = f"{SCHEMA} {hashlib.sha256(text).hexdigest()} {len(text)}\n"
    return MAGIC + b" " + line.encode() + text


def decode_header(key: str, blob: bytes) -> tuple[Header, int]:
    """The header at the start of an entry, and where the payload begins.

    Raises:
        NewerStoreError: If a newer version wrote the entry.
        DamagedEntryError: If it is cut, altered, or belongs to another key.
    """
    schema, digest, start, length = _first_line(key, blob)
    if schema > SCHEMA:
        raise newer(f"Stored entry {key}", schema)
    text = blob[start : start + length]
    if len(text) != length or hashlib.sha256(text).hexdigest() != digest:
        raise damaged(key, "its header is cut or altered")
    try:
        header = Header(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise damaged(key, f"its header can not be read ({error})") from error
    if header.key != key:
        raise damaged(key, f"it is the entry of another key ({header.key})")
    return header, start + length


def _first_line(key: str, blob: bytes) -> tuple[int, str, int, int]:
    end = blob.find(b"\n", 0, LONGEST_FIRST_LINE)
    parts = blob[: max(end, 0)].split(b" ")
    if len(parts) != 4 or parts[0] != MAGIC or not (parts[1].isdigit() and parts[3].isdigit()):
        raise damaged(key, "it does not begin as an entry of this store")
    return int(parts[1]), parts[2].decode("ascii", "replace"), end + 1, int(parts[3])


def damaged(key: str, why: str) -> DamagedEntryError:
    """The one way a damaged entry is reported."""
    return DamagedEntryError(
        f"Stored entry {key} is damaged: {why}. It is not used; an intact one is required. Run "
        "the command again to compute it anew, or `hagd doctor --repair` to remove what is damaged."
    )


def newer(what: str, schema: int) -> NewerStoreError:
    """The one way something from a newer version is refused."""
    return NewerStoreError(
        f"{what} was written by a newer version of HAGD Explorer: it has store schema {schema}, "
        f"this version reads up to {SCHEMA}. Update this program, or name another folder with "
        "--store (or HAGD_STORE). Nothing was changed."
    )
