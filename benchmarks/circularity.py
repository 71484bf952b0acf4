"""What the bundled circuits do under tests that no search made: one table.

    python benchmarks/circularity.py

Three sections of every bundled circuit's `validation.json`, as `hagd run` wrote them; nothing is
measured here, so that the table takes a second and says what the circuits say.

1. *predictions*: Δ(logit answer − logit wrong) of each supernode's interventions, registered before
   the test, scored on it beside regrouped nodes (`core.predictions`).
2. *circularity*: F on searched and unseen prompts; F under interventions the search does not make.
3. *shi*: the five hypothesis tests (`core.validation.shi`).

The predictors were chosen on the first three circuits (modular addition twice, coreference; nested
dictionaries), so their scores there are not unseen; on all others they are. A circuit that a run
made before it measured these is named below the tables; `python -m core.zoo circuit NAME` makes it
again. Results: benchmarks/results/circularity.json and .md.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bundled import Stored, bundled_circuits
from study import Results, arguments, line, results_file, rule

from core.figures import figure, probability
from core.predictions import Intervention

OUT = results_file("circularity")
SECTIONS = ("predictions", "circularity", "shi")
KEPT = ("level", "registered_at", "measured_at", "registered_hash", "scores", "controls")
"""What is kept of the predictions; the record itself is in the bundle."""
TESTS = ("equivalence", "independence", "minimality", "sufficiency", "partial_necessity")


def main() -> None:
    """Collects every circuit that has the sections."""
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="JSON file; Markdown beside it")
    given = parser.parse_args()
    results = Results(given.out, page)
    results.found = collected(bundled_circuits())
    results.write()
    print(page(results.found))


def collected(circuits: Iterable[Stored]) -> dict[str, Any]:
    """The sections of every circuit that has all of them; the names of the others."""
    have, without = {}, []
    for one in sorted(circuits, key=lambda one: one.name):
        if all(section in one.validation for section in SECTIONS):
            have[one.name] = row(one)
        else:
            without.append(one.name)
    return {"command": "python benchmarks/circularity.py", "circuits": have, "without": without}


def row(one: Stored) -> dict[str, Any]:
    """The three sections of one circuit."""
    told = one.validation["predictions"]
    return {
        "verdict": one.validation.get("verdict"),
        "nodes": one.validation["n_nodes"],
        "predictions": {field: told[field] for field in KEPT if field in told},
        "circularity": one.validation["circularity"],
        "shi": one.validation["shi"],
    }


def page(body: Mapping[str, Any]) -> str:
    """All circuits as Markdown."""
    found = body["circuits"]
    lines = ["`python benchmarks/circularity.py`", "", "F by split and by family of interventions:"]
    lines += ["", "| circuit | verdict | labels − test (95 %) | resample | mean | zero | "
              "interchange (best random) | steering (best random) |", rule(8)]  # fmt: skip
    lines += [_family_row(name, row) for name, row in found.items()]
    lines += ["", "Predictions by the task graph, and (in brackets) by gradients, on the last "
              "level's supernodes:", "", "| circuit | n | intervention | sign | always | "
              "rank correlation | R² | slope | p of R², regrouped |", rule(9)]  # fmt: skip
    for name, row in found.items():
        scores = row["predictions"].get("scores", {})
        lines += [_score_row(name, how.value, scores[how.value]) for how in Intervention if scores]
    lines += ["", "Shi et al.:", "", line(["circuit", *TESTS]), rule(6)]
    lines += [_test_row(name, row["shi"]) for name, row in found.items()]
    if left := body.get("without"):
        lines += ["", f"Made before a run measured this, so not here: {', '.join(left)}."]
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
    return line(cells)


def _score_row(name: str, how: str, row: dict[str, Any]) -> str:
    graph, gradient = row["graph"], row["gradient"]
    cells = [name, str(row["n"]), how, f"{figure(graph['sign'])} ({figure(gradient['sign'])})"]
    cells.append(figure(row["always"]))
    for field in ("spearman", "r2", "slope"):
        cells.append(f"{figure(graph[field])} ({figure(gradient[field])})")
    cells.append(probability((graph["random"] or {}).get("p_r2")))
    return line(cells)


def _test_row(name: str, tests: dict[str, Any]) -> str:
    words = {True: "passed", False: "failed", None: "–"}
    cells = [name]
    for test in TESTS:
        row = tests[test]
        p = row.get("p_value")
        why = f"p {probability(p)}" if p is not None else f"{row['removable']} of {row['tested']}"
        cells.append(f"{words[row['passed']]} ({why})")
    return line(cells)


if __name__ == "__main__":
    main()
