"""The verdict in five figures, each beside its control, and what it falls short of in one line."""

from collections.abc import Mapping
from html import escape
from typing import Any

from core.figures import figure, p_text, real, spread
from core.verdicts import claim_text, reservation
from explorer.look.evidence import evidence_html, other_reasons
from explorer.validation.cells import shown

Block = Mapping[str, Any]
NONE = "not measurable"


def claim_html(found: Block, size: int) -> str:
    """What was found in sentences, and after it what is lacking."""
    said = "" if real(found.get("faithfulness")) is None else claim_text(found, size)
    short = reservation(found)
    first = f'<p class="lead">{escape(said)}</p>' if said else ""
    return first + (f'<p class="hv-short">{escape(short)}</p>' if short else "")


def figures_html(found: Block) -> str:
    """F, φ, φ(∅), necessity and p against random circuits."""
    random = found.get("random") or {}
    best, most = (figure(random.get(k)) for k in ("faithfulness_max", "necessity_max"))
    cells = [
        _figure("F, faithfulness", found, "faithfulness", f"random {best} at best"),
        _figure("φ, accuracy kept", found, "phi", _everything(found)),
        _figure("φ(∅), nothing kept", found, "phi_empty", _chance(found)),
        _figure("necessity", found, "necessity", f"random {most} at best"),
    ]
    if "p_value" in random:
        p = escape(p_text(random["p_value"]))
        cells.append(_cell("p against random", p, "", reached(random)))
    return f'<div class="figures">{"".join(cells)}</div>'


def reached(random: Block) -> str:
    """How many of the random circuits did as well: "none of 100"."""
    p, n = real(random.get("p_value")), random.get("n")
    if p is None or not isinstance(n, int):
        return ""
    many = round(p * (n + 1)) - 1
    return f"{many if many > 0 else 'none'} of {n:,} as good"


def why_html(found: Block) -> str:
    """The figures of each condition as a table, and what else the engine says."""
    rest = "".join(f"<li>{escape(reason)}</li>" for reason in other_reasons(found))
    listed = f'<ul class="hv-reasons">{rest}</ul>' if rest else ""
    return evidence_html(found) + listed


def _everything(found: Block) -> str:
    full = real(found.get("phi_full"))
    return "" if full is None else f"everything {figure(full)}"


def _chance(found: Block) -> str:
    chance = real(found.get("chance"))
    return "" if chance is None else f"chance {figure(chance)}"


def _figure(name: str, found: Block, key: str, note: str) -> str:
    value = real(found.get(key))
    if value is None:
        return _cell(name, "–", "", NONE)
    return _cell(name, shown(value), spread(found.get(f"{key}_ci")), note)


def _cell(name: str, value: str, interval: str, note: str) -> str:
    small = f"<em>{interval}</em>" if interval else ""
    return f"<div><span>{name}</span><b>{value}</b>{small}<small>{escape(note)}</small></div>"
