"""The panel of predictions: what was written down before it was tried, and how it went.

A row is a hit where the ranks of the effects are better than chance and their size is explained at
all; everything else is marked as a miss, with the same figures. Below stands what the hashes of
the record show: that it is as it was registered before the test, or that it was changed.
"""

from html import escape

from core.figures import real, two
from core.predictions import intact, standing
from explorer.look.theme import mark_html
from explorer.validation.cells import Found, at_least, mapping, mappings, said_of, shown, table

HOW = {"third_prompt": "interchange", "scale_0.5": "× 0.5", "scale_1.5": "× 1.5"}
"""Interventions that were predicted."""
ALPHA = 0.05
FAR_BELOW = -10.0
"""R² under which no figure is shown: how much worse than nothing says no more."""


def predictions(section: Found) -> str:
    """Sign and size that each supernode's ablation was predicted to have, against chance."""
    rows = [
        (_predicted(how, source), by, one)
        for how, by in mappings(section.get("scores"))
        for source, one in mappings(by)
        if "sign" in one
    ]
    if not rows:
        return said_of(section)
    hits = sum(_hit(one) for _, _, one in rows)
    lead = (
        f"What {len(section.get('supernodes') or ()) or 'the'} supernodes do under interventions "
        f"of another kind was written down first. {hits} of {len(rows)} predictions rank the "
        f"effects better than chance (p &lt; {ALPHA}) and explain their size (R² above 0)."
    )
    cells = [
        (
            f"{mark_html('ok' if _hit(one) else 'warn', 14)} {name}",
            _against(two(one.get("sign")), two(by.get("always"))),
            _against(two(one.get("spearman")), shown(_control(one).get("spearman_mean"))),
            _r2(one.get("r2")),
            at_least(_control(one).get("p_spearman")),
        )
        for name, by, one in rows
    ]
    rows_html = table(("", "sign", "rank corr.", "R²", "p"), cells)
    note = (
        "Behind each figure its baseline: the sign that most have, for all; the mean of random "
        "groups of nodes (graph) or of permuted supernodes (gradient), which p is against too."
    )
    return (
        f'<p class="hv-said">{lead}</p>{rows_html}<p class="hs-note">{note}</p>'
        f"{_registered(section)}{_in_words(section)}"
    )


def _predicted(how: str, source: str) -> str:
    return escape(f"{HOW.get(how, how)}, {source}".replace("_", " "))


def _control(one: Found) -> Found:
    """Random groups where they were drawn, else permuted supernodes."""
    return mapping(one.get("random")) or mapping(one.get("permuted"))


def _hit(one: Found) -> bool:
    p, size = real(_control(one).get("p_spearman")), real(one.get("r2"))
    return p is not None and p < ALPHA and (size is None or size > 0)


def _against(value: str, baseline: str) -> str:
    return f'{value} <span class="hx-faint">{baseline}</span>'


def _r2(value: object) -> str:
    """Two decimals; far below 0, where nothing is explained, only that."""
    found = real(value)
    return "&lt; −10" if found is not None and found < FAR_BELOW else two(value)


def _registered(section: Found) -> str:
    """What the record's hashes show; a change stands out."""
    said = escape(standing(section) or "")
    return f'<p class="{"hs-note" if intact(section) else "hv-lacking"}">{said}</p>'


def _in_words(section: Found) -> str:
    said = section.get("sentence")
    if not said:
        return ""
    return (
        '<details class="hv-why"><summary>In full</summary>'
        f'<p class="hv-said">{escape(str(said))}</p></details>'
    )
