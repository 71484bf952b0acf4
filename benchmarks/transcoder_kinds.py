"""The kinds of dictionary that `transcoder_study` compares, and how each is trained."""

from dataclasses import dataclass, replace

from core.transcoders import NestedSettings, PredictionSettings, TrainSettings

LONG = 2.5
"""Steps of the longer fits, in those of the others."""
GROUP = 0.01
"""Weight of the group penalty."""
LAMBDA = 1.0
"""Weight of the prediction head, as in the paper's released code."""
LADDER = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Nested lengths in ranks (97 %) of what each layer writes at the sites that matter."""
SHORT = (1.0, 1.5, 2.0)
"""Fewer and shorter lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row of the table, but for its seed."""

    name: str
    seeds: int
    settings: TrainSettings | None
    """None: nothing is trained."""
    ladder: tuple[float, ...] = ()
    """Multiples of the PCA rank, where there is a prefix."""
    hidden: bool = False
    anywhere: bool = False
    """Whether circuits with nodes at all positions are looked for too."""


def kinds(features: int, k: int, steps: int) -> tuple[Kind, ...]:
    """Every kind compared."""
    plain = TrainSettings(features=features, k=k, steps=steps, batch=512)
    nested = replace(plain, kind="nested")
    headed = replace(plain, prediction=PredictionSettings(weight=LAMBDA))
    crossing = replace(plain, kind="clt")
    grouped = replace(nested, group_weight=GROUP)
    return (
        Kind(name="topk", seeds=5, settings=plain),
        Kind(name="nested", seeds=5, settings=nested, ladder=(2.0,)),
        Kind(name="nested ladder", seeds=5, settings=nested, ladder=LADDER),
        Kind(name="nested ladder + group", seeds=5, settings=grouped, ladder=LADDER),
        Kind(name="clt", seeds=5, settings=crossing),
        Kind(name="clt nested ladder", seeds=5, settings=crossing, ladder=LADDER),
        Kind(name="topk + prediction head", seeds=5, settings=headed),
        Kind(name="topk + group", seeds=5, settings=replace(plain, group_weight=GROUP)),
        Kind(name="neurons", seeds=1, settings=None),
        Kind(name="hidden", seeds=5, settings=plain, hidden=True),
        *heavier("nested", nested),
        *heavier("clt nested", crossing),
    )


def heavier(name: str, base: TrainSettings) -> tuple[Kind, Kind]:
    """Prefixes that count more than all features together, and such ones fitted for longer."""
    long = replace(base, steps=round(LONG * base.steps))
    return (
        Kind(
            name=f"{name}, heavy ladder", seeds=5, settings=heavy(base, 5.0), ladder=LADDER,
            anywhere=True,
        ),
        Kind(
            name=f"{name}, heavy short ladder, longer", seeds=5, settings=heavy(long, 5.0),
            ladder=SHORT, anywhere=True,
        ),
    )  # fmt: skip


def heavy(settings: TrainSettings, weight: float) -> TrainSettings:
    """Prefixes that count `weight` times as much as all features together."""
    return replace(settings, nested=NestedSettings(weight=weight))
