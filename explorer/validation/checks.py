"""Sections against circularity, where a validation holds them: predictions, splits, hypotheses.

Each says its result in a sentence of its own; the figures stand below it. A section that a bundle
does not have is left out.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from core.report.markup import real, two
from core.verdicts import probability
from explorer.look.theme import mark_html
from explorer.validation.errors import in_thousandths

HYPOTHESES = {
    "equivalence": "Behaves as the model does",
    "independence": "What is left out is independent",
    "minimality": "Every node is needed",
    "sufficiency": "Nearer to the model than random circuits",
    "partial_necessity": "Its complement further off than random ones'",
}
"""The five tests of Shi et al., in words."""
SPLITS = {"labels": "searched on", "selection": "size chosen on", "test": "test"}
Found = Mapping[str, Any]


def panels(found: Found) -> list[tuple[str, str, str]]:
    """(key, title, HTML) of every section that is there."""
    makers = (
        ("predictions", "Predictions made before the test", predictions),
        ("circularity", "Against circularity", circularity),
        ("shi", "Hypothesis tests", hypotheses),
    )
    made = [(key, title, make(found[key])) for key, title, make in makers if _is_there(found, key)]
    return [one for one in made if one[2]]


def _is_there(found: Found, key: str) -> bool:
    return isinstance(found.get(key), Mapping)


def predictions(section: Found) -> str:
    """Sign and size that each supernode's ablation was predicted to have, against chance."""
    rows = []
    for how, by in _mappings(section.get("scores")):
        for source, one in _mappings(by):
            random, permuted = (_mapping(one.get(name)) for name in ("random", "permuted"))
            cells = (
                escape(f"{how}, {source}".replace("_", " ")),
                two(one.get("sign")),
                two(one.get("spearman")),
                two(random.get("spearman_mean")),
                probability(real(random.get("p_spearman", permuted.get("p_spearman")))),
            )
            rows.append(cells)
    heads = ("intervention, predictor", "sign", "rank corr.", "random", "p")
    return _said(section) + _table(heads, rows)


def circularity(section: Found) -> str:
    """F by split, and by family of interventions."""
    splits = [
        (escape(SPLITS.get(name, name)), two(by.get("resample")), two(by.get("mean")), "")
        for name, by in _mappings(section.get("splits"))
    ]
    gaps = [
        f"gap under {escape(how)} {in_thousandths(real(one.get('labels_minus_test')))} "
        f"({_ends(one.get('interval'))})"
        for how, one in _mappings(section.get("gap"))
    ]
    families = [
        (
            escape(name),
            two(one.get("faithfulness")),
            two(_mapping(one.get("random")).get("faithfulness_max", one.get("random_max"))),
        )
        for name, one in _mappings(section.get("families"))
    ]
    note = f'<p class="hs-note">{"; ".join(gaps)}</p>' if gaps else ""
    by_split = _table(("split", "F, resample", "F, mean"), [row[:3] for row in splits])
    by_family = _table(("intervention", "F", "random, best"), families)
    return f"{_said(section)}{by_split}{note}{by_family}"


def _ends(interval: object) -> str:
    ends = interval if isinstance(interval, list) and len(interval) == 2 else (None, None)
    return " to ".join(in_thousandths(real(end)) for end in ends)


def hypotheses(section: Found) -> str:
    """A mark, a name and a figure for each test."""
    rows = "".join(
        f"<div>{mark_html(_tone(one.get('passed')), 16)}<span>{escape(name)}</span>"
        f"<em>{_figure(one)}</em></div>"
        for key, name in HYPOTHESES.items()
        if (one := _mapping(section.get(key)))
    )
    return _said(section) + (f'<div class="hv-checks">{rows}</div>' if rows else "")


def _tone(passed: object) -> str:
    return "idle" if passed is None else "ok" if passed is True else "warn"


def _figure(one: Found) -> str:
    if "removable" in one:
        return f"{escape(str(one.get('removable')))} of {escape(str(one.get('tested')))} removable"
    return f"p {probability(real(one.get('p_value')))}"


def _said(section: Found) -> str:
    sentence = section.get("sentence") or section.get("skipped")
    return f'<p class="hv-said">{escape(str(sentence))}</p>' if sentence else ""


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of safe cells; the first column is text."""
    if not rows:
        return ""

    def line(tag: str, cells: tuple[str, ...]) -> str:
        shown = [f'<{tag} class="{"n" if i else ""}">{c}</{tag}>' for i, c in enumerate(cells)]
        return f"<tr>{''.join(shown)}</tr>"

    body = "".join(line("td", row) for row in rows)
    return f'<table class="hx-table hv-small">{line("th", heads)}{body}</table>'


def _mapping(value: object) -> Found:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[tuple[str, Found]]:
    return [(str(k), v) for k, v in _mapping(value).items() if isinstance(v, Mapping)]
