"""Which circuit comes first: what is featured, and what a page opens when its link names none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.figures import real
from core.verdicts import Verdict, rank_of

if TYPE_CHECKING:
    from core.bundle import BundleInfo


def rank(verdict: str, faithfulness: float | None) -> tuple[int, float]:
    """Smaller comes first: by verdict, then by F; a verdict that nobody knows comes last.

    F counts as it is shown, with two decimals: what reads the same keeps the library's order.
    """
    return rank_of(verdict), -round(faithfulness or 0.0, 2)


def choose(infos: "Sequence[BundleInfo]") -> str:
    """The circuit that a page opens when the link names none; empty where there is none."""
    good = [info for info in infos if not info.error and info.verdict != Verdict.REJECTED]
    return min(good, key=_rank_of).name if good else ""


def _rank_of(info: "BundleInfo") -> tuple[int, float]:
    return rank(info.verdict, real(info.validation.get("faithfulness")))
