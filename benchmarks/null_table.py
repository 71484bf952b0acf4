"""The rates of `null_rate` with their upper bounds, and their table."""

from collections.abc import Mapping, Sequence
from typing import Any

from null_jobs import KINDS, PAIRS
from scipy.stats import beta
from study import line, rule

from core.verdicts import Verdict

GOOD = (Verdict.HOLDS, Verdict.HOLDS_IN_PART, Verdict.SUFFICIENT_NOT_NECESSARY)
"""Verdicts that speak for a circuit."""


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rates with their upper bounds: of all nulls, by kind, and of the newer parts."""
    nulls = [row for row in rows if row["kind"] != "real"]
    parts = {kind: [row for row in nulls if row["kind"] == kind] for kind in KINDS}
    parts["parity"] = [row for row in nulls if PAIRS[row["model"]] == "parity"]
    parts["heads counted"] = [row for row in nulls if row.get("attention", "live") == "circuit"]
    real = [row for row in rows if row["kind"] == "real"]
    return {
        "nulls": _rates(nulls),
        "parts": {part: _rates(some) for part, some in parts.items() if some},
        "real": _rates(real),
    }


def _rates(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    n = len(rows)
    said = [row["verdict"] for row in rows]
    holds = said.count("holds")
    past = [row for row in rows if not row["failed"]["model"]]
    past_holds = sum(row["verdict"] == "holds" for row in past)
    beyond = sum(row["holds_beyond_the_gate"] for row in rows)
    return {
        "runs": n,
        "holds": holds,
        "holds_upper_95": _upper(holds, n),
        "rule_of_three": round(3 / n, 4) if n and not holds else None,
        "stopped_by": {
            rule: sum(rule in row["failed"]["model"] for row in rows) for rule in ("gate", "span")
        },
        "past_gate_and_span": len(past),
        "past_holds_upper_95": _upper(past_holds, len(past)),
        "holds_beyond_the_gate": beyond,
        "holds_beyond_the_gate_upper_95": _upper(beyond, n),
        "floor_alone": sum(_floor_alone(row) for row in rows),
        "verdicts": {one: said.count(one) for one in sorted(set(said))},
    }


def _floor_alone(row: Mapping[str, Any]) -> bool:
    """Whether a floor is all that the circuit is charged with, gate and span apart."""
    unmet = {name for part, names in row["failed"].items() if part != "model" for name in names}
    return unmet == {"floor"}


def _upper(count: int, n: int) -> float:
    return 1.0 if count >= n else round(float(beta.ppf(0.95, count + 1, n - count)), 4)


def page(found: Mapping[str, Any]) -> str:
    """The summary as Markdown."""
    told = summary(list(found["rows"].values()))
    nulls = told["nulls"]
    lines = [
        f"`{found['command']}`",
        "",
        f"Of {nulls['runs']} nulls {nulls['runs'] - nulls['past_gate_and_span']} are stopped by "
        f"the gate or the span rule (the gate {nulls['stopped_by']['gate']}, the span "
        f"{nulls['stopped_by']['span']}, often both), before anything is asked of the circuit. "
        f"{nulls['past_gate_and_span']} went past them: the rate of false positives among those "
        f"is at most {nulls['past_holds_upper_95']}, and it is they that test the other rules. "
        "*Floor alone*: runs which only a floor of accuracy would stop, gate and span apart; where "
        "it is 0, counting a floor at chance as none changes nothing.",
        "",
        _said(found["rows"]),
        "",
        "| runs | n | holds | upper bound, 95 % | stopped by gate or span | went past | upper "
        "bound of those | holds but for gate and span | floor alone | verdicts |",
        rule(10),
    ]
    rows = {**told["parts"], "all nulls": nulls, "real": told["real"]}
    for name, row in rows.items():
        real, past = name == "real", row["past_gate_and_span"]
        cells = [
            name,
            row["runs"],
            row["holds"],
            "–" if real else row["holds_upper_95"],
            row["runs"] - past,
            past,
            "–" if real or not past else row["past_holds_upper_95"],
            row["holds_beyond_the_gate"],
            row["floor_alone"],
            ", ".join(f"{count} {one}" for one, count in row["verdicts"].items()),
        ]
        lines.append(line(cells))
    return "\n".join(lines) + "\n"


def _said(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Which nulls the verdict says something good of, short of *holds* too."""
    good = {
        name: row["verdict"].replace("_", " ")
        for name, row in rows.items()
        if row["kind"] != "real" and row["verdict"] in GOOD
    }
    if not good:
        return "No null is said to hold, not even in part."
    named = "; ".join(f"`{name}` {word} ({_unmet(rows[name])})" for name, word in good.items())
    return f"Said to hold at least in part, of all nulls {len(good)}: {named}."


def _unmet(row: Mapping[str, Any]) -> str:
    unmet = [f"{part}: {', '.join(names)}" for part, names in row["failed"].items() if names]
    return f"F {row['faithfulness']:.2f}, p {row['p_value']:.3f}; unmet by {'; '.join(unmet)}"
