"""How far circuits transfer between models: `python benchmarks/transfer_matrix.py`.

1. The bundled circuits of each task (nested dictionaries; `--kind topk` for the others), every
   ordered pair: the four scores of `hagd transfer`, each beside its null.
2. The ceiling: each model's circuit against its *twin*, found anew on the same weights with a
   dictionary and a search from another seed. `--twins DIR` says where twins are, or are made
   (about two minutes each); without it a pair has no ceiling.
3. Per task the mean over pairs of different models, beside the paper's nominal range.

Circuits were chosen on the selection split of their own models; the functional score runs on the
test split of the second one, which nothing here is chosen by. Results are written after every pair,
and a pair that is there is not compared again (`--anew` forgets them).
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.assets import CIRCUITS
from core.bundle import open_bundle
from core.pipeline.run import RunRequest, run_task
from core.pipeline.settings import RunSettings
from core.store import open_store
from core.transfer import (
    SCORES,
    Subject,
    TransferSettings,
    compare,
    open_subject,
    with_ceiling,
)
from core.zoo.dictionaries import chosen, make

OUT = Path(__file__).parent / "results" / "transfer_matrix.json"
SEED = 1
"""Of the twins; the bundled ones have 0."""
PAPER = (0.38, 0.82)
"""Structural similarity that the paper names (arXiv 2601.12879 v2); no artefact supports it."""


def main() -> None:
    """Compares what is not compared yet, and writes results and table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", help="only these tasks")
    parser.add_argument("--kind", default="nested", help="dictionary of the circuits")
    parser.add_argument("--twins", type=Path, help="folder of the second-seed circuits")
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    there = given.out.is_file() and not given.anew
    found = json.loads(given.out.read_text()) if there else {"pairs": {}, "twins": {}}
    found["command"] = " ".join(["python", "benchmarks/transfer_matrix.py", *sys.argv[1:]])
    for task, names in circuits(given.kind).items():
        if not given.tasks or task in given.tasks:
            one_task(task, names, found, given)
    found["tables"] = {task: table(task, found) for task in sorted(tasks(found))}
    keep(found, given.out)
    given.out.with_suffix(".md").write_text(page(found))
    print(page(found))


def circuits(kind: str) -> dict[str, list[str]]:
    """Names of the bundled circuits that hold, or hold in part, by task."""
    by_task = defaultdict(list)
    for folder in sorted(CIRCUITS.iterdir()):
        record = json.loads((folder / "provenance.json").read_text())
        null = record["settings"].get("null", "none") != "none"
        if not null and record["transcoders"]["ref"].rstrip("/").endswith(kind):
            by_task[record["task"]["ref"]].append(folder.name)
    return by_task


def one_task(task: str, names: list[str], found: dict[str, Any], given: Any) -> None:
    """Every pair of one task, and the twins."""
    opened: dict[str, Subject] = {}

    def subject(name: str) -> Subject:
        return opened.setdefault(name, open_subject(CIRCUITS / name))

    for name in names:
        if given.twins and name not in found["twins"]:
            twin = open_subject(twin_of(subject(name), given.twins))
            note(found["twins"], name, task, compare(subject(name), twin, TransferSettings()))
            keep(found, given.out)
    for one in names:
        for two in names:
            key = f"{one} -> {two}"
            if one != two and key not in found["pairs"]:
                note(found["pairs"], key, task, compare(subject(one), subject(two)))
                keep(found, given.out)


def twin_of(of: Subject, folder: Path) -> Path:
    """The same model's circuit from another seed; made where it is missing."""
    out = folder / of.bundle.name
    if (out / "provenance.json").is_file():
        return out
    model = of.bundle.provenance["model"]["ref"]
    recipe = chosen(model, "nested")[0]
    coders = make(
        replace(recipe, settings=replace(recipe.settings, seed=SEED)), folder / "transcoders"
    )
    request = RunRequest(
        model=model,
        task=of.bundle.provenance["task"]["ref"],
        transcoders=str(coders),
        out=out,
        command="python benchmarks/transfer_matrix.py",
    )
    size = of.bundle.provenance["size"]["got"]
    with tempfile.TemporaryDirectory() as place, open_store(Path(place)) as store:
        run_task(request, RunSettings(seed=SEED, size=size), store=store)
    return open_bundle(out).path or out


def note(into: dict[str, Any], key: str, task: str, transfer: Any) -> None:
    """Keeps the scores of a comparison; matched pairs only as a count."""
    body = transfer.to_json()
    into[key] = {"task": task, **body, "matched": len(transfer.matched)}
    print(key, {name: round(score.value, 3) for name, score in transfer.scores.items()})


def keep(found: Mapping[str, Any], out: Path) -> None:
    """Writes what there is."""
    out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def tasks(found: Mapping[str, Any]) -> set[str]:
    """Tasks of which a pair was compared."""
    return {pair["task"] for pair in found["pairs"].values()}


def table(task: str, found: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Means over the pairs of one task, beside null and ceiling."""
    pairs = []
    for pair in found["pairs"].values():
        if pair["task"] == task:
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
