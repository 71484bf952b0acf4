"""Measured effects against what the compiler states, and the ends of the scale."""

import pytest
import torch

from core.compiled import (
    bundled_programs,
    candidates,
    circuits,
    in_circuit,
    load_pairs,
    load_program,
    measured_effects,
    run,
)
from core.graph import NodeKind


@pytest.mark.parametrize("name", bundled_programs())
def test_what_has_an_effect_is_in_the_programs_circuit(name):
    """Two ways: the compiler's names of directions, and ablating every node."""
    program, pairs = load_program(name), load_pairs(name, 24)
    nodes = candidates(run(program, pairs.clean), run(program, pairs.corrupt))
    found = measured_effects(program, pairs, nodes)
    matters = torch.maximum(found.noising.abs(), found.denoising.abs()).amax(1) > 1e-4
    assert matters.any()
    assert in_circuit(name, nodes)[matters].all()


def test_the_whole_and_the_empty_circuit_are_the_ends_of_the_scale():
    """All live is the clean run; in `hist` nothing passes by heads and neurons, so empty is 0."""
    program, pairs = load_program("hist"), load_pairs("hist", 6)
    clean, corrupt = run(program, pairs.clean), run(program, pairs.corrupt)
    nodes = candidates(clean, corrupt)
    ends = torch.stack([torch.ones(len(nodes)), torch.zeros(len(nodes))])
    whole, empty = circuits(program, pairs, nodes, ends, clean, corrupt)
    torch.testing.assert_close(whole, torch.ones(6))
    torch.testing.assert_close(empty, torch.zeros(6), atol=1e-6, rtol=0)


def test_components_by_hand():
    nodes = torch.tensor(
        [[NodeKind.FEATURE, 1, 2, 0], [NodeKind.HEAD, 3, 1, 0], [NodeKind.HEAD, 1, 1, 0],
         [NodeKind.POSITION, -1, 0, -1], [NodeKind.LOGIT, 4, 5, -1]]
    )  # fmt: skip
    # reverse: m0, m1, m2, a0.h0, a3.h0, both embeddings and the logits.
    assert in_circuit("reverse", nodes).tolist() == [True, True, False, True, True]
    shown = in_circuit("reverse", nodes, "nodes_exact_resample")
    assert shown.tolist() == [False, True, False, False, True]
