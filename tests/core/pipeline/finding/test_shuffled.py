"""A null after the search: features move, but not from their places; heads stay."""

from core.circuit import FeatureNode, HeadNode
from core.pipeline.finding.shuffled import shuffled
from tests.core.pipeline.parts import features


def test_shuffled_features_leave_heads_where_they_are():
    nodes = features([[0, 1, f] for f in range(9)])
    order = (FeatureNode(0, 1, 2), HeadNode(0, 3, 1), FeatureNode(0, 1, 5))
    got = shuffled(order, nodes, seed=0)
    assert got[1] == HeadNode(0, 3, 1)
    assert all(isinstance(node, FeatureNode) for node in (got[0], got[2]))


def test_shuffled_features_keep_their_places_and_repeat_none():
    sites = [(0, 1), (0, 2), (1, 2)]
    nodes = features([[la, po, f] for la, po in sites for f in range(20)])
    order = tuple(FeatureNode(*site, f) for f in range(7) for site in sites)
    got = shuffled(order, nodes, seed=0)
    assert [node[:2] for node in got] == [node[:2] for node in order]
    assert len(set(got)) == len(order)
    assert sum(a == b for a, b in zip(got, order, strict=True)) < 6
    assert got == shuffled(order, nodes, seed=0)
    assert got != shuffled(order, nodes, seed=1)
