"""How far circuits transfer between models.

    python benchmarks/transfer_matrix.py [--tasks parity ...] [--kinds nested ...]
    python benchmarks/transfer_matrix.py --pairs 'parity-gpt2 -> parity-neox' ...
    python benchmarks/transfer_matrix.py --twins DIR --make-twins 'gpt2-*,llama-parity'

1. The bundled circuits of each task and kind of dictionary, every ordered pair: the four scores of
   `hagd transfer`, each beside its null. Circuits with heads as nodes are left out: what is
   carried is features, all heads live.
2. The ceiling: each model's circuit against its *twin*, the same circuit from another seed.
   `--twins DIR` says where twins are; `--make-twins` first makes those of the models named, which
   trains each model, its dictionary and its circuit anew (`transfer_twins` has the commands;
   `--reseed dictionary` keeps the weights). A pair whose models have no twin has no ceiling.
3. Per task the mean over pairs of different models, beside the paper's nominal range. A score that
   is the same from either side (edges, transport) counts a pair once, by its means over the two
   orders and the larger p; the others count both orders.

Circuits were chosen on the selection split of their own models; the functional score runs on the
test split of the second one, which nothing here is chosen by. Results are written after every
pair. A pair is compared again when one of its circuits has become another one or its null is made
another way; a pair of which one is gone,
and the twin of a circuit that is gone, is dropped. A twin takes some five to fifteen processor
minutes, a pair some ten processor seconds. Results:
benchmarks/results/transfer_matrix.json and .md.
"""

import sys
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from bundled import Stored, bundled_circuits, real, stored
from study import Results, arguments, chosen, line, results_file, shown
from transfer_twins import RECORD, Reseeded, make_twin, reseeded

from core.assets import CIRCUITS
from core.choices import COMMON_KINDS
from core.store import plain
from core.transfer import (
    SCORES,
    SYMMETRIC,
    Subject,
    TransferSettings,
    compare,
    open_subject,
    with_ceiling,
)
from core.transfer.stored import SCHEMA

OUT = results_file("transfer_matrix")
PAPER = (0.38, 0.82)
"""Structural similarity that the paper names (arXiv 2601.12879 v2); no artefact supports it."""
MADE = {"schema": SCHEMA, **plain(TransferSettings())}
"""How values and nulls are made. Schema 1: partners were exchanged across layers, profiles across
layers and positions, so that sites alone passed for likeness."""
Group = tuple[str, str]
"""A task, and a kind of dictionary."""
Scores = Mapping[str, Mapping[str, Any]]
"""One comparison's, by name, with ceilings."""
MEANS = ("value", "null_mean", "ceiling", "normalised")
KEEPS_SITES = 2
"""First schema whose nulls keep layer and position."""


def main() -> None:
    """Makes the twins asked for, compares what is not compared yet, writes results and table."""
    parser = arguments(__doc__, OUT)
    parser.add_argument("--tasks", nargs="*", help="only these tasks")
    parser.add_argument("--kinds", nargs="*", choices=COMMON_KINDS, default=list(COMMON_KINDS))
    parser.add_argument("--pairs", nargs="*", metavar="NAME", help="only these: 'ONE -> TWO'")
    parser.add_argument("--twins", type=Path, help="folder of the circuits from another seed")
    parser.add_argument("--make-twins", metavar="MODEL,...", help="models, or patterns of them")
    parser.add_argument("--reseed", type=Reseeded, choices=list(Reseeded), default="weights")
    given = parser.parse_args()
    circuits = [one for one in real(bundled_circuits()) if one.variant in COMMON_KINDS]
    if given.make_twins:
        if given.twins is None:
            parser.error("--make-twins needs --twins DIR, where they go")
        make_twins(circuits, given)
    results = Results(given.out, page)
    results.found["command"] = " ".join(["python", "benchmarks/transfer_matrix.py", *sys.argv[1:]])
    pairs, twins = (results.found.setdefault(field, {}) for field in ("pairs", "twins"))
    stamps = {one.name: one.stamp for one in circuits}
    for key in [
        key for key, pair in pairs.items() if not {pair["one"], pair["two"]} <= set(stamps)
    ]:
        del pairs[key]
    for name in [name for name, twin in twins.items() if outdated(twin, stamps.get(name))]:
        del twins[name]
    for (task, kind), some in grouped(circuits).items():
        if kind in given.kinds and task in (given.tasks or [task]):
            one_group(some, pairs, twins, results, given)
    write(results)
    print(page(results.found))


def outdated(twin: Mapping[str, Any], stamp: str | None) -> bool:
    """Whether a twin is one of another circuit than the one there is now, or made another way."""
    return twin.get("stamps", [None])[0] != stamp or twin.get("made") != MADE


def grouped(circuits: Iterable[Stored]) -> dict[Group, list[Stored]]:
    """Circuits that can be compared: those of one task and kind of dictionary."""
    found = defaultdict(list)
    for one in circuits:
        found[one.task, one.variant].append(one)
    return found


def make_twins(circuits: Iterable[Stored], given: Namespace) -> None:
    """Twins of the circuits that the models named have with a nested dictionary."""
    there = {one.model: one for one in circuits if one.variant == "nested"}
    for model in chosen(there, given.make_twins.split(",")):
        if make_twin(there[model], given.twins, given.reseed) is None:
            print(f"{model} has no twin: see above", flush=True)


def one_group(
    circuits: list[Stored],
    pairs: dict[str, Any],
    twins: dict[str, Any],
    results: Results,
    given: Namespace,
) -> None:
    """Every pair of one task and kind, and the twins that there are."""
    opened: dict[Path, Subject] = {}

    def subject(folder: Path) -> Subject:
        return opened.setdefault(folder, open_subject(folder))

    def compared(into: dict[str, Any], key: str, one: Stored, two: Stored, at: Path) -> bool:
        how = {"stamps": [one.stamp, two.stamp], "made": MADE}
        there = {field: into.get(key, {}).get(field) for field in how}
        if there == how and not given.again:
            return False
        transfer = compare(subject(CIRCUITS / one.name), subject(at))
        # matched pairs of nodes are kept as a count only
        into[key] = {"task": one.task, **transfer.to_json(), "matched": len(transfer.matched)}
        into[key] |= {"kind": one.variant, **how}
        print(key, {name: round(score.value, 3) for name, score in transfer.scores.items()})
        return True

    for one in circuits:
        at = given.twins / one.name if given.twins else Path()
        if given.twins and (at / RECORD).is_file():
            twin = stored(at)
            if compared(twins, one.name, one, twin, at):
                twins[one.name]["reseeded"] = reseeded(one, twin).value
                write(results)
    ends = {f"{one.name} -> {two.name}": (one, two) for one, two in permutations(circuits, 2)}
    for key in ends if given.pairs is None else [key for key in ends if key in given.pairs]:
        one, two = ends[key]
        if compared(pairs, key, one, two, CIRCUITS / two.name):
            write(results)


def write(results: Results) -> None:
    """Writes what there is, with the means of every task and kind."""
    results.found["tables"] = tables(results.found)
    results.write()


def tables(found: Mapping[str, Any]) -> dict[str, Any]:
    """One of every task and kind."""
    groups = {(pair["task"], pair.get("kind", "nested")) for pair in found["pairs"].values()}
    return {titled(group): table(group, found) for group in sorted(groups)}


def titled(group: Group) -> str:
    """Of a table."""
    task, kind = group
    return task if kind == "nested" else f"{task}, {kind}"


def table(group: Group, found: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Means over the pairs of one task and kind, beside null and ceiling."""
    pairs: dict[tuple[str, str], Scores] = {}
    for pair in found["pairs"].values():
        if (pair["task"], pair.get("kind", "nested")) == group:
            ends = [
                found["twins"][end] for end in (pair["one"], pair["two"]) if end in found["twins"]
            ]
            pairs[pair["one"], pair["two"]] = with_ceiling(pair, ends)["scores"]
    rows = {}
    for name in SCORES:
        scores = unordered(pairs, name) if name in SYMMETRIC else [s[name] for s in pairs.values()]
        rows[name] = {
            "pairs": len(scores),
            **{column: mean(s[column] for s in scores) for column in MEANS},
            "lowest": min((s["value"] for s in scores if s["value"] is not None), default=None),
            "highest": max((s["value"] for s in scores if s["value"] is not None), default=None),
            "above_null": sum(s["p"] < 0.05 for s in scores),
        }
    return rows


def unordered(pairs: Mapping[tuple[str, str], Scores], name: str) -> list[dict[str, Any]]:
    """A score of each pair, whatever its order: means over the orders, and the larger p."""
    both = defaultdict(list)
    for ends, scores in pairs.items():
        both[frozenset(ends)].append(scores[name])
    return [
        {
            **{column: mean(score[column] for score in orders) for column in MEANS},
            "p": max(score["p"] for score in orders),
        }
        for orders in both.values()
    ]


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that there are."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def page(found: Mapping[str, Any]) -> str:
    """The tables as Markdown."""
    lines = ["# Transfer of circuits between models", "", f"`{found['command']}`", ""]
    lines += [
        "Mean over pairs of different models: edges and transport are the same from either side, "
        "so a pair counts once, with the larger of its two p; others count both orders. "
        "Null: partners or profiles exchanged at random within each layer and position, or random "
        "features of the same sites. Ceiling: the same model, another seed, where "
        "a twin was made. The paper names "
        f"{PAPER[0]}–{PAPER[1]} for its edge overlap, without null or ceiling.",
        "",
        draws(found["pairs"].values()),
        "",
    ]
    for what in Reseeded:
        some = [name for name, twin in found["twins"].items() if twin.get("reseeded") == what]
        if some:
            lines += [f"Ceilings that begin with the {what} anew: {', '.join(some)}.", ""]
    for task, rows in tables(found).items():
        lines += [
            f"## {task}",
            "",
            "| score | pairs | mean (range) | null | ceiling | normalised | p < 0.05 |",
        ]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [row_text(name, row) for name, row in rows.items()]
        lines.append("")
    return "\n".join(lines)


def draws(pairs: Iterable[Mapping[str, Any]]) -> str:
    """How many shuffles are behind the nulls, and which nulls are too weak."""
    made = [pair.get("made", {}) for pair in pairs]
    good = [how for how in made if how.get("schema", 1) >= KEEPS_SITES]
    said = ""
    if good:
        fewest, solves = (min(how[name] for how in good) for name in ("draws", "solves"))
        said = (
            f"Shuffles: {fewest} (edges, roles), {solves} (transport, functional), so p is at "
            f"least {1 / (fewest + 1):.3f} and {1 / (solves + 1):.3f}."
        )
    if len(good) < len(made):
        said += (
            f" In {len(made) - len(good)} of {len(made)} ordered pairs the null is an older one: "
            "partners were exchanged across layers, profiles across layers and positions too, so "
            "that the same sites alone look like likeness and *p < 0.05* says too much; transport "
            "and functional had 20 draws, p at least 0.048."
        )
    return said.strip()


def row_text(name: str, row: Mapping[str, Any]) -> str:
    """One line of a table."""
    spread = f"{shown(row['value'], 2)} ({shown(row['lowest'], 2)} to {shown(row['highest'], 2)})"
    others = [shown(row[name], 2) for name in ("null_mean", "ceiling", "normalised")]
    return line([name, row["pairs"], spread, *others, f"{row['above_null']} of {row['pairs']}"])


if __name__ == "__main__":
    main()
