"""F under every ablation and treatment of errors, and the controls of one regime, as HTML.

A cell's ground says how high F is and its text how high exactly; the regime that the verdict is
read from has a ring. All text from files is escaped.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from core.report.markup import real, spread, two
from core.report.scores import ERRORS, SPLITS
from core.verdicts import probability

ABLATIONS = ("resample", "mean", "zero")
STEPS = (0.35, 0.6, 0.75, 0.85, 0.95)
"""F from which a cell's ground is one step stronger."""
Block = Mapping[str, Any]


def blocks_of(found: Block) -> list[Block]:
    """The published block, then the others."""
    others = found.get("other_regimes") or ()
    return [found, *(block for block in others if isinstance(block, Mapping))]


def matrix(found: Block) -> str:
    """The table of F; rows are ablations, columns what happens to errors."""
    cells = {
        (str(b.get("ablation")), str(b.get("error_regime"))): b
        for b in reversed(blocks_of(found))
        if b.get("split", "test") == found.get("split", "test")
    }
    columns = [name for name in ERRORS if any(errors == name for _, errors in cells)]
    rows = [name for name in ABLATIONS if any(ablation == name for ablation, _ in cells)]
    if not columns or not rows:
        return ""
    head = "".join(f"<th>{escape(ERRORS[name])}</th>" for name in columns)
    own = (str(found.get("ablation")), str(found.get("error_regime")))
    body = "".join(
        f"<tr><th>{escape(row)}</th>"
        + "".join(_cell(cells.get((row, name)), (row, name) == own) for name in columns)
        + "</tr>"
        for row in rows
    )
    corner = "<th>ablated by ↓<br>errors →</th>"
    return f'<table class="hv-matrix"><tr>{corner}{head}</tr>{body}</table>'


def _cell(block: Block | None, own: bool) -> str:
    if block is None:
        return '<td class="hv-none" title="not measured">–</td>'
    score = real(block.get("faithfulness"))
    step = 0 if score is None else sum(score >= least for least in STEPS)
    ring = " hv-own" if own else ""
    return (
        f'<td class="hv-{step}{ring}"><b>{two(score)}</b>'
        f"<small>{spread(block.get('faithfulness_ci'))}</small></td>"
    )


def other_splits(found: Block) -> str:
    """F on other splits, in one line; empty where there is none."""
    parts = [
        f"{escape(SPLITS.get(str(b['split']), str(b['split'])))}, {escape(str(b.get('ablation')))} "
        f"<b>{two(b.get('faithfulness'))}</b>"
        for b in blocks_of(found)
        if b.get("split", found.get("split")) != found.get("split")
    ]
    return " · ".join(parts)


def controls(block: Block) -> str:
    """What the circuit is held against in one regime: F and φ of each, and what it answers."""
    random, free = block.get("random") or {}, block.get("random_free") or {}
    plain = block.get("plain") or {}
    draws = f"best of {random.get('n', 0)}" if random else ""
    rows = [
        ("this circuit", block.get("faithfulness"), block.get("phi"), "", "hv-this"),
        ("nothing kept", block.get("faithfulness_empty"), block.get("phi_empty"),
         "the floor of φ", ""),
        ("everything kept", block.get("faithfulness_full"), block.get("phi_full"),
         "what the dictionary allows", ""),
        (f"random, same sites, {draws}", random.get("faithfulness_max"), random.get("phi_max"),
         f"p {probability(real(random.get('p_value')))}", ""),
        (f"random, anywhere, {draws}", free.get("faithfulness_max"), free.get("phi_max"),
         f"p {probability(real(free.get('p_value')))}", ""),
        *_unsearched(plain),
        *_elsewhere(block),
    ]  # fmt: skip
    shown = "".join(
        f'<tr class="{tone}"><td>{escape(name)}</td><td class="n"><b>{two(f)}</b></td>'
        f'<td class="n">{two(phi)}</td><td class="hx-faint">{escape(said)}</td></tr>'
        for name, f, phi, said, tone in rows
        if real(f) is not None or real(phi) is not None
    )
    head = '<tr><th>kept</th><th class="n">F</th><th class="n">φ</th><th></th></tr>'
    return f'<table class="hx-table">{head}{shown}</table>{_needed(block, random)}'


def _unsearched(plain: Block) -> list[tuple[str, Any, Any, str, str]]:
    words = {"first": "first of the dictionary", "most_active": "most active"}
    return [
        (
            words.get(name, name),
            one.get("faithfulness"),
            one.get("phi"),
            "same sites, no search",
            "",
        )
        for name, one in plain.items()
        if isinstance(one, Mapping)
    ]


def _elsewhere(block: Block) -> list[tuple[str, Any, Any, str, str]]:
    """Another task's circuit, where a bundle holds its scores."""
    other = block.get("other_task")
    if not isinstance(other, Mapping):
        return []
    name = str(other.get("name", "another task's circuit"))
    return [(name, other.get("faithfulness"), other.get("phi"), "another task's circuit", "")]


def _needed(block: Block, random: Block) -> str:
    lost = real(block.get("necessity"))
    if lost is None:
        return ""
    most = real(random.get("necessity_max"))
    beside = "" if most is None else f" (without a random one at best {two(1 - most)})"
    return (
        f'<p class="hs-note">Without the circuit <b>{two(1 - lost)}</b> of the margin is left'
        f"{beside}.</p>"
    )


def scale() -> str:
    """What the grounds mean."""
    steps = "".join(f'<i class="hv-{step}"></i>' for step in range(len(STEPS) + 1))
    return f'<span class="hv-scale">below {two(STEPS[0])}{steps}{two(STEPS[-1])} and up</span>'


def sentences(reasons: Sequence[Any]) -> str:
    """The reasons of a verdict, as a list."""
    rows = "".join(f"<li>{escape(str(reason))}</li>" for reason in reasons)
    return f'<ul class="hv-reasons">{rows}</ul>' if rows else ""
