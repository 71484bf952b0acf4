"""F by split and by family of interventions: what being searched on is worth, as HTML.

The splits are compared on equally many prompts, fewer than the verdict's. A second F of the same
circuit would be taken for the first, so every figure says on how many prompts it stands, and where
the verdict's blocks hold a family its F is theirs.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from core.figures import real
from explorer.look.theme import mark_html
from explorer.validation.cells import (
    Found,
    count_of,
    elsewhere,
    mapping,
    mappings,
    said_of,
    shown,
    table,
)
from explorer.validation.errors import in_thousandths

SPLITS = {"labels": "searched on", "selection": "size chosen on", "test": "unseen"}


def circularity(section: Found, found: Found) -> str:
    """F by split, and by family of interventions, beside the best of random circuits."""
    lead = _gaps(mappings(section.get("gap")))
    said = f'<p class="hv-said">{lead}</p>' if lead else said_of(section)
    return said + _splits(section, found) + _families(section, found)


def _splits(section: Found, found: Found) -> str:
    """F on prompts of each split, and that this is not the verdict's F."""
    many = mapping(section.get("prompts"))
    rows = [
        (escape(SPLITS.get(name, name)), _count(many.get(name)),
         shown(by.get("resample")), shown(by.get("mean")))
        for name, by in mappings(section.get("splits"))
        if real(by.get("resample")) is not None or real(by.get("mean")) is not None
    ]  # fmt: skip
    return table(("prompts", "number", "F, resample", "F, mean"), rows) + _apart(many, rows, found)


def _apart(many: Found, rows: Sequence[Any], found: Found) -> str:
    """That the F of unseen prompts above stands on some of the verdict's prompts alone."""
    every, here = count_of(found), many.get("test")
    score = real(found.get("faithfulness"))
    if not rows or every is None or score is None or not isinstance(here, int) or here == every:
        return ""
    return (
        '<p class="hs-note hv-apart">As many of each split, so that they compare. '
        f"The verdict's F, {shown(score)}, is on all {every:,} unseen prompts.</p>"
    )


def _count(many: Any) -> str:
    return f"{many:,}" if isinstance(many, int) else "–"


def _families(section: Found, found: Found) -> str:
    """F under each family of interventions, on how many prompts, and the best random circuit's."""
    few = mapping(section.get("prompts")).get("test")
    rows = []
    for name, one in mappings(section.get("families")):
        block = _block_of(name, found)
        whole = real(block.get("faithfulness")) is not None
        score = block.get("faithfulness") if whole else one.get("faithfulness")
        if real(score) is None:
            continue
        most, fewer = _best_random(one, block)
        many = count_of(block) if whole else few
        beside = f' <span class="hx-faint">{fewer}</span>' if fewer else ""
        rows.append((_family(name, score, most), _count(many), shown(score), shown(most) + beside))
    return table(("intervention", "prompts", "F", "random, best"), rows)


def _block_of(family: str, found: Found) -> Found:
    """The verdict's own figures of that family: its errors, its split; empty where it has none."""
    blocks = [found, *(b for b in found.get("other_regimes") or () if isinstance(b, Mapping))]
    same = {"ablation": family, "split": "test", "error_regime": found.get("error_regime")}
    fits = (b for b in blocks if all(b.get(key) == value for key, value in same.items()))
    return next(fits, {})


def _best_random(one: Found, block: Found) -> tuple[Any, str]:
    """Of the family's own random circuits, else of the block's; and on which other prompts."""
    own = mapping(one.get("random")).get("faithfulness_max", one.get("random_max"))
    if own is not None:
        return own, ""
    random = mapping(block.get("random"))
    return random.get("faithfulness_max"), elsewhere(random, count_of(block))


def _family(name: str, score: Any, most: Any) -> str:
    """Its name, with a tick where F there is what a circuit that holds has, above random ones."""
    from core.validation.verdict import SUFFICIENT

    f, random = real(score), real(most)
    if f is None or random is None:
        return escape(name)
    fine = f >= SUFFICIENT and round(f, 2) > round(random, 2)
    return f"{mark_html('ok' if fine else 'warn', 14)} {escape(name)}"


def _gaps(gaps: Sequence[tuple[str, Found]]) -> str:
    """What being searched on is worth under each ablation, with its interval, in a sentence."""
    if not gaps:
        return ""
    lead = "F on the prompts it was searched on minus F on unseen ones"
    told = [one for how, gap in gaps if (one := _gap(how, gap))]
    return f"{lead}: {'; '.join(told)}." if told else f"{lead} is not measurable."


def _gap(how: str, one: Found) -> str:
    value, ends = real(one.get("labels_minus_test")), one.get("interval")
    low, high = map(real, ends) if isinstance(ends, list) and len(ends) == 2 else (None, None)
    if value is None or low is None or high is None:
        return ""
    span = f"{in_thousandths(low)} to {in_thousandths(high)}"
    what = "part of F is owed to them" if low > 0 else "no advantage seen"
    return f"{in_thousandths(value)} under {escape(how)} ablation (95 % {span}), {what}"
