"""`hagd remove`: takes a circuit of one's own, or an imported graph, out of the store for good."""

from typing import Annotated

import typer

from core.cli.options import Json, StoreDir
from core.cli.output import emit, stderr, tell

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A circuit of your own, or an imported graph.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def command(name: Name, yes: Yes = False, store: StoreDir = None, as_json: Json = False) -> int:
    """Remove a circuit of your own or an imported graph from the store."""
    from core.share import find_own, remove
    from core.store import open_store

    with open_store(store, tell) as opened:
        found = find_own(name, opened)
        asked = f"Remove the {found.kind} {found.name} ({found.path}) for good?"
        if not yes and not typer.confirm(asked, err=True):
            stderr().print("Nothing was removed.")
            return 1
        remove(found, opened)
    report = {"kind": found.kind, "name": found.name, "path": str(found.path)}
    emit(report, as_json, lambda: f"Removed {found.kind} {found.name}: {found.path}")
    return 0
