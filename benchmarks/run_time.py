"""How long `hagd run` takes on bundled models, from the command to the finished circuit.

    python benchmarks/run_time.py [--pairs 'gpt2-coref*/nested' ...] [--again]

1. A process of its own for each pair, with an empty store, as a person starts it: imports, search,
   validation on the test split and the bundle are all part of it.
2. Wall and processor seconds of the whole process, its peak memory, and the wall seconds of each
   stage, as the result records them.
3. How many of the bundled circuit's nodes the run finds again: `243 of 243` is the same circuit.
4. Every model with its nested dictionary and live heads, as a run has them by default; and the
   largest, those of coreference, with heads counted too (`--attention circuit`), which are not all
   bundled.

Figures of a busy machine mean nothing: the load average before each run stands beside it. The aim
is two minutes on two cores. Results: benchmarks/results/run_time.json and .md.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study import (
    Pair,
    Results,
    arguments,
    bundled_pairs,
    chosen,
    line,
    pair_named,
    results_file,
    rule,
)

from core.assets import CIRCUITS
from core.bundle.files import CIRCUIT
from core.choices import DEFAULT_KIND
from core.zoo.catalogue import MEMBERS

OUT = results_file("run_time")
HEADS = "/heads"
"""Ends the name of a row with heads counted."""
LARGEST = "coreference"
AIM = 120.0
"""Seconds."""
STAGES = ("graphs", "hierarchy", "search", "refine", "validate")


def main() -> None:
    given = arguments(__doc__, OUT, chooses="--pairs").parse_args()
    about = {
        "command": "python benchmarks/run_time.py",
        "machine": f"{os.cpu_count()} processors",
    }
    results = Results(given.out, page, under="pairs", about=about)
    for name in results.missing(chosen(wanted(), given.pairs), again=given.again):
        results.put(name, timed(pair_named(name.removesuffix(HEADS)), heads=name.endswith(HEADS)))
        print(name, results.rows[name]["seconds"], flush=True)


def wanted() -> list[str]:
    """Rows by name: pairs, some of them with heads counted."""
    pairs = [pair for pair in bundled_pairs() if pair.kind == DEFAULT_KIND]
    counted = [pair.name + HEADS for pair in pairs if pair.task == LARGEST]
    return [*(pair.name for pair in pairs), *counted]


def timed(pair: Pair, *, heads: bool) -> dict[str, Any]:
    """One run in a process and a store of its own."""
    with tempfile.TemporaryDirectory() as store:
        options = ["--model", pair.model, "--task", pair.task, "--transcoders", pair.kind]
        options += ["--attention", "circuit"] if heads else []
        command = [sys.executable, "-m", "core", "run", *options, "--store", store, "--json"]
        load, start = os.getloadavg()[0], time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {child.returncode}.")
        (result,) = Path(store).glob("results/*/provenance.json")
        stages = json.loads(result.read_text("utf-8"))["seconds"]
        found = nodes_in(result.parent)
    bundled = set() if heads else nodes_in(CIRCUITS / MEMBERS[pair.model].circuit(DEFAULT_KIND))
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "max_rss_gb": round(used.ru_maxrss / 1e6, 2),
        "stages": {stage: stages[stage] for stage in STAGES if stage in stages},
        "load_before": round(load, 2),
        "nodes": {"found": len(found), "bundled": len(bundled), "shared": len(found & bundled)},
    }


def nodes_in(bundle: Path) -> set[str]:
    """Names of the nodes of a circuit on disk."""
    return set(json.loads((bundle / CIRCUIT).read_text("utf-8"))["nodes"])


def page(found: Mapping[str, Any]) -> str:
    """The table."""
    rows = found["pairs"]
    late = [name for name, row in rows.items() if row["seconds"] > AIM]
    said = f"All {len(rows)} within two minutes." if not late else f"Over: {', '.join(late)}."
    head = ("pair", "s", "processor s", "GB", *STAGES, "load before", "bundled nodes found again")
    lines = [line(_cells(name, row)) for name, row in sorted(rows.items())]
    return "\n".join(
        [
            "# Seconds of `hagd run`",
            "",
            f"`{found['command']}`, {found['machine']}; the aim is two minutes. {said}",
            "",
            line(head),
            rule(len(head)),
            *lines,
            "",
        ]
    )


def _cells(name: str, row: Mapping[str, Any]) -> list[str]:
    return [
        name,
        *(f"{row[figure]:.0f}" for figure in ("seconds", "processor_seconds")),
        f"{row['max_rss_gb']:.1f}",
        *(f"{row['stages'].get(stage, 0):.0f}" for stage in STAGES),
        f"{row['load_before']:.1f}",
        "{shared} of {bundled}".format(**row["nodes"]) if row["nodes"]["bundled"] else "–",
    ]


if __name__ == "__main__":
    main()
