"""Sections against circularity, where a validation holds them: predictions, splits, hypotheses.

Each says its result in a sentence, with its baseline in the same row or line; what missed is said
to have missed. A section that a bundle does not have, or that was skipped, says so or is left out.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from core.figures import real, two
from explorer.look.theme import mark_html
from explorer.validation.cells import Found, at_least, mapping, said_of, table
from explorer.validation.circular import circularity
from explorer.validation.predicted import predictions

HYPOTHESES = {
    "equivalence": (
        "Behaves as the model does",
        "Ideal test: circuit and model outperform each other equally often",
    ),
    "independence": (
        "What is left out is independent",
        "Ideal test: what the complement answers against what the model does, by HSIC",
    ),
    "minimality": (
        "Every node is needed",
        "Ideal test: each node against a random one more, corrected for their number",
    ),
    "sufficiency": (
        "Nearer to the model than random circuits",
        "Flexible test: against random circuits of as many alive nodes",
    ),
    "partial_necessity": (
        "Its complement further off than random ones'",
        "Flexible test: against complements of random circuits of as many alive nodes",
    ),
}
"""The five tests of Shi et al., in words, and what each is."""


def panels(found: Found) -> list[tuple[str, str, str]]:
    """(key, title, HTML) of every section that is there."""
    made = []
    for key, title, drawn in (
        ("predictions", "Predicted before it was tried", predictions),
        ("circularity", "Against circularity", lambda section: circularity(section, found)),
        ("shi", "Hypothesis tests", hypotheses),
        ("fourier", "Fourier structure", fourier),
    ):
        section = mapping(found.get(key))
        made.append((key, title, said_of(section) if section.get("failed") else drawn(section)))
    return [one for one in made if one[2]]


# ---- hypothesis tests ----


def hypotheses(section: Found) -> str:
    """A mark, a name, a word and a figure for each test of Shi et al."""
    known = [
        (name, about, one)
        for key, (name, about) in HYPOTHESES.items()
        if (one := mapping(section.get(key)))
    ]
    if not known:
        return said_of(section)
    passed = sum(one.get("passed") is True for *_, one in known)
    alpha, many = two(section.get("alpha")), section.get("n_prompts")
    lead = f"{passed} of {len(known)} tests of Shi et al. pass"
    lead += f" at α {alpha}, {many} unseen prompts." if many else "."
    rows = "".join(
        f'<div title="{escape(about)}">{mark_html(_tone(one.get("passed")), 16)}'
        f"<span>{escape(name)}</span><em>{_word(one)}, {_figure(one)}</em></div>"
        for name, about, one in known
    )
    return f'<p class="hv-said">{lead}</p><div class="hv-checks">{rows}</div>'


def _tone(passed: object) -> str:
    return "idle" if passed is None else "ok" if passed is True else "warn"


def _word(one: Found) -> str:
    passed = one.get("passed")
    return "not testable" if passed is None else "passed" if passed is True else "failed"


def _figure(one: Found) -> str:
    if "removable" in one:
        many, tried = escape(str(one.get("removable"))), escape(str(one.get("tested")))
        return f"{many} of {tried} tried can go"
    beaten = real(one.get("beaten"))
    p = f"p {at_least(one.get('p_value'))}"
    return p if beaten is None else f"above {100 * beaten:.0f} % of random, {p}"


# ---- Fourier ----


def fourier(section: Found) -> str:
    """Frequencies that stand out in the trained weights, beside the largest of shuffled numbers."""
    rows = [
        (name, key, by.get("share") or (), real(by.get("largest_share_shuffled")))
        for name in ("embedding", "unembedding")
        if (by := mapping(section.get(name))) and isinstance(key := by.get("key"), list)
    ]
    if not rows:
        return ""  # most tasks have no numbers that go round
    about = f"{escape(str(section.get('variable')))} modulo {escape(str(section.get('period')))}"
    cells = [
        (
            name,
            ", ".join(escape(str(k)) for k in key) or "none",
            f"{100 * _sum_of(share, key):.0f} %",
            "–" if most is None else f"{100 * most:.1f} %",
        )
        for name, key, share, most in rows
    ]
    rows_html = table(("weights", "key frequencies", "their share", "largest, shuffled"), cells)
    return (
        f'<p class="hv-said">Frequencies of {about} whose share of the weights\' variance is '
        f"larger than any in shuffled numbers.</p>{rows_html}"
    )


def _sum_of(share: Sequence[Any], key: Sequence[Any]) -> float:
    """Of the shares of these frequencies; 1 is the first."""
    known = dict(enumerate(share, 1))
    return sum(real(known.get(k)) or 0.0 for k in key)
