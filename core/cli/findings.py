"""What a validation found, as a person reads it: of `hagd run` and of `hagd validate`."""

from typing import Any

from rich.console import Group, RenderableType

from core.cli.output import shown, table
from core.figures import probability
from core.verdicts import verdict_shown


def report_text(report: dict[str, Any]) -> RenderableType:
    """A validation as a person reads it: figures beside their controls, then the verdict."""
    rows = score_rows(report, report.get("random") or {})
    head = (
        f"{report.get('title', '')}: {report.get('n_nodes')} nodes, {report.get('n_edges')} edges; "
        f"{report.get('n_prompts')} unseen prompts, {report.get('ablation')} ablation, errors "
        f"{report.get('error_regime')}"
    )
    reasons = [shown(f"- {reason}") for reason in report.get("reasons", ())]
    reasons += [shown(f"- {line}") for line in section_lines(report)]
    reasons += [shown(f"Note: {note}") for note in report.get("notes", ())]
    verdict = f"Verdict: {verdict_shown(str(report.get('verdict'))).word}"
    named = (("Transcoders", report.get("transcoders")), ("Bundle", report["out"]))
    where = [shown(f"{what}: {place}") for what, place in named if place]
    errors = [shown(line) for line in error_lines(report.get("dark_matter") or {})]
    return Group(shown(head), table(COLUMNS, rows), verdict, *reasons, *errors, *where)


def error_lines(found: dict[str, Any]) -> list[str]:
    """What the dictionary's errors carry in the whole model: a line for each layer, and for all."""
    base = next(iter(found.get("bases") or ()), None)
    if base is None:
        return []
    shares = [f" ({row['unexplained']:.1%} of the variance)" for row in found["layers"]]
    lines = [
        _error_line(f"layer {number}{share}", row)
        for number, (row, share) in enumerate(zip(base["layers"], shares, strict=True))
    ]
    together = base.get("together")
    return [*lines, _error_line("all layers", together)] if together else lines


def _error_line(where: str, row: dict[str, Any]) -> str:
    lost = {name: f"{one['value']:z.3f}" for name, one in row["lost"].items()}
    return (
        f"Dark matter, {where}: {row['verdict']}. F lost with their mean {lost['mean']}, noise of "
        f"equal norm {lost['noise']}, another prompt's {lost['shuffled']}, the corrupt prompt's "
        f"{lost['resampled']}; without their linear part {lost['nonlinear']}, with it alone "
        f"{lost['linear']}."
    )


def section_lines(report: dict[str, Any]) -> list[str]:
    """One line for each further section that has something to say in words, or that failed."""
    from core.pipeline.judging.further import SECTIONS
    from core.predictions import standing

    known = {name: report[name] for name in SECTIONS if isinstance(report.get(name), dict)}
    said = [str(found["sentence"]) for found in known.values() if found.get("sentence")]
    registered = standing(known.get("predictions", {}))
    failed = [
        f"Section {name} could not be measured: {found['failed']}"
        for name, found in known.items()
        if found.get("failed")
    ]
    return [*said, *([registered] if registered else []), *failed]


COLUMNS = ("", "circuit", "control", "control is")


def score_rows(report: dict[str, Any], random: dict[str, Any]) -> list[tuple[object, ...]]:
    """Each figure beside the control that it must beat, by the name `hagd results` gives it."""
    best = f"best of {random.get('n', 0)} matched random circuits"
    rows: list[tuple[object, ...]] = [
        ("faithfulness F", report.get("faithfulness"), random.get("faithfulness_max"), best),
        ("φ = Acc(C)/Acc(M)", report.get("phi"), report.get("phi_empty"), "φ(∅): nothing kept"),
        ("necessity", report.get("necessity"), random.get("necessity_max"), best),
    ]
    rows = [(name, value, control, what if control is not None else "")
            for name, value, control, what in rows]  # fmt: skip
    return [*rows, ("p against random circuits", probability(random.get("p_value")), None, "")]
