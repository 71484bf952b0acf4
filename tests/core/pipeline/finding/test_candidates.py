"""Candidates beyond the graph: by hand, and that they change nothing that the graph says."""

import torch

from core.graph import NodeKind, influence
from core.pipeline.finding.candidates import with_active
from tests.core.pipeline.parts import graph


def active(*features):
    found = torch.zeros(2, 3, 9, dtype=torch.bool)
    for place in features:
        found[place] = True
    return found


def test_features_that_the_graph_lacks_join_it_without_edges():
    whole = graph()  # features (0, 1, 4), (0, 2, 5), (1, 2, 6)
    wide = with_active(whole, active((0, 1, 4), (0, 0, 8), (1, 2, 6), (1, 1, 6)))
    assert wide.n_nodes == whole.n_nodes + 2
    assert wide.kind[-2:].tolist() == [int(NodeKind.FEATURE)] * 2
    rows = torch.stack([wide.layer, wide.position, wide.index], 1)
    assert rows[-2:].tolist() == [[0, 0, 8], [1, 1, 6]]
    assert rows[:-2].tolist() == torch.stack([whole.layer, whole.position, whole.index], 1).tolist()
    assert torch.equal(wide.edge_index, whole.edge_index)
    assert influence(wide)[:-2].tolist() == influence(whole).tolist()
    assert influence(wide)[-2:].tolist() == [0, 0]


def test_a_graph_that_has_them_all_stays_as_it_is():
    assert with_active(graph(), active((0, 1, 4), (1, 2, 6))).n_nodes == graph().n_nodes
