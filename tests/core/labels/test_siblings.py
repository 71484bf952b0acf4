"""Labels of siblings: by hand, and never two alike."""

import pytest

from core.features.readout import Decoded
from core.labels.carried import Carried
from core.labels.groups import Facts
from core.labels.siblings import about, told_apart


def group(
    leader,
    *,
    size=3,
    carried=None,
    layer="L1",
    role="=",
    of="features",
    kinds=(),
    values=(),
    tokens=(),
    read=(),
):
    return Facts(
        of=of,
        kinds=kinds,
        size=size,
        carried=carried,
        decoded=read,
        layer=layer,
        role=role,
        values=values,
        tokens=tokens,
        leader=leader,
    )


SUM = Carried(("result",), (5, 24))
NAME = Carried(("indirect_object",), ())


@pytest.mark.parametrize(
    ("groups", "labels"),
    [
        # What is carried is enough.
        (
            [group("a", carried=SUM), group("b", carried=Carried(("a", "b"), (1,)))],
            ["k 5, 24 · result", "k 1 · a, b"],
        ),
        # Place before anything else, and only the part of it that differs.
        (
            [group("a", carried=NAME, layer="L1"), group("b", carried=NAME, layer="L2")],
            ["L1 · indirect_object", "L2 · indirect_object"],
        ),
        (
            [group("a", carried=NAME, role="actor"), group("b", carried=NAME, role="")],
            ["at actor · indirect_object", "at several · indirect_object"],
        ),
        # Then what it raises, or is active on.
        (
            [group("a", carried=NAME, tokens=("Mary",)), group("b", carried=NAME)],
            ["→ Mary · indirect_object", "indirect_object"],
        ),
        (
            [group("a", carried=NAME, values=("Paul",)), group("b", carried=NAME)],
            ["Paul · indirect_object", "indirect_object"],
        ),
        (
            [group("a", carried=SUM, values=(14, 3)), group("b", carried=SUM, values=(9,))],
            ["result = 14, 3 · k 5, 24", "result = 9 · k 5, 24"],
        ),
        # Neutral: nothing beat its control. A size is no name.
        (
            [group("1:4:7", size=12), group("1:4:9", size=4)],
            ["with 1:4:7 · L1 at =", "with 1:4:9 · L1 at ="],
        ),
        (
            [group("a", size=12), group("b", role="17")],
            ["L1 at =", "L1 at 17"],
        ),
        # Heads by what they do, or where they are.
        (
            [
                group("a", of="heads", kinds=("reads name 1",), layer="L0"),
                group("b", of="heads", kinds=("reads name 1",), layer="L1"),
                group("c", of="heads", kinds=("reads name 1", "even")),
                group("d", of="heads"),
                group("e"),
            ],
            [
                "L0 · reads name 1",
                "L1 · reads name 1",
                "with c · heads L1 at =",
                "with d · heads L1 at =",
                "L1 at =",
            ],
        ),
        # Nothing tells them apart but themselves.
        (
            [group("0:4:7", carried=SUM), group("0:4:9", carried=SUM)],
            ["with 0:4:7 · k 5, 24 · result", "with 0:4:9 · k 5, 24 · result"],
        ),
    ],
)
def test_labels_by_hand(groups, labels):
    assert told_apart(groups, [None] * len(groups)) == labels


def test_a_single_member_names_its_group_and_is_told_apart_too():
    one, two = group("0:4:7", size=1, carried=NAME), group("0:4:9", size=1, carried=NAME)
    own = ["Mary · indirect_object", "Mary · indirect_object"]
    assert told_apart([one, two], own) == [
        "0:4:7 · Mary · indirect_object",
        "0:4:9 · Mary · indirect_object",
    ]


def test_no_two_siblings_are_alike_whatever_they_share():
    sizes, marks = (1, 3, 3, 3, 5), ((), ("Mary",), ("Mary",), ("Paul",), ("Mary",))
    groups = [
        group(f"0:4:{i}", size=size, carried=NAME, tokens=tokens)
        for i, (size, tokens) in enumerate(zip(sizes, marks, strict=True))
    ]
    labels = told_apart(groups, [None] * len(groups))
    assert len(set(labels)) == len(groups)


def test_the_long_form_gives_figures_beside_their_control():
    weak = Decoded("result", 23, 0.05, 0.021)
    read = (Decoded("result", 5, 0.964, 0.021), Decoded("result", 24, 0.69, 0.021), weak)
    found = group("a", carried=SUM, values=(14,), tokens=("14",), read=read)
    assert about(found) == (
        "reads result: k 5 R² 0.96, k 24 R² 0.69 (shuffled ≤ 0.02) · L1 at = · 3 nodes · "
        "most active on result = 14 · raises 14"
    )
    named = group("a", carried=NAME, read=(Decoded("indirect_object", None, 0.9, 0.05),))
    assert about(named).startswith("reads indirect_object: 90% of prompts (shuffled ≤ 5%)")
    assert about(group("a")).startswith("no declared variable can be read off it")
    below = (
        Decoded("third", None, -0.01, -0.05),
    )  # better than shuffled, and nothing all the same
    assert about(group("a", read=below)).startswith("no declared variable can be read off it")
    heads = group("a", of="heads", kinds=("reads name 1", "even"))
    assert about(heads) == "heads: reads name 1, even · heads L1 at = · 3 nodes"
