"""Initial weights, against their definitions."""

import math

import pytest
import torch
from torch import nn

from models import blocks, weights

FAN_IN, FAN_OUT = 400, 600
KERNEL = 5


def layers() -> list[tuple[nn.Module, int, int]]:
    """A wide layer of each kind, with its fan_in and fan_out."""
    return [
        (nn.Linear(FAN_IN, FAN_OUT), FAN_IN, FAN_OUT),
        (nn.Conv1d(80, 120, KERNEL), FAN_IN, FAN_OUT),
        (nn.Conv2d(16, 24, KERNEL), 16 * KERNEL**2, 24 * KERNEL**2),
    ]


def deviation(init: str, fan_in: int, fan_out: int) -> float:
    """The closed form of the weights' standard deviation."""
    return {
        "default": math.sqrt(1 / (3 * fan_in)),
        "he": math.sqrt(2 / fan_in),
        "xavier": math.sqrt(2 / (fan_in + fan_out)),
        "normal": 1.0,
    }[init]


@pytest.mark.parametrize("init_scale", [1.0, 0.3, 2.0])
@pytest.mark.parametrize("init", ["default", "he", "xavier", "normal"])
def test_deviation_of_the_weights(init: str, init_scale: float) -> None:
    """Weights have mean 0 and the scheme's deviation times `init_scale`, within 4 standard errors.

    For `normal` that makes `init_scale` the deviation.
    """
    torch.manual_seed(0)
    for layer, fan_in, fan_out in layers():
        weights.initialize(layer, init=init, init_scale=init_scale)
        weight = layer.weight.detach()
        expected = init_scale * deviation(init, fan_in, fan_out)
        tolerance = 4 / math.sqrt(2 * weight.numel())
        assert weight.std().item() == pytest.approx(expected, rel=tolerance)
        assert weight.mean().item() == pytest.approx(0, abs=4 * expected / weight.numel() ** 0.5)


@pytest.mark.parametrize(("init", "scale"), [("he", 1.0), ("normal", 0.01), ("default", 1.0)])
def test_scale_that_is_meant_by_none(init: str, scale: float) -> None:
    """No scale means 1, and a deviation of 0.01 for `normal`."""
    drawn = []
    for init_scale in (None, scale):
        torch.manual_seed(0)
        layer = nn.Linear(FAN_IN, FAN_OUT)
        weights.initialize(layer, init=init, init_scale=init_scale)
        drawn.append(layer.weight)
    assert torch.equal(*drawn)


@pytest.mark.parametrize("init_scale", [1.0, 0.5])
def test_orthogonal_weights(init_scale: float) -> None:
    """Columns of a tall weight are orthogonal with length `init_scale`."""
    layer = nn.Linear(FAN_IN, FAN_OUT)
    weights.initialize(layer, init="orthogonal", init_scale=init_scale)
    gram = layer.weight.T @ layer.weight
    torch.testing.assert_close(gram, init_scale**2 * torch.eye(FAN_IN), atol=1e-5, rtol=0)


def test_he_does_not_depend_on_the_activation() -> None:
    """He's deviation is sqrt(2 / fan_in) beside any activation."""
    deviations = []
    for activation in blocks.ACTIVATIONS.values():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(FAN_IN, FAN_OUT), activation())
        weights.initialize(network, init="he", init_scale=None)
        deviations.append(network[0].weight.std().item())
    assert len(set(deviations)) == 1


@pytest.mark.parametrize("init", weights.INITS)
def test_biases_are_zero_except_under_default(init: str) -> None:
    """`default` leaves PyTorch's biases as they are; every other scheme makes them zero."""
    for layer, _, _ in layers():
        before = layer.bias.detach().clone()
        weights.initialize(layer, init=init, init_scale=2.0)
        assert torch.equal(layer.bias, before if init == "default" else torch.zeros_like(before))


@pytest.mark.parametrize("init", weights.INITS)
def test_norms_keep_scale_one_and_offset_zero(init: str) -> None:
    """The schemes concern weights of linear layers and convolutions alone."""
    norm = nn.BatchNorm1d(8)
    weights.initialize(nn.Sequential(nn.Linear(8, 8), norm), init=init, init_scale=0.1)
    assert torch.equal(norm.weight, torch.ones(8))
    assert torch.equal(norm.bias, torch.zeros(8))
