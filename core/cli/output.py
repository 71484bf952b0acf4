"""What a command says, and where: answers to standard output, everything else to standard error.

With --json the answer is one JSON value and nothing else is written to standard output, so that
`hagd … --json | jq` always works, whatever happens meanwhile.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

from core.figures import json_safe
from core.store import Notice, plain

AS_WRITTEN: dict[str, Any] = {
    "highlight": False, "soft_wrap": True, "markup": False, "emoji": False
}  # fmt: skip
"""Of a console: tokens, nodes and names of others stand as they are, `[b]` and `:b:` too."""

UNCUT = 10_000
"""Columns of what goes to a file or another program: no line is folded there."""

LONGEST_NAME = 48
"""Characters of a first column that stays on one line whatever the terminal's width."""


def stderr() -> Console:
    """Where progress, notices and errors go."""
    return Console(stderr=True, **AS_WRITTEN)


def emit(data: Any, as_json: bool, text: Callable[[], RenderableType]) -> None:
    """Prints the answer.

    Args:
        data: What --json prints; dataclasses and enums are unfolded, NaN becomes null.
        as_json: Whether --json was given.
        text: Makes what a person reads otherwise.
    """
    if as_json:
        sys.stdout.write(json.dumps(json_safe(plain(data)), ensure_ascii=False) + "\n")
        sys.stdout.flush()
    else:
        width = None if sys.stdout.isatty() else UNCUT
        Console(width=width, **AS_WRITTEN).print(text())


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A plain table; figures are aligned at the right."""
    rows = [list(row) for row in rows]
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        figures = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
        whole = number == 0 and all(len(shown(row[0])) <= LONGEST_NAME for row in rows)
        made.add_column(
            column, justify="right" if figures else "left", overflow="fold", no_wrap=whole
        )
    for row in rows:
        made.add_row(*(shown(cell) for cell in row))
    return made


def shown(value: object) -> str:
    """A cell's text."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def tell(notice: Notice) -> None:
    """Shows what the store has to say."""
    stderr().print(notice.message)
