"""Slices of the loss: where they lie, what they hold, and that nothing of the model moves."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.measure.loss_slice import Objective, filter_normalised, slice_1d, slice_2d

INSTRUMENTS = [slice_1d, slice_2d]
X = torch.linspace(-1, 1, 15).reshape(5, 3)


def network() -> nn.Module:
    """In train mode, with all that a careless instrument would change: running averages, dropout,
    a mode set by hand, a hook, gradients on some parameters, a frozen one."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 2)
    )
    model[2].eval()
    model[0].register_forward_hook(lambda *_: None)
    model[0].bias.requires_grad = False
    model(X).square().sum().backward()
    model[4].weight.grad = None
    return model


def weight(model: nn.Module) -> Tensor:
    return next(model.parameters())


def squares(model: nn.Module) -> Tensor:
    loss: Tensor = model(X).square().mean()
    return loss


def careless(model: nn.Module) -> Tensor:
    """Draws, clears gradients and leaves the mode, then fails."""
    torch.rand(1)
    random.random()
    np.random.rand()
    model.zero_grad()
    model.train()
    model(X)
    raise RuntimeError("failed in the forward")


def state(model: nn.Module) -> list[Any]:
    """All that must be as found: by identity where it is an object, by value where it is data."""
    tensors = [*model.parameters(), *model.buffers()]
    gradients = [p.grad for p in model.parameters()]
    return [
        [(id(t), t.tolist()) for t in tensors],
        [None if g is None else (id(g), g.tolist()) for g in gradients],
        [p.requires_grad for p in model.parameters()],
        [m.training for m in model.modules()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        torch.get_rng_state().tolist(),
        random.getstate(),
        str(np.random.get_state()),
        torch.is_grad_enabled(),
    ]


def check_left_as_found(measure: Callable[[nn.Module, Objective], object]) -> None:
    model = network()
    before = state(model)
    measure(model, squares)
    assert state(model) == before
    with pytest.raises(RuntimeError, match="failed in the forward"):
        measure(model, careless)
    assert state(model) == before


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_model_is_left_as_found(instrument: Callable[[nn.Module, Objective], object]) -> None:
    """Weights to the bit, gradients, buffers, modes, hooks and random states; after errors too."""
    check_left_as_found(instrument)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_network_without_trainable_weights_is_refused(
    instrument: Callable[[nn.Module, Objective], object],
) -> None:
    """The message says what was expected."""
    with pytest.raises(ValueError, match="expected a network with a trainable parameter"):
        instrument(nn.Tanh(), squares)
    with pytest.raises(ValueError, match="expected a trainable weight of two dimensions"):
        instrument(nn.BatchNorm1d(3), squares)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@pytest.mark.parametrize("points", [1, 4])
def test_number_of_points_without_a_middle_is_refused(
    instrument: Callable[..., object], points: int
) -> None:
    """The present weights must be one of the points."""
    with pytest.raises(
        ValueError, match=f"odd and at least 3, so that one lies at 0; got {points}"
    ):
        instrument(network(), squares, points=points)


def test_middle_is_the_loss_in_eval_mode() -> None:
    """The present weights are at 0, exactly, in both slices."""
    model = network().eval()
    loss = squares(model).item()
    line, plane = slice_1d(model, squares), slice_2d(model, squares)
    assert line.coordinates[10] == plane.coordinates[4] == 0
    assert line.losses[10] == plane.losses[4][4] == loss


def test_slice_is_the_middle_column_of_the_surface() -> None:
    """With one seed the first direction is the same."""
    line = slice_1d(network(), squares, points=5, seed=3)
    plane = slice_2d(network(), squares, points=5, seed=3)
    assert line.losses == tuple(row[2] for row in plane.losses)
    assert line.losses != slice_1d(network(), squares, points=5, seed=4).losses


def test_quadratic_loss_gives_its_parabola() -> None:
    """||w - c||^2 with c the present weights rises by s^2 ||w||^2: a direction is as long as the
    weights that it moves."""
    model = nn.Linear(50, 1)
    centre = model.weight.detach().clone()
    line = slice_1d(model, lambda _: (model.weight - centre).square().sum(), span=0.5, points=5)
    square = centre.square().sum().item()
    assert line.coordinates == (-0.5, -0.25, 0.0, 0.25, 0.5)
    assert line.losses == pytest.approx([s**2 * square for s in line.coordinates], rel=1e-4)


def test_loss_that_is_not_finite_is_unknown() -> None:
    """None at those points, numbers at the others."""
    model = nn.Linear(2, 1)
    present = model.weight.detach().clone()
    line = slice_1d(
        model, lambda m: torch.where(weight(m) == present, 1.0, torch.nan).sum(), points=3
    )
    assert line.losses == (None, 2.0, None)


def test_loss_that_draws_at_random_draws_the_same_everywhere() -> None:
    """A slice shows the weights' effect, not the noise of the loss."""
    line = slice_1d(network(), lambda _: torch.rand(()), points=5)
    assert len(set(line.losses)) == 1


def test_directions_have_the_norm_of_each_filter() -> None:
    """Filters of convolutions and rows of matrices; biases stay, and filters of zeros too."""
    head = nn.Linear(4, 3)
    with torch.no_grad():
        head.weight[1] = 0
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), head)
    [direction] = filter_normalised(list(model.parameters()), count=1, seed=0)
    for parameter, towards in zip(model.parameters(), direction, strict=True):
        if parameter.ndim == 1:
            assert not towards.any()
        else:
            expected = parameter.flatten(1).norm(dim=1)
            torch.testing.assert_close(towards.flatten(1).norm(dim=1), expected)


def test_directions_are_not_parallel() -> None:
    """In n dimensions their cosine is about 1 / sqrt(n)."""
    model = nn.Linear(1000, 1, bias=False)
    [first], [second] = filter_normalised(list(model.parameters()), count=2, seed=0)
    assert abs(torch.cosine_similarity(first, second).item()) < 5 / 1000**0.5
