"""Operators by name, and what a count leaves as it was."""

import pytest
import torch
from torch import nn

from bench.measure.dispatched import dispatched


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 4))


def test_operators_are_those_of_the_layers() -> None:
    """Two linear layers are two matrix products with two transposed weights; the backward has two
    products for the last layer and one for the first, whose input needs no gradient. Dropout shows
    in training alone."""
    counted = dispatched(network(), torch.ones(3, 6))
    assert counted.forward == {"aten.t": 2, "aten.addmm": 2, "aten.relu": 1}
    more = {name: calls - counted.forward.get(name, 0) for name, calls in counted.training.items()}
    assert {name for name, calls in more.items() if calls} == {
        *("aten.empty_like", "aten.bernoulli_", "aten.div_", "aten.mul")
    }
    assert counted.backward is not None
    assert counted.backward["aten.mm"] == 3
    assert counted.backward["aten.threshold_backward"] == 1


def test_saved_bytes_are_each_layers_input_and_mask() -> None:
    """A linear layer saves its input, a ReLU its output, a dropout its mask; in fp32."""
    counted = dispatched(network(), torch.ones(3, 6))
    inputs, relu, mask, dropped = 3 * 6, 3 * 5, 3 * 5, 3 * 5
    assert counted.saved_bytes == 4 * (inputs + relu + mask + dropped)


def test_a_frozen_network_has_no_backward() -> None:
    """Nothing that needs a gradient: unknown, and not zero operators."""
    counted = dispatched(nn.Linear(6, 4).requires_grad_(False), torch.ones(3, 6))
    assert counted.backward is None
    assert counted.saved_bytes == 0


def test_the_model_and_the_random_state_stay_as_they_were() -> None:
    """Mode, buffers, gradients, global generator and oneDNN's switch."""
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random, switch = torch.get_rng_state(), torch.backends.mkldnn.enabled
    dispatched(model, torch.randn(3, 6, generator=torch.Generator().manual_seed(0)))
    assert not any(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(random, torch.get_rng_state())
    assert torch.backends.mkldnn.enabled == switch


def test_an_error_leaves_them_as_they_were_too() -> None:
    """Here the input does not fit."""
    model, switch = network(), torch.backends.mkldnn.enabled
    with pytest.raises(RuntimeError):
        dispatched(model, torch.ones(3, 7))
    assert model.training
    assert torch.backends.mkldnn.enabled == switch
