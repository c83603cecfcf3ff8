"""Weights drawn anew: deviations in closed form, and unit variance layer by layer."""

import pytest
import torch
from torch import nn

from bench import families
from bench.train.treatments.initialization import initialization
from bench.train.treatments.surgery import WeightLayer, calls, weight_layers
from tests.bench.train.treatments import nets


def _initialized(model: nn.Module, x: torch.Tensor, scheme: str) -> nn.Module:
    prepare = initialization(scheme=scheme).prepare
    assert prepare is not None
    torch.manual_seed(0)
    return prepare(model, x)


@pytest.mark.parametrize(
    ("scheme", "variance"), [("he", 2 / 600), ("xavier", 2 / 1000), ("lecun", 1 / 600)]
)
def test_deviations_are_the_papers(scheme: str, variance: float) -> None:
    """Of linear layers and convolutions with fan in 600 and fan out 400; biases are zero."""
    layers: list[WeightLayer] = [nn.Linear(600, 400), nn.Conv1d(120, 80, 5), nn.Conv2d(24, 16, 5)]
    _initialized(nn.ModuleList(layers), nets.batch(), scheme)
    for layer in layers:
        assert layer.weight.detach().var().item() == pytest.approx(variance, rel=0.03)
        assert layer.bias is not None
        assert not layer.bias.any()


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU])
def test_lsuv_gives_every_layer_unit_variance(activation: type[nn.Module]) -> None:
    """Of 30 layers, the head too, on the batch that it was given."""
    model, x = nets.flat(30, activation, width=64), nets.batch(256, 64)
    with torch.no_grad():
        _initialized(model, x, "lsuv")
    deviations = [call.output.std(correction=0) for call in calls(model, x, weight_layers(model))]
    assert len(deviations) == 30
    assert torch.allclose(torch.stack(deviations), torch.ones(30), atol=1e-3)


@pytest.mark.parametrize("family", ["mlp:activation=tanh", "resnet:residual=false", "resnet"])
def test_lsuv_of_families(family: str) -> None:
    """With norms and shortcuts too; buffers, mode and hooks stay as they were."""
    model, x = families.find(family).build(16).eval(), torch.randn(64, 1, 40)
    buffers = {name: b.clone() for name, b in model.named_buffers()}
    _initialized(model, x, "lsuv")
    for call in calls(model, x, weight_layers(model)):
        assert call.output.std(correction=0).item() == pytest.approx(1, abs=1e-3)
    assert not any(m.training or m._forward_hooks for m in model.modules())
    assert all(torch.equal(buffers[name], b) for name, b in model.named_buffers())


def test_a_shared_layer_keeps_the_scale_of_its_first_call() -> None:
    """Its weight is divided once."""
    shared = nn.Linear(6, 6)
    model = nn.Sequential(shared, nn.Tanh(), shared)
    _initialized(model, nets.batch(), "lsuv")
    first, _ = calls(model, nets.batch(), [shared])
    assert first.output.std(correction=0).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("scheme", ["lsuv", "he"])
def test_the_global_generator_determines_the_weights(scheme: str) -> None:
    """The same seed draws the same, and the draws differ from layer to layer."""
    one, other = (_initialized(nets.flat(3), nets.batch(), scheme) for _ in range(2))
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one.get_parameter("0.weight"), one.get_parameter("2.weight"))


def test_attention_of_pytorch_and_norms_are_left_alone() -> None:
    """Only linear layers and convolutions of their own are drawn."""
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    _initialized(model, torch.randn(2, 3, 8), "he")
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert changed == {f"linear{i}.{part}" for i in (1, 2) for part in ("weight", "bias")}
