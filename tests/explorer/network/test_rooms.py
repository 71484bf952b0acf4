"""What a closed box says of where it is: true of all that is in it."""

from dataclasses import replace

import numpy as np
import pytest

from explorer.network.items import Item
from explorer.network.rooms import where
from tests.explorer.scenes import scene


@pytest.fixture
def made():
    """Features of L0 and L1, heads of L1 and L2; the last is a head at all positions."""
    return replace(
        scene(),
        kind=("feature", "feature", "head", "head", "head"),
        layer=np.array([0, 1, 1, 2, 2]),
        position=np.array([1, 1, 1, 0, -1]),
        tokens=(" a", " is"),
    )


def box(*members: int) -> Item:
    heads = sum(member >= 2 for member in members)
    return Item(
        id="A", kind="supernode", members=np.array(members), frame=None, layer=0, position=1,
        n_heads=heads, in_heads=2 * heads > len(members),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ((0,), "L0 at is"),
        ((0, 1), "L0–L1 at is"),
        ((2, 3), "L1–L2 heads, 2 positions"),
        ((2,), "L1 heads at is"),
        ((4,), "L2 heads"),
        ((0, 3), "L0–L2, 2 positions"),
        ((0, 2, 3), "L0–L2, 2 positions"),
    ],
)
def test_a_box_names_its_layers_and_its_position_or_how_many(made, members, said):
    assert where(made, box(*members)) == said
