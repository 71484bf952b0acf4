"""How far circuits transfer between models.

    python benchmarks/transfer_matrix.py [--tasks parity ...] [--kinds nested ...]
    python benchmarks/transfer_matrix.py --twins DIR --make-twins 'gpt2-*,llama-parity'

1. The bundled circuits of each task and kind of dictionary, every ordered pair: the four scores of
   `hagd transfer`, each beside its null. Circuits with heads as nodes are left out: what is
   carried is features, all heads live.
2. The ceiling: each model's circuit against its *twin*, the same circuit from another seed.
   `--twins DIR` says where twins are; `--make-twins` first makes those of the models named, which
   trains each model, its dictionary and its circuit anew (`transfer_twins` has the commands;
   `--reseed dictionary` keeps the weights). A pair whose models have no twin has no ceiling.
3. Per task the mean over pairs of different models, beside the paper's nominal range.

Circuits were chosen on the selection split of their own models; the functional score runs on the
test split of the second one, which nothing here is chosen by. Results are written after every pair.
A pair is compared again when one of its circuits has become another one, and a pair of which one is
gone is dropped. A twin takes some five to fifteen processor minutes, a pair half a minute. Results:
benchmarks/results/transfer_matrix.json and .md.
"""

import sys
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from bundled import Stored, bundled_circuits, real, stored
from study import Results, arguments, chosen, results_file
from transfer_twins import RECORD, Reseeded, make_twin, reseeded

from core.assets import CIRCUITS
from core.transfer import SCORES, Subject, compare, open_subject, with_ceiling
from core.zoo.catalogue import KINDS

OUT = results_file("transfer_matrix")
PAPER = (0.38, 0.82)
"""Structural similarity that the paper names (arXiv 2601.12879 v2); no artefact supports it."""
Group = tuple[str, str]
"""A task, and a kind of dictionary."""


def main() -> None:
    """Makes the twins asked for, compares what is not compared yet, writes results and table."""
    parser = arguments(__doc__, OUT)
    parser.add_argument("--tasks", nargs="*", help="only these tasks")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--twins", type=Path, help="folder of the circuits from another seed")
    parser.add_argument("--make-twins", metavar="MODEL,...", help="models, or patterns of them")
    parser.add_argument("--reseed", type=Reseeded, choices=list(Reseeded), default="weights")
    given = parser.parse_args()
    circuits = [one for one in real(bundled_circuits()) if one.variant in KINDS]
    if given.make_twins:
        if given.twins is None:
            parser.error("--make-twins needs --twins DIR, where they go")
        make_twins(circuits, given)
    results = Results(given.out, page)
    results.found["command"] = " ".join(["python", "benchmarks/transfer_matrix.py", *sys.argv[1:]])
    pairs, twins = (results.found.setdefault(field, {}) for field in ("pairs", "twins"))
    there = {one.name for one in circuits}
    for key in [key for key, pair in pairs.items() if not {pair["one"], pair["two"]} <= there]:
        del pairs[key]
    for (task, kind), some in grouped(circuits).items():
        if kind in given.kinds and task in (given.tasks or [task]):
            one_group(some, pairs, twins, results, given)
    write(results)
    print(page(results.found))


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
        stamps = [one.stamp, two.stamp]
        if not given.again and into.get(key, {}).get("stamps") == stamps:
            return False
        transfer = compare(subject(CIRCUITS / one.name), subject(at))
        # matched pairs of nodes are kept as a count only
        into[key] = {"task": one.task, **transfer.to_json(), "matched": len(transfer.matched)}
        into[key] |= {"kind": one.variant, "stamps": stamps}
        print(key, {name: round(score.value, 3) for name, score in transfer.scores.items()})
        return True

    for one in circuits:
        at = given.twins / one.name if given.twins else Path()
        if given.twins and (at / RECORD).is_file():
            twin = stored(at)
            if compared(twins, one.name, one, twin, at):
                twins[one.name]["reseeded"] = reseeded(one, twin).value
                write(results)
    for one in circuits:
        for two in circuits:
            key = f"{one.name} -> {two.name}"
            if one is not two and compared(pairs, key, one, two, CIRCUITS / two.name):
                write(results)


def write(results: Results) -> None:
    """Writes what there is, with the means of every task and kind."""
    found = results.found
    groups = {(pair["task"], pair.get("kind", "nested")) for pair in found["pairs"].values()}
    found["tables"] = {titled(group): table(group, found) for group in sorted(groups)}
    results.write()


def titled(group: Group) -> str:
    """Of a table."""
    task, kind = group
    return task if kind == "nested" else f"{task}, {kind}"


def table(group: Group, found: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Means over the pairs of one task and kind, beside null and ceiling."""
    pairs = []
    for pair in found["pairs"].values():
        if (pair["task"], pair.get("kind", "nested")) == group:
            ends = [
                found["twins"][end] for end in (pair["one"], pair["two"]) if end in found["twins"]
            ]
            pairs.append(with_ceiling(pair, ends)["scores"])
    rows = {}
    for name in SCORES:
        scores = [pair[name] for pair in pairs]
        rows[name] = {
            "pairs": len(scores),
            **{
                c: mean(s[c] for s in scores)
                for c in ("value", "null_mean", "ceiling", "normalised")
            },
            "lowest": min((s["value"] for s in scores if s["value"] is not None), default=None),
            "highest": max((s["value"] for s in scores if s["value"] is not None), default=None),
            "above_null": sum(s["p"] < 0.05 for s in scores),
        }
    return rows


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that there are."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def page(found: Mapping[str, Any]) -> str:
    """The tables as Markdown."""
    lines = ["# Transfer of circuits between models", "", f"`{found['command']}`", ""]
    lines += [
        "Mean over all ordered pairs of different models; null: shuffled matchings or profiles, or "
        "random features of the same sites; ceiling: the same model, another seed. The paper names "
        f"{PAPER[0]}–{PAPER[1]} for its edge overlap, without null or ceiling.",
        "",
    ]
    for what in Reseeded:
        some = [name for name, twin in found["twins"].items() if twin.get("reseeded") == what]
        if some:
            lines += [f"Ceilings that begin with the {what} anew: {', '.join(some)}.", ""]
    for task, rows in found["tables"].items():
        lines += [
            f"## {task}",
            "",
            "| score | pairs | mean (range) | null | ceiling | normalised | p < 0.05 |",
        ]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [row_text(name, row) for name, row in rows.items()]
        lines.append("")
    return "\n".join(lines)


def row_text(name: str, row: Mapping[str, Any]) -> str:
    """One line of a table."""
    return (
        f"| {name} | {row['pairs']} | {shown(row['value'])} ({shown(row['lowest'])} to "
        f"{shown(row['highest'])}) | {shown(row['null_mean'])} | {shown(row['ceiling'])} | "
        f"{shown(row['normalised'])} | {row['above_null']} of {row['pairs']} |"
    )


def shown(value: float | None) -> str:
    """Two digits, or a dash."""
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
