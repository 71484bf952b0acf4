"""The circuit that a page opens when its link names none."""

from pathlib import Path

from core.bundle import BundleInfo
from explorer.session.first import choose


def _info(name: str, verdict: str, f: float | None, error: str | None = None) -> BundleInfo:
    found = {} if f is None else {"faithfulness": f}
    return BundleInfo(path=Path(name), name=name, verdict=verdict, validation=found, error=error)


def test_the_best_that_holds_comes_first():
    infos = (
        _info("damaged", "holds", 1.0, error="x"),
        _info("null", "rejected", 1.0),
        _info("part", "holds_in_part", 0.99),
        _info("less", "holds", 0.8),
        _info("best", "holds", 0.9),
        _info("none", "holds", None),
        _info("nan", "holds", float("nan")),
    )
    assert choose(infos) == "best"
    assert choose(infos[:3]) == "part"


def test_nothing_sound_opens_nothing():
    assert choose((_info("damaged", "holds", 1.0, error="x"), _info("null", "rejected", 1.0))) == ""
