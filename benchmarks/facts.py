"""What the bundled circuits say together: the list of figures that README.md quotes.

    python benchmarks/facts.py

Counted over every bundled circuit's `validation.json` and `provenance.json`; nothing is measured,
and tests/test_readme.py holds README.md against it. Null runs are counted where they are named.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bundled import Stored, bundled_circuits, nulls, plainest, real
from study import arguments

from core.choices import JUDGED
from core.figures import figure

WORDS = {
    "holds": "hold",
    "holds_in_part": "hold in part",
    "sufficient_not_necessary": "are sufficient only",
    "does_not_hold": "do not hold",
}
SUFFICIENT = 0.9
"""F that `core.validation.verdict` asks for."""
TESTS = ("equivalence", "independence", "minimality", "sufficiency", "partial_necessity")


def main() -> None:
    """Prints the list."""
    arguments(__doc__).parse_args()
    print("\n".join(facts(bundled_circuits())))


def facts(circuits: Iterable[Stored]) -> list[str]:
    """Lines of Markdown."""
    known = list(circuits)
    real_ones, null_ones = real(known), nulls(known)
    told = (
        verdicts(real_ones),
        floors(real_ones),
        necessity(real_ones),
        without_search(real_ones),
        families(real_ones),
        predictions(real_ones),
        shi(real_ones, null_ones),
        dark_matter(real_ones),
        forwards(real_ones),
    )
    return [f"* {line}" for lines in told for line in lines]


def verdicts(circuits: Sequence[Stored]) -> Iterator[str]:
    """How many hold, and what stops the others."""
    count = Counter(one.validation["verdict"] for one in circuits)
    words = [f"{count[name]} {WORDS.get(name, name)}" for name, _ in count.most_common()]
    stops = Counter(
        name
        for one in circuits
        if one.validation["verdict"] != "holds"
        for name in {name for names in one.validation["failed"].values() for name in names}
    )
    why = ", ".join(f"{name} {n}" for name, n in stops.most_common())
    yield f"Verdicts: of {len(circuits)} circuits {', '.join(words)}. Conditions not met: {why}."


def floors(circuits: Sequence[Stored]) -> Iterator[str]:
    """Accuracy with nothing kept under mean ablation, heads live and heads counted."""
    live = [one for one in circuits if one.variant != "heads"]
    counted = [one for one in circuits if one.variant == "heads"]
    chance = [one for one in counted if one.block("mean").get("chance", 0) >= 0.4]
    rest = [one for one in counted if one not in chance]
    yield (
        f"φ(∅) under mean ablation: {span(phi_empty(live))} with live heads; with heads counted "
        f"{span(phi_empty(rest))}, and {span(phi_empty(chance))} on parity, where chance is one "
        "half."
    )


def phi_empty(circuits: Iterable[Stored]) -> list[float]:
    """Of the mean-ablated block."""
    return [one.block("mean")["phi_empty"] for one in circuits]


def necessity(circuits: Sequence[Stored]) -> Iterator[str]:
    """Of the best random circuit."""
    best = [one.block(a)["random"]["necessity_max"] for one in circuits for a in JUDGED]
    yield f"Necessity of the best matched random circuit: {span(best)}."


def without_search(circuits: Sequence[Stored]) -> Iterator[str]:
    """What the choice of nodes wins over none: the first or the most active of the same sites."""
    plain = {one.name: plainest(one.block("resample")) for one in circuits}
    won = {one.name: one.validation["faithfulness"] - plain[one.name] for one in circuits}
    holding = [one.name for one in circuits if one.validation["verdict"] == "holds"]
    good = sum(plain[name] >= SUFFICIENT for name in holding)
    yield (
        "F (resample) less that of as many features of the same sites chosen without a search, the "
        "better of the dictionary's first and the most active: median "
        f"{median(won.values()):.3f}, {min(won.values()):.3f} to {max(won.values()):.3f}, at or "
        f"below 0 in {sum(value <= 0 for value in won.values())} circuits; of the {len(holding)} "
        f"that hold {good} have one with F of at least {SUFFICIENT}."
    )


def families(circuits: Sequence[Stored]) -> Iterator[str]:
    """F under interventions that no search makes."""
    yield from (
        f"{said}: {_family(circuits, name)}"
        for name, said in (
            ("interchange", "F when a third prompt's values are put in, which no search does"),
            ("zero", "F when all else is set to zero, which no search does either"),
        )
    )
    gap = [
        abs(one.validation["circularity"]["gap"][a]["labels_minus_test"])
        for one in circuits
        for a in JUDGED
    ]
    yield f"F on searched prompts less F on unseen ones: at most {figure(max(gap))} either way."


def _family(circuits: Sequence[Stored], name: str) -> str:
    found = {one.name: one.validation["circularity"]["families"].get(name) for one in circuits}
    f = {of: row["faithfulness"] for of, row in found.items() if row}
    low = min(f, key=lambda of: f[of])
    holding = {one.name for one in circuits if one.validation["verdict"] == "holds"}
    below = {of for of, value in f.items() if value < SUFFICIENT}
    return (
        f"{span(f.values())}, lowest on {low}; below {SUFFICIENT} in {len(below)} circuits, "
        f"{len(holding & below)} of which hold."
    )


def predictions(circuits: Sequence[Stored]) -> Iterator[str]:
    """What was predicted of supernodes."""
    third = [one.validation["predictions"]["scores"]["third_prompt"] for one in circuits]
    up = [one.validation["predictions"]["scores"]["scale_1.5"] for one in circuits]
    graph, gradient = ([row[by]["r2"] for row in third] for by in ("graph", "gradient"))
    better = [sum(_beats(row[by]) for row in up) for by in ("graph", "gradient")]
    yield (
        f"Predictions of interchange, R²: median {figure(median(graph))} by the task graph, "
        f"{figure(median(gradient))} by gradients. Scaling up: the graph's sign beats "
        f"*always the same* in {_more(up, 'graph')} of {len(up)} circuits, gradients' in "
        f"{_more(up, 'gradient')}; R² above 0 in {better[0]} and {better[1]}."
    )


def _beats(row: Mapping[str, Any]) -> bool:
    return row["r2"] is not None and row["r2"] > 0


def _more(rows: Iterable[Mapping[str, Any]], by: str) -> int:
    pairs = [(row[by]["sign"], row["always"]) for row in rows]
    return sum(one is not None and other is not None and one > other for one, other in pairs)


def shi(real: Sequence[Stored], nulls: Sequence[Stored]) -> Iterator[str]:
    """How many pass each test."""
    said = [
        f"{test.replace('_', ' ')} {_passed(real, test)} ({_passed(nulls, test)})" for test in TESTS
    ]
    yield (
        f"Shi et al.'s tests, passed by how many of {len(real)} circuits (of {len(nulls)} nulls): "
        f"{', '.join(said)}."
    )


def _passed(circuits: Iterable[Stored], test: str) -> int:
    return sum(bool(one.validation["shi"][test]["passed"]) for one in circuits)


def dark_matter(circuits: Sequence[Stored]) -> Iterator[str]:
    """The words of single layers."""
    words = Counter(
        layer["verdict"]
        for one in circuits
        for base in one.validation["dark_matter"]["bases"]
        if base["base"] == "circuit"
        for layer in base["layers"]
    )
    said = ", ".join(f"{name} {n}" for name, n in words.most_common())
    yield f"Dark matter, single layers beside the circuit, by their word: {said}."


def forwards(circuits: Sequence[Stored]) -> Iterator[str]:
    """What searches cost, and which ranking was taken."""
    search = [one.provenance["search"] for one in circuits]
    taken = Counter(one["taken"] for one in search)
    said = ", ".join(f"{name} {n}" for name, n in taken.most_common())
    used = [one["forwards"]["hierarchical"] for one in search]
    yield (
        f"The hierarchical ranking took {min(used)} to {max(used)} forwards, choosing sizes, "
        f"exchanges and gates not counted. Ranking taken: {said}."
    )


def span(values: Iterable[float | None]) -> str:
    """Least and largest."""
    known = [value for value in values if value is not None]
    return f"{figure(min(known))} to {figure(max(known))}" if known else "none"


def median(values: Iterable[float | None]) -> float:
    """The middle one of those that could be measured."""
    known = sorted(value for value in values if value is not None)
    middle = len(known) // 2
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2


if __name__ == "__main__":
    main()
