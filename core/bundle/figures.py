"""What validation.json holds, field by field: pages and reports count on it.

A field may be absent, since bundles of earlier versions have fewer. One that is there is of its
sort, also within the random circuits, the curve and the other regimes, which use the same names.
"""

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

LARGEST = 2**53
"""Of whole numbers; beyond it JSON readers differ."""


class Sort(NamedTuple):
    """What a field must be."""

    words: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    if value is None or isinstance(value, float):
        return value is None or isfinite(value)
    return type(value) is int and abs(value) <= LARGEST


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _is_interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_lists(value: Any) -> bool:
    """Names of unmet conditions by ablation."""
    return isinstance(value, dict) and all(
        isinstance(names, list) and all(isinstance(name, str) for name in names)
        for names in value.values()
    )


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _is_curve(value: Any) -> bool:
    return _is_rows(value) and all({"size", "faithfulness", "phi"} <= row.keys() for row in value)


NUMBER = Sort("a finite number or null", _is_number)
WHOLE = Sort("a whole number", _is_whole)
TEXT = Sort("text", lambda value: isinstance(value, str))
INTERVAL = Sort("two numbers", _is_interval)
OBJECT = Sort("an object", lambda value: isinstance(value, dict))
FIELDS: Mapping[str, Sort] = {
    **dict.fromkeys("ablation error_regime necessity_errors split".split(), TEXT),  # noqa: SIM905
    **dict.fromkeys("n n_alive n_edges n_nodes n_prompts size".split(), WHOLE),  # noqa: SIM905
    **dict.fromkeys(("faithfulness_ci", "phi_ci", "span_ci"), INTERVAL),
    **dict.fromkeys(("plain", "first", "most_active", "shared_prompts"), OBJECT),
    **dict.fromkeys(("random", "random_free"), OBJECT),
    **dict.fromkeys(
        (
            *("faithfulness", "faithfulness_empty", "faithfulness_full"),
            *("phi", "phi_empty", "phi_full", "necessity", "necessity_features"),
            *("faithfulness_mean", "faithfulness_max", "phi_mean", "phi_max"),
            *("necessity_mean", "necessity_max", "p_value", "overlap"),
            *("random_low", "random_high", "cpr", "cmd", "accuracy", "agreement", "kl"),
            *("accuracy_empty", "chance"),
            *("logit_diff", "model_accuracy", "gate", "smallest_span", "forwards_used"),
        ),
        NUMBER,
    ),
    "failed": Sort("lists of names by ablation", _is_lists),
    "curve": Sort("a list of objects with size, faithfulness and phi", _is_curve),
    "other_regimes": Sort("a list of objects", _is_rows),
}
"""Every field with a figure or an object, wherever it stands."""
INSIDE = ("random", "random_free", "plain", "first", "most_active", "curve", "other_regimes")
"""Fields that hold others."""


def misfits(block: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Field, value and what is required of it, for each field that is of another sort."""
    for name, value in block.items():
        sort = FIELDS.get(name)
        if sort is not None and not sort.fits(value):
            yield name, value, sort.words
        elif name in INSIDE:
            for inner in value if isinstance(value, list) else [value]:
                yield from ((f"{name}.{n}", v, words) for n, v, words in misfits(inner))
