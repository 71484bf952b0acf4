"""What the bundled circuits do under tests that no search made: one table.

    python benchmarks/circularity.py [--quick] [NAME ...]

For every bundled circuit the sections that `hagd run` writes, made again from the stored circuit:

1. *predictions*: Δ(logit answer − logit wrong) of each supernode's interventions, registered before
   the test, scored on it beside regrouped nodes (`core.predictions`).
2. *circularity*: F on searched and unseen prompts; F under interventions the search does not make.
3. *shi*: the five hypothesis tests (`core.validation.shi`).

The predictors were chosen on the first three circuits (modular addition twice, coreference; nested
dictionaries), so their scores there are not unseen; on all others they are. Nothing is searched,
nothing is fitted. Results: benchmarks/results/circularity.json and .md, rewritten as it goes.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from core.assets import CIRCUITS
from core.bundle import open_bundle
from core.circuit import GatedNode
from core.lab import Lab
from core.models import suited_threads
from core.pipeline.circularity import circularity
from core.pipeline.further import PREDICTED, TESTED
from core.pipeline.prepare import head, prepare
from core.predictions import Intervention, Subject, predictions
from core.tasks import Split
from core.validation import Candidate
from core.validation.shi import shi_tests
from core.verdicts import figure, probability

OUT = Path(__file__).parent / "results" / "circularity.json"
KEPT = ("level", "registered_at", "measured_at", "registered_hash", "scores", "controls")
"""What is kept of the predictions; the record itself is in the bundle."""
TESTS = ("equivalence", "independence", "minimality", "sufficiency", "partial_necessity")


def study(name: str) -> dict[str, Any]:
    """The three sections of one bundled circuit, with the seconds each took."""
    lab = Lab(open_bundle(CIRCUITS / name))
    prepared, bundle = prepare(lab.model, lab.task), lab.bundle
    nodes: tuple[GatedNode, ...] = bundle.circuit.nodes
    candidate = Candidate(
        order=nodes,
        size=len(nodes),
        n_edges=bundle.graph.n_edges,
        attention=bundle.circuit.attention,
    )
    subject = Subject(
        model=lab.model,
        coders=lab.transcoders,
        nodes=nodes,
        tree=bundle.hierarchy,
        graph=bundle.graph,
        attribution=head(prepared.batches[Split.ATTRIBUTION], PREDICTED),
        test=head(prepared.batches[Split.TEST], PREDICTED),
        length=prepared.length,
        seed=bundle.circuit.seed,
    )
    seconds, start = {}, time.perf_counter()
    with suited_threads(lab.model):
        told = predictions(subject)
        seconds["predictions"] = round(time.perf_counter() - start, 1)
        gaps = circularity(prepared, lab.transcoders, candidate, seed=bundle.circuit.seed)
        seconds["circularity"] = round(time.perf_counter() - start - sum(seconds.values()), 1)
        evaluator = prepared.evaluator(lab.transcoders, Split.TEST, TESTED)
        tests = shi_tests(evaluator, candidate, seed=bundle.circuit.seed)
        seconds["shi"] = round(time.perf_counter() - start - sum(seconds.values()), 1)
    return {
        "verdict": bundle.validation.get("verdict"),
        "nodes": len(nodes),
        "predictions": {field: told[field] for field in KEPT if field in told},
        "circularity": gaps,
        "shi": tests,
        "seconds": seconds,
    }


def tables(found: dict[str, dict[str, Any]]) -> str:
    """All results as Markdown."""
    lines = ["`python benchmarks/circularity.py`", "", "F by split and by family of interventions:"]
    lines += ["", "| circuit | verdict | labels − test (95 %) | resample | mean | zero | "
              "interchange (best random) | steering (best random) |", "|---" * 8 + "|"]  # fmt: skip
    lines += [_family_row(name, row) for name, row in found.items()]
    lines += ["", "Predictions by the task graph, and (in brackets) by gradients, on the last "
              "level's supernodes:", "", "| circuit | n | intervention | sign | always | "
              "rank correlation | R² | slope | p of R², regrouped |", "|---" * 9 + "|"]  # fmt: skip
    for name, row in found.items():
        scores = row["predictions"].get("scores", {})
        lines += [_score_row(name, how.value, scores[how.value]) for how in Intervention if scores]
    lines += ["", "Shi et al.:", "", "| circuit | " + " | ".join(TESTS) + " |", "|---" * 6 + "|"]
    lines += [_test_row(name, row["shi"]) for name, row in found.items()]
    return "\n".join(lines) + "\n"


def _family_row(name: str, row: dict[str, Any]) -> str:
    gap, families = row["circularity"]["gap"]["resample"], row["circularity"]["families"]
    low, high = gap["interval"]
    cells = [name, str(row["verdict"])]
    cells.append(f"{figure(gap['labels_minus_test'])} ({figure(low)} … {figure(high)})")
    cells += [figure(families[a]["faithfulness"]) for a in ("resample", "mean", "zero")]
    for family in ("interchange", "steering"):
        one = families.get(family, {})
        cells.append(f"{figure(one.get('faithfulness'))} ({figure(one.get('random_max'))})")
    return f"| {' | '.join(cells)} |"


def _score_row(name: str, how: str, row: dict[str, Any]) -> str:
    graph, gradient = row["graph"], row["gradient"]
    cells = [name, str(row["n"]), how, f"{figure(graph['sign'])} ({figure(gradient['sign'])})"]
    cells.append(figure(row["always"]))
    for field in ("spearman", "r2", "slope"):
        cells.append(f"{figure(graph[field])} ({figure(gradient[field])})")
    cells.append(probability((graph["random"] or {}).get("p_r2")))
    return f"| {' | '.join(cells)} |"


def _test_row(name: str, tests: dict[str, Any]) -> str:
    words = {True: "passed", False: "failed", None: "–"}
    cells = [name]
    for test in TESTS:
        row = tests[test]
        p = row.get("p_value")
        why = f"p {probability(p)}" if p is not None else f"{row['removable']} of {row['tested']}"
        cells.append(f"{words[row['passed']]} ({why})")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Studies the circuits named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="bundled circuits; all if none")
    parser.add_argument("--quick", action="store_true", help="one circuit; not kept")
    given = parser.parse_args()
    everything = sorted(folder.name for folder in CIRCUITS.iterdir() if folder.is_dir())
    names = given.names or (["modular-addition-gpt2"] if given.quick else everything)
    kept = json.loads(OUT.read_text())["circuits"] if OUT.is_file() and not given.quick else {}
    for name in names:
        kept[name] = study(name)
        print(name, kept[name]["seconds"], flush=True)
        if not given.quick:
            result = {"command": "python benchmarks/circularity.py", "circuits": kept}
            OUT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
            OUT.with_suffix(".md").write_text(tables(kept))
    if given.quick:
        print(tables(kept))


if __name__ == "__main__":
    main()
