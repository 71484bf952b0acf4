"""F under every ablation and treatment of errors, and the controls of one regime, as HTML.

A cell's ground says how high F is and its text how high exactly; the regime that the verdict is
read from has a ring. All text from files is escaped.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from core.figures import p_text, real, spread, two
from core.verdicts import ERRORS, SPLITS
from explorer.validation.cells import count_of, elsewhere, shown

ABLATIONS = ("resample", "mean", "zero")
STEPS = (0.35, 0.6, 0.75, 0.85, 0.95)
"""F from which a cell's ground is one step stronger."""
MOSTLY = 0.6
"""Share of the pairs of ablation and errors that must be measured for a matrix of them."""
Block = Mapping[str, Any]


def blocks_of(found: Block) -> list[Block]:
    """The published block, then the others."""
    others = found.get("other_regimes") or ()
    return [found, *(block for block in others if isinstance(block, Mapping))]


def matrix(found: Block) -> str:
    """F by ablation and by what happens to errors; rows of their own where most pairs were not
    measured."""
    cells = _by_regime(found)
    columns = [name for name in ERRORS if any(errors == name for _, errors in cells)]
    rows = [name for name in ABLATIONS if any(ablation == name for ablation, _ in cells)]
    if not columns or not rows:
        return ""
    if len(cells) < MOSTLY * len(columns) * len(rows):
        return _strips(found, cells, rows, columns)
    head = "".join(f"<th>{escape(ERRORS[name])}</th>" for name in columns)
    own = _own(found)
    body = "".join(
        f"<tr><th>{escape(row)}</th>"
        + "".join(_cell(cells.get((row, name)), (row, name) == own) for name in columns)
        + "</tr>"
        for row in rows
    )
    corner = "<th>ablated by ↓<br>errors →</th>"
    return f'<table class="hv-matrix"><tr>{corner}{head}</tr>{body}</table>'


def _by_regime(found: Block) -> dict[tuple[str, str], Block]:
    return {
        (str(b.get("ablation")), str(b.get("error_regime"))): b
        for b in reversed(blocks_of(found))
        if b.get("split", "test") == found.get("split", "test")
    }


def _own(found: Block) -> tuple[str, str]:
    return str(found.get("ablation")), str(found.get("error_regime"))


def _strips(
    found: Block,
    cells: Mapping[tuple[str, str], Block],
    rows: Sequence[str],
    columns: Sequence[str],
) -> str:
    """One row over ablations, one over errors, through the regime of the verdict."""
    how, errors = _own(found)
    across = [(name, cells[name, errors]) for name in rows if (name, errors) in cells]
    down = [(ERRORS[name], cells[how, name]) for name in columns
            if (how, name) in cells and name != errors]  # fmt: skip
    strip = _strip(f"Ablated by (errors {ERRORS.get(errors, errors)})", across, how)
    return strip + (_strip(f"Errors ({how} ablation)", down, "") if down else "")


def _strip(title: str, cells: Sequence[tuple[str, Block]], own: str) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name, _ in cells)
    body = "".join(_cell(block, name == own) for name, block in cells)
    return (
        f'<div class="hv-strip">{escape(title)}</div>'
        f'<table class="hv-matrix hv-across"><tr>{head}</tr><tr>{body}</tr></table>'
    )


def _cell(block: Block | None, own: bool) -> str:
    if block is None:
        return '<td class="hv-none" title="not measured">–</td>'
    score = real(block.get("faithfulness"))
    step = 0 if score is None else sum(score >= least for least in STEPS)
    ring = " hv-own" if own else ""
    return (
        f'<td class="hv-{step}{ring}" title="{escape(_beside(block))}"><b>{shown(score)}</b>'
        f"<small>{spread(block.get('faithfulness_ci'))}</small></td>"
    )


def _beside(block: Block) -> str:
    """What a cell's F stands beside: φ, nothing kept, chance, random circuits."""
    random = block.get("random") or {}
    parts = [
        f"{name} {shown(value)}"
        for name, value in (
            ("φ", real(block.get("phi"))),
            ("nothing kept φ", real(block.get("phi_empty"))),
            ("chance", real(block.get("chance"))),
            (f"best of {random.get('n')} random F", real(random.get("faithfulness_max"))),
        )
        if value is not None
    ]
    many = count_of(block)
    if fewer := elsewhere(random, many):
        parts[-1] += f" ({fewer})"
    return ", ".join(parts) + ("" if many is None else f"; {many:,} prompts")


def other_splits(found: Block) -> str:
    """F on other splits, in one line; empty where there is none."""
    by: dict[str, list[str]] = {}
    many: dict[str, str] = {}
    for block in blocks_of(found):
        split = str(block.get("split", found.get("split")))
        if split != str(found.get("split")):
            score = f"<b>{shown(block.get('faithfulness'))}</b>"
            by.setdefault(split, []).append(f"{escape(str(block.get('ablation')))} {score}")
            many[split] = "" if (n := count_of(block)) is None else f" ({n:,} prompts)"
    named = {split: escape(SPLITS.get(split, split)).capitalize() + many[split] for split in by}
    return " · ".join(f"{named[split]}: {', '.join(one)}" for split, one in by.items())


def controls(block: Block) -> str:
    """What the circuit is held against in one regime: F and φ of each, and what it answers."""
    random, free = block.get("random") or {}, block.get("random_free") or {}
    chance, many = real(block.get("chance")), count_of(block)
    floor = "the floor of φ" if chance is None else f"chance is {shown(chance)}"
    rows = [
        ("this circuit", block.get("faithfulness"), block.get("phi"), "", "hv-this"),
        ("nothing kept", block.get("faithfulness_empty"), block.get("phi_empty"), floor, ""),
        ("everything kept", block.get("faithfulness_full"), block.get("phi_full"),
         "all that the dictionary has", ""),
        ("random, same sites", random.get("faithfulness_max"), random.get("phi_max"),
         _drawn(random, many), ""),
        ("random, anywhere", free.get("faithfulness_max"), free.get("phi_max"),
         _drawn(free, many), ""),
        *_unsearched(block.get("plain") or {}),
        *_elsewhere(block),
    ]  # fmt: skip
    known = [row for row in rows if real(row[1]) is not None or real(row[2]) is not None]
    measured = any(real(row[1]) is not None for row in known)
    lines = "".join(_control(row, measured) for row in known)
    first = '<th class="n">F</th>' if measured else ""
    head = f'<tr><th>kept</th>{first}<th class="n">φ</th><th></th></tr>'
    return f'<table class="hx-table">{head}{lines}</table>{_needed(block, random)}'


def _control(row: tuple[str, Any, Any, str, str], measured: bool) -> str:
    name, f, phi, said, tone = row
    score = f'<td class="n"><b>{shown(f)}</b></td>' if measured else ""
    return (
        f'<tr class="{tone}"><td>{escape(name)}</td>{score}<td class="n">{shown(phi)}</td>'
        f'<td class="hx-faint">{said}</td></tr>'
    )


def _drawn(random: Block, many: int | None) -> str:
    """ "best of 100, p < 0.01", and on how many prompts where the circuit's F is on others."""
    p = escape(p_text(random.get("p_value")))
    said = f"best of {random.get('n', 0)}, p {p}" if random else ""
    fewer = elsewhere(random, many)
    return f"{said}, {fewer}" if fewer else said


def _unsearched(plain: Block) -> list[tuple[str, Any, Any, str, str]]:
    words = {"first": "first of the dictionary", "most_active": "most active"}
    return [
        (
            words.get(name, name),
            one.get("faithfulness"),
            one.get("phi"),
            "same sites, unsearched",
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
    beside = "" if most is None else f", without a random one {_left(most)} or more"
    return (
        f'<p class="hs-note">Without the circuit <b>{_left(lost)}</b> of the margin is left'
        f"{beside}.</p>"
    )


def _left(lost: float) -> str:
    return shown(1 - lost)


def scale() -> str:
    """What the grounds mean."""
    steps = "".join(f'<i class="hv-{step}"></i>' for step in range(len(STEPS) + 1))
    return f'<span class="hv-scale">below {two(STEPS[0])}{steps}{two(STEPS[-1])} and up</span>'
