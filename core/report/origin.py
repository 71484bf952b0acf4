"""Where a result comes from, and the command that makes it again."""

import json
import shlex
from collections.abc import Mapping
from html import escape
from typing import Any

from core.circuit import PARTS
from core.report.markup import table

TOLD = ("created", "command", "seed", "code_version", "settings", "libraries")
OPTIONS = (("model", "--model"), ("task", "--task"), ("transcoders", "--transcoders"))


def origin(record: Mapping[str, Any]) -> str:
    """The command, what it was made from with checksums, settings; the rest is folded."""
    if not record:
        return ""
    rows = [(part, _part(record[part])) for part in PARTS if part in record]
    rows += [_row(name, record[name]) for name in TOLD if name in record]
    told = {*PARTS, *TOLD, "schema"}
    more = [_row(name, value) for name, value in record.items() if name not in told]
    folded = f"<details><summary>More of the run</summary>{_plain(more)}</details>" if more else ""
    return (
        '<section id="origin"><h2>Make it again</h2>'
        f"<pre><code>{escape(command(record))}</code></pre>{_plain(rows)}{folded}</section>"
    )


def command(record: Mapping[str, Any]) -> str:
    """`hagd run` with the settings of this result."""
    settings = record.get("settings") or {}
    words = ["hagd", "run"]
    for part, option in (
        ("model", "--model"),
        ("task", "--task"),
        ("transcoders", "--transcoders"),
    ):
        if ref := (record.get(part) or {}).get("ref"):
            words += [option, _typed(str(ref))]
    for name, usual in (("size", None), ("draws", 100), ("null", "none")):
        if settings.get(name, usual) not in (None, usual):
            words += [f"--{name}", str(settings[name])]
    if record.get("seed"):
        words += ["--seed", str(record["seed"])]
    return shlex.join([*words, "--out", "again"])


def _typed(ref: str) -> str:
    """A reference as `hagd run` takes it anywhere: bundled dictionaries by their kind."""
    return ref.rsplit("/", 1)[-1] if ref.startswith("assets/transcoders/") else ref


def _row(name: str, value: Any) -> tuple[str, str]:
    return _words(name), f"<code>{_text(value)}</code>"


def _part(part: Any) -> str:
    if not isinstance(part, Mapping):
        return escape(str(part))
    ref, key = escape(str(part.get("ref", "–"))), escape(str(part.get("key", "")))
    return f'<code>{ref}</code> <span class="note">sha256 {key[:16]}</span>'


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        flat = (f"{k} {_inner(v)}" for k, v in value.items())
        return escape(" · ".join(flat))
    return escape(_inner(value))


def _inner(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _words(name: str) -> str:
    return escape(name.replace("_", " "))


def _plain(rows: list[tuple[str, str]]) -> str:
    return table(("", ""), rows, numbers_from=9)
