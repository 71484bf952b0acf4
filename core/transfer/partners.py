"""What a store remembers of comparisons: partners of a circuit's features, and ceilings.

Every comparison that was made with this store is an entry of it (`stored.kept`), under the keys of
both circuits. A circuit may have been the first or the second of one: its features' partners are
read either way, of every other circuit those of the newest comparison.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from core.circuit import Circuit
from core.errors import CoreError
from core.store import EntryInfo, Store, code_version, list_entries, plain
from core.transfer.compare import TransferSettings
from core.transfer.stored import KIND, circuit_key
from core.transfer.subject import Subject


class Partner(NamedTuple):
    """What stands for a feature in another circuit."""

    circuit: str
    """Name of the other circuit."""
    key: str
    """Content key of the other circuit."""
    node: str
    """The feature that stands for it there."""
    r: float
    """Pearson's r of what the two do on the same prompts."""


def stored_partners(circuit: Circuit, store: Store) -> Mapping[str, tuple[Partner, ...]]:
    """Partners of each feature that has any, by its id; the likest first."""
    own, seen = circuit_key(circuit), set[str]()
    found: dict[str, list[Partner]] = {}
    for entry, mine, theirs in _of(own, store):
        other = str(entry.provenance[theirs])
        data = _data(entry, store)
        if data is None or other in seen or other == own:
            continue
        seen.add(other)
        for pair in data["matched"]:
            partner = Partner(str(data[theirs]), other, str(pair[theirs]), float(pair["r"]))
            found.setdefault(str(pair[mine]), []).append(partner)
    return {node: tuple(sorted(row, key=lambda p: -p.r)) for node, row in found.items()}


def _of(own: str, store: Store) -> Iterator[tuple[EntryInfo, str, str]]:
    """Comparisons that a circuit was in, newest first; as which of the two, and the other."""
    for entry in sorted(_entries(store), key=lambda entry: entry.created, reverse=True):
        for mine, theirs in (("one", "two"), ("two", "one")):
            if entry.provenance.get(mine) == own and theirs in entry.provenance:
                yield entry, mine, theirs
                break


def stored_twins(
    subjects: Sequence[Subject], store: Store, settings: TransferSettings
) -> list[Mapping[str, Any]]:
    """Comparisons of these circuits with their twins, as this code would make them again."""
    keys = {circuit_key(subject.bundle.circuit) for subject in subjects}
    now = {"twin": True, "code": code_version(), "settings": plain(settings)}
    return [
        data
        for entry in _entries(store)
        if entry.provenance.get("one") in keys
        and all(entry.provenance.get(name) == value for name, value in now.items())
        and (data := _data(entry, store)) is not None
    ]


def _entries(store: Store) -> list[EntryInfo]:
    return [entry for entry in list_entries(store) if entry.kind == KIND and entry.error is None]


def _data(entry: EntryInfo, store: Store) -> Mapping[str, Any] | None:
    """What an entry says; None where it is damaged or of another form."""
    try:
        record = store.get(entry.key)
    except CoreError:
        return None
    if record is None or not {"one", "two", "matched", "scores"} <= set(record.data):
        return None
    return record.data
