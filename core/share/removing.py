"""Takes one's own circuits and imported graphs out of a store; bundled ones stay.

What goes is one folder of `results/` or `graphs/`. It leaves its place at once and whole, so that
nobody opens half of it, and is deleted then. What was computed or trained for it is kept.
"""

import secrets
import shutil
from pathlib import Path
from typing import Literal, NamedTuple

from core.assets import CIRCUITS
from core.bundle import list_bundles
from core.errors import FormatError, StoreError
from core.share.graphs import list_graphs
from core.store import Store
from core.store.locks import only_one


class Own(NamedTuple):
    """A circuit or a graph of a store."""

    kind: Literal["circuit", "graph"]
    name: str
    path: Path
    """Its folder."""

    @property
    def place(self) -> str:
        """Its folder as seen from the store: a name that nothing else has."""
        return f"{self.path.parent.name}/{self.path.name}"


def own_ones(store: Store) -> tuple[Own, ...]:
    """What can be removed: damaged ones too."""
    circuits = (Own("circuit", i.name, i.path) for i in list_bundles(store.results_dir))
    graphs = (Own("graph", i.name, i.path) for i in list_graphs(store.layout.root / "graphs"))
    return (*circuits, *graphs)


def find_own(ref: str, store: Store) -> Own:
    """The one that a name means, or `results/NAME` or `graphs/NAME`.

    Raises:
        FormatError: If there is none, it is bundled, or several have the name.
    """
    found = [one for one in own_ones(store) if ref in (one.name, one.path.name, one.place)]
    if len(found) == 1:
        return found[0]
    if found:
        places = " or ".join(one.place for one in found)
        raise FormatError(f"{ref!r} names {len(found)} things here. Say which: {places}.")
    if ref in {info.name for info in list_bundles(CIRCUITS)}:
        raise FormatError(
            f"{ref!r} came with the program; only circuits of your own and imported graphs can be "
            "removed. Leave it, or name one that the library marks as yours."
        )
    raise FormatError(
        f"There is no circuit or graph of your own called {ref!r} in {store.layout.root}. A name "
        "that the library marks as yours is required; name the store with --store if it is another."
    )


def remove(one: Own, store: Store) -> None:
    """Remove it for good.

    Raises:
        StoreError: If its folder cannot be moved.
    """
    gone = store.layout.root / f".removed-{secrets.token_hex(4)}"
    try:
        with only_one(store.layout.locks, "results", store.notify):
            one.path.rename(gone)  # of a link, the link itself
    except OSError as error:
        raise StoreError(
            f"{one.path} cannot be removed: {error.strerror}. The right to write to its folder is "
            "required. Nothing was removed."
        ) from None
    if gone.is_symlink():
        gone.unlink()
    else:
        shutil.rmtree(gone, ignore_errors=True)
