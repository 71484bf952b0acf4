"""Elimination: exact where losses are linear, nested, and aware of the circuit that is left."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.errors import NodeError, SettingsError
from core.search.rivals import EliminateSettings, eliminate

STRENGTH = torch.tensor([0.3, -2.0, 0.1, 1.0, -0.5, 0.7])


def linear(mask: Tensor) -> Tensor:
    return (STRENGTH * mask).sum()


def squared_gradient(loss: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Importance (∂loss/∂gate)² from a loss differentiable in the mask."""

    def importance(mask: Tensor) -> Tensor:
        mask = mask.detach().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(loss(mask), mask)
        return gradient**2

    return importance


def test_order_is_exact_on_a_linear_loss() -> None:
    found = eliminate(6, squared_gradient(linear))
    assert found.order.tolist() == [1, 3, 5, 4, 0, 2]


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.9])
def test_order_does_not_depend_on_the_pace_when_effects_add_up(fraction: float) -> None:
    strength = torch.randn(50, generator=torch.Generator().manual_seed(0))
    settings = EliminateSettings(fraction=fraction)
    found = eliminate(50, squared_gradient(lambda m: (strength * m).sum()), settings)
    assert found.order.tolist() == torch.argsort(strength.abs(), descending=True).tolist()


def test_importance_is_asked_at_the_current_circuit() -> None:
    # 0 and 1 back each other up: each is nothing beside the other and all without it.
    def loss(mask: Tensor) -> Tensor:
        return -torch.maximum(mask[0] * 1.01, mask[1]) - 0.5 * mask[2] - 0.1 * mask[3]

    found = eliminate(4, squared_gradient(loss), EliminateSettings(fraction=0.25))
    assert found.order.tolist() == [0, 2, 3, 1]


def test_masks_shrink_and_candidates_bound_them() -> None:
    masks: list[Tensor] = []

    def importance(mask: Tensor) -> Tensor:
        masks.append(mask.clone())
        return STRENGTH.abs()

    found = eliminate(
        6, importance, EliminateSettings(fraction=0.4), candidates=torch.tensor([0, 1, 2, 3, 5])
    )
    assert [int(mask.sum()) for mask in masks] == [5, 3, 2, 1]
    assert all(mask[4] == 0 for mask in masks)
    assert found.order.tolist() == [1, 3, 5, 0, 2]
    assert found.rounds == 4


def test_it_may_stop_early_and_ranks_what_is_left() -> None:
    found = eliminate(6, squared_gradient(linear), EliminateSettings(fraction=0.9, stop=3))
    assert found.rounds == 2
    assert found.order.tolist() == [1, 3, 5, 4, 0, 2]


def test_one_candidate_is_its_own_ranking() -> None:
    assert eliminate(6, squared_gradient(linear), candidates=torch.tensor([4])).order.tolist() == [
        4
    ]


def test_progress_may_cancel() -> None:
    def cancel(progress: object) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        eliminate(6, squared_gradient(linear), progress=cancel)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(SettingsError, match="importance returned"):
        eliminate(6, lambda mask: mask[:2])
    with pytest.raises(SettingsError, match="not finite"):
        eliminate(6, lambda mask: mask * torch.nan)
    for wrong in ([], [6], [-1], [1, 1]):
        candidates = torch.tensor(wrong, dtype=torch.int64)
        with pytest.raises(NodeError, match="candidates are wrong"):
            eliminate(6, squared_gradient(linear), candidates=candidates)
    with pytest.raises(SettingsError, match="Elimination settings"):
        EliminateSettings(fraction=0.0)
    with pytest.raises(SettingsError, match="Elimination settings"):
        EliminateSettings(stop=0)
