"""Activations replaced, with weights that fit."""

import pytest
import torch
from torch import nn

from bench import families
from bench.train.treatments.activation import CHOICES, activation
from bench.train.treatments.surgery import activations
from tests.bench.train.treatments import nets


def _activated(model: nn.Module, x: torch.Tensor, to: str) -> nn.Module:
    prepare = activation(to=to).prepare
    assert prepare is not None
    return prepare(model, x)


@pytest.mark.parametrize("to", CHOICES)
def test_every_activation_is_the_new_one(to: str) -> None:
    """Whatever it was."""
    layers = [nn.Tanh(), nn.ReLU6(), nn.PReLU(), nn.Softplus()]
    model = nn.Sequential(*(m for a in layers for m in (nn.Linear(6, 6), a))).eval()
    _activated(model, nets.batch(), to)
    assert [type(a) for a in activations(model)] == [type(CHOICES[to].build())] * 4
    assert not any(m.training for m in model.modules())


@pytest.mark.parametrize(
    ("to", "variance"), [("relu", 2 / 400), ("tanh", 2 / 1000), ("selu", 1 / 400)]
)
def test_the_weights_are_those_of_the_activation(to: str, variance: float) -> None:
    """He for ReLU, Xavier for tanh, LeCun for SELU."""
    torch.manual_seed(0)
    layer = nn.Linear(400, 600)
    _activated(nn.Sequential(layer, nn.Sigmoid()), nets.batch(4, 400), to)
    assert layer.weight.var().item() == pytest.approx(variance, rel=0.02)


def test_a_deep_sigmoid_network_passes_its_signal_on_as_relu() -> None:
    """At depth 32 sigmoids give all samples one output; ReLUs with He's weights do not."""
    x = torch.randn(64, 1, 40)
    model = families.find("mlp:activation=sigmoid").build(32)
    assert model(x).std(0).max() < 1e-3
    assert _activated(model, x, "relu")(x).std(0).min() > 1e-2


def test_a_network_of_that_activation_is_refused() -> None:
    """There would be nothing to see."""
    with pytest.raises(ValueError, match="every activation is relu already"):
        _activated(nets.flat(), nets.batch(), "relu")


def test_functional_activations_are_not_found() -> None:
    """The error says what to do; the weights stay."""
    model = nets.Functional()
    before = model.one.weight.detach().clone()
    with pytest.raises(ValueError, match="no activation module was found"):
        _activated(model, nets.batch(), "tanh")
    assert torch.equal(model.one.weight, before)
