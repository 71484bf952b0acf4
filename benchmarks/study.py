"""What the studies share: pairs, and results that a study which was killed goes on from.

1. A *pair* is a bundled model, the task that it was trained for, and one kind of dictionary. It has
   one spelling, `model/kind` (`gpt2-modadd/nested`), on every command line and in every table.
2. `opened` loads a pair as `hagd run` does: the task encoded for the model, and the dictionary.
3. `Results` is a JSON file of rows by name, and beside it the Markdown made of it. Both are written
   after every row, each whole or not at all, and a row that is there is not measured again unless
   `--again` says so: a study that was killed goes on where it stopped.
4. `line`, `rule` and `shown` are what tables are made of; `masks_of` and `first_of` turn circuits
   into masks.

A study is a script of this shape, and tests/benchmarks holds every committed page against the JSON
file that it is made of:

    OUT = results_file("my_study")

    def main() -> None:
        given = arguments(__doc__, OUT, chooses="--pairs").parse_args()
        results = Results(given.out, page)
        names = chosen([pair.name for pair in bundled_pairs()], given.pairs)
        for name in results.missing(names, again=given.again):
            results.put(name, measured(pair_named(name)))

    def page(found: Mapping[str, Any]) -> str: ...
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.choices import COMMON_KINDS
from core.lessons import pairs
from core.models import load_model, suited_threads
from core.pipeline.prepare import Prepared, prepare
from core.search.joint import mask_of
from core.store import write_whole
from core.tasks import load_task
from core.transcoders import TranscoderSet, open_transcoders
from core.zoo.catalogue import MEMBERS

RESULTS = Path(__file__).parent / "results"
"""Where what the documentation quotes is kept."""

Page = Callable[[Mapping[str, Any]], str]
"""Markdown of everything that a JSON file holds."""


def results_file(study: str) -> Path:
    """The JSON file of a study; its page lies beside it."""
    return RESULTS / f"{study}.json"


class Pair(NamedTuple):
    """A bundled model, the task it was trained for, and one dictionary of it."""

    model: str
    task: str
    kind: str

    @property
    def name(self) -> str:
        """As it is spelled everywhere."""
        return f"{self.model}/{self.kind}"

    @property
    def lesson(self) -> str:
        """Name of its lesson (`core.lessons`), which is a file's: MODEL.KIND."""
        return f"{self.model}.{self.kind}"


class Opened(NamedTuple):
    """A pair as studies ask it."""

    prepared: Prepared
    coders: TranscoderSet


def bundled_pairs(kinds: Sequence[str] = COMMON_KINDS) -> list[Pair]:
    """Every pair of these kinds of dictionary of which model and dictionary are there; by name."""
    return [Pair(one.model, one.task, one.kind) for one in sorted(pairs.bundled_pairs(kinds))]


def pair_named(name: str) -> Pair:
    """The pair of a name, whether its files are there or not.

    Raises:
        SystemExit: If no model of the catalogue is called so.
    """
    model, _, kind = name.partition("/")
    if model not in MEMBERS or not kind:
        raise SystemExit(
            f"{name!r} is no pair: got the model {model!r} and the dictionary {kind!r}. Required: "
            "MODEL/KIND with a model of core/zoo/catalogue.py, such as gpt2-modadd/nested. "
            "Correct the name."
        )
    return Pair(model, MEMBERS[model].task, kind)


@contextmanager
def opened(pair: Pair) -> Iterator[Opened]:
    """A pair's model, task and dictionary, with as many threads as suit the model until it ends.

    A dictionary may also be a folder of one's own: `Pair(model, task, folder)`.
    """
    model = load_model(pair.model)
    prepared = prepare(model, load_task(pair.task, tokenizer=model.tokenizer))
    dictionary = open_transcoders(model, pair.kind)
    if dictionary is None:
        raise SystemExit(
            f"{pair.name} has no bundled dictionary. Make it with `python -m core.zoo transcoders "
            f"--model {pair.model} --kind {pair.kind}`."
        )
    with suited_threads(model):
        yield Opened(prepared, dictionary.transcoders)


class Results:
    """A JSON file of rows by name, and the Markdown made of it."""

    def __init__(
        self,
        out: Path,
        page: Page | None,
        *,
        under: str | None = None,
        about: Mapping[str, Any] | None = None,
        kept: bool = True,
        indent: int | None = 1,
    ) -> None:
        """Reads what is there.

        Args:
            out: The JSON file; the Markdown lies beside it.
            page: Makes the Markdown; None where a study has none.
            under: Field that holds the rows; None: the file is the rows.
            about: Further fields of the file, such as its command.
            kept: False for a quick look: nothing is read, nothing is written.
            indent: Of the JSON file.
        """
        self.out, self.page, self.kept, self.indent = out, page, kept, indent
        there = kept and out.is_file()
        self.found: dict[str, Any] = json.loads(out.read_text("utf-8")) if there else {}
        self.found |= about or {}
        self.rows: dict[str, Any] = (
            self.found if under is None else self.found.setdefault(under, {})
        )

    def missing(self, names: Iterable[str], *, again: bool = False) -> Iterator[str]:
        """Those names that have no row yet; all of them if they are to be measured again."""
        return (name for name in names if again or name not in self.rows)

    def outdated(
        self, stamps: Mapping[str, str], wanted: Iterable[str], *, again: bool = False
    ) -> Iterator[str]:
        """Those wanted whose row has another `stamp` than what is there; rows of what is gone go.

        Args:
            stamps: Of everything there is, by name; a row keeps the one that it was measured of.
            wanted: Names among them.
            again: All that are wanted.
        """
        for name in set(self.rows) - set(stamps):
            del self.rows[name]
        for name in wanted:
            if again or self.rows.get(name, {}).get("stamp") != stamps[name]:
                yield name

    def put(self, name: str, row: Any) -> None:
        """Takes a row and writes everything."""
        self.rows[name] = row
        self.write()

    def write(self) -> None:
        """Writes both files, each whole or not at all."""
        if not self.kept:
            return
        self.out.parent.mkdir(parents=True, exist_ok=True)
        body = json.dumps(self.found, indent=self.indent, ensure_ascii=False) + "\n"
        write_whole(self.out, body.encode())
        if self.page is not None:
            write_whole(self.out.with_suffix(".md"), self.page(self.found).encode())


def arguments(
    doc: str | None, out: Path | None = None, *, chooses: str | None = None
) -> argparse.ArgumentParser:
    """A study's command line; its help is the study's docstring.

    Args:
        doc: The docstring.
        out: Where results are kept by default; None where a study keeps none.
        chooses: Argument that names the rows wanted, such as `--pairs`; see `chosen`.
    """
    shown = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=doc, formatter_class=shown)
    if chooses is not None:
        parser.add_argument(
            chooses, nargs="*", metavar="NAME", help="names or patterns (gpt2-*/nested); else all"
        )
    if out is not None:
        parser.add_argument("--again", action="store_true", help="measure what is there again")
        parser.add_argument("--out", type=Path, default=out, help="JSON file; Markdown beside it")
    return parser


def chosen(names: Iterable[str], patterns: Sequence[str] | None) -> list[str]:
    """The names that one of the patterns fits; all if there is no pattern.

    Raises:
        SystemExit: If a pattern fits no name.
    """
    there = list(names)
    for pattern in patterns or ():
        if not any(fnmatchcase(name, pattern) for name in there):
            raise SystemExit(
                f"{pattern!r} fits nothing. There is: {', '.join(there)}. Choose among these; "
                "* stands for any part of a name."
            )
    return [name for name in there if not patterns or any(fnmatchcase(name, p) for p in patterns)]


def line(cells: Iterable[object]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def rule(columns: int) -> str:
    """What stands under the head of a Markdown table."""
    return "|" + "---|" * columns


def shown(value: float | None, digits: int = 3) -> str:
    """So many digits after the point, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def masks_of(circuits: Iterable[Int[Tensor, " chosen"]], n: int) -> Float[Tensor, "circuit node"]:
    """Circuits as masks over n nodes."""
    return torch.stack([mask_of(n, chosen) for chosen in circuits])


def first_of(
    order: Int[Tensor, " ranked"], sizes: Iterable[int], n: int
) -> Float[Tensor, "circuit node"]:
    """Masks of the circuits that the first nodes of a ranking are, one a size."""
    return masks_of((order[:size] for size in sizes), n)
