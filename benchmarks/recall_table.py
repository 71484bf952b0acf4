"""The table of `search_recall`: which forwards find how much."""

from collections.abc import Mapping
from typing import Any

from recall_effects import TOP
from study import line, rule

SHARES = (0.05, 0.1, 0.15, 0.2, 0.25)
"""Forwards at which a search is looked at, in shares of exhaustive ones."""
ENOUGH = 0.9
"""Share of the important nodes that is aimed at."""


def page(found: Mapping[str, Any]) -> str:
    """Markdown: when enough was found; then found (ranked) at every share, pair by pair."""
    lines = ["# Recall against exhaustive ablation, by forwards", ""]
    lines += ["`python benchmarks/search_recall.py`, which says what the figures mean.", ""]
    lines += [*_summary(found), ""]
    for name, result in found.items():
        lines += _pair(name, result)
    return "\n".join(lines)


def _summary(found: Mapping[str, Any]) -> list[str]:
    """The first share of forwards by which enough of the important nodes are found."""
    by_pair = {
        name: {(row["method"], row["scores"]): row["found"]["mean"] for row in result["methods"]}
        for name, result in found.items()
    }
    lines = [
        f"Forwards by which {ENOUGH:.0%} were found (– : not by {SHARES[-1]:.0%}):",
        "",
        line(["method", "scores", *found]),
        rule(2 + len(found)),
    ]
    for name in dict.fromkeys(name for rows in by_pair.values() for name in rows):
        cells = [_reached(rows.get(name, [])) for rows in by_pair.values()]
        lines.append(line([*name, *cells]))
    return lines


def _reached(curve: list[float]) -> str:
    good = [share for share, value in zip(SHARES, curve, strict=False) if value >= ENOUGH]
    return f"{good[0]:.0%}" if good else "–"


def _pair(name: str, result: dict[str, Any]) -> list[str]:
    gates = ", ".join(f"{many} {gate}" for gate, many in result["gates"].items())
    run = result["search of a run"]
    lines = [
        f"## {name}",
        "",
        f"{result['nodes']} nodes, {result['important']} important (of the first {TOP}; the "
        f"smallest moves {result['smallest']:.2%} of the margin; {gates}). Ceiling of *ranked*: "
        f"{result['ceiling']:.2f}. The search of a run: ranked {run['ranked']:.2f} at "
        f"{run['share of forwards']:.1%} of the forwards, {run['among the first 347']:.2f} among "
        "its first 347.",
        "",
        line(["method", "scores", *(f"{share:.0%}" for share in SHARES)]),
        rule(2 + len(SHARES)),
    ]
    for row in result["methods"]:
        pairs = zip(row["found"]["mean"], row["ranked"]["mean"], strict=True)
        cells = (f"{a:.2f} ({b:.2f})" for a, b in pairs)
        lines.append(line([row["method"], row["scores"], *cells]))
    return [*lines, ""]
