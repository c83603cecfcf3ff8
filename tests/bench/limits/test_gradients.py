"""The screen at initialisation: closed forms, networks that users write, and what fits when."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import families
from bench.limits import gradients
from bench.limits.evidence import Probe
from bench.limits.remedy import Situation
from tests.bench.train.small import training

from .small import WIDTH, batch, left_alone, network, values


def screen(model: nn.Module, **knobs: Any) -> list[Probe]:
    inputs, labels = batch()
    return gradients.screen(model, inputs, labels, depth=4, knobs=knobs, seed=0)


def one(probes: list[Probe], quantity: str) -> Probe:
    (found,) = [p for p in probes if p.quantity == quantity]
    return found


def test_relu_with_the_default_init_halves_by_root_six() -> None:
    """fan_in Var(W) = 1/3 and half of the units: a layer passes on 1/sqrt(6) of the gradient, so
    that the logarithm changes by L ln(6) / 2 over L layers."""
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Linear(256, 256, bias=False), nn.ReLU()) for _ in range(20)]
    model = nn.Sequential(nn.Sequential(*layers), nn.Linear(256, 2))
    inputs, labels = torch.randn(64, 256), torch.arange(64) % 2
    probes = gradients.screen(model, inputs, labels, depth=21, knobs={}, seed=0)
    found = one(probes, "log_gradient_change").value
    assert found is not None
    assert found == pytest.approx(20 * math.log(6) / 2, rel=0.15)


def test_each_layer_has_its_numbers() -> None:
    """One row a layer of h, ∂L/∂h and the cosine, by name; all about gradients, with the seed."""
    probes = screen(network())
    for quantity in ("activation_rms", "gradient_rms", "cosine"):
        assert list(values(probes, quantity)) == ["0.0", "0.1", "0.2"]
    assert {(p.limit, p.depth, p.seed) for p in probes} == {("gradients", 4, 0)}


def test_the_network_is_left_alone() -> None:
    """Weights, buffers, gradients, modes, hooks and random states."""
    model = network(norm=True)
    with left_alone(model):
        screen(model)


def test_a_layer_that_is_called_again_counts_again() -> None:
    """A shared layer has a row for each call."""

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(WIDTH, WIDTH)
            self.head = nn.Linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.layer(self.layer(self.layer(x))))
            return out

    assert list(values(screen(Shared()), "gradient_rms")) == ["layer", "layer#2", "layer#3"]


def test_no_named_hidden_layers_is_said() -> None:
    """There is no slope, and the note tells why."""
    probe = one(screen(nn.Linear(WIDTH, 2)), "log_gradient_change")
    assert probe.value is None
    assert probe.note == "fewer than two hidden layers have names: no slope over layers"


def test_the_first_layer_that_is_not_finite_is_named() -> None:
    """Planted: the second hidden layer overflows."""
    model = network()
    with torch.no_grad():
        model[0][1][0].weight.fill_(1e38)  # type: ignore[index]
        model[0][1][0].bias.fill_(3e38)  # type: ignore[index]
    probe = one(screen(model), "nonfinite_layers")
    assert (probe.value, probe.at) == (1.0, "0.1")


def test_all_values_are_finite_or_none() -> None:
    """Also of a network that overflows."""
    model = network()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1e38)
    assert all(p.value is None or math.isfinite(p.value) for p in screen(model))


def mlp(**knobs: Any) -> tuple[nn.Module, dict[str, Any]]:
    spec = ",".join(f"{name}={value}" for name, value in knobs.items())
    family = families.find(f"mlp:width=300,{spec}").for_task(input_shape=(1, WIDTH), classes=2)
    torch.manual_seed(0)
    return family.build(10), family.all_knobs


def test_theory_reads_the_weights() -> None:
    """tanh without biases is critical at a weight variance of 1 / fan_in: the further beyond, the
    shallower is trainable (Schoenholz et al. 2017)."""
    depths = []
    for scale in (1.1, 1.5, 3.0):
        model, knobs = mlp(activation="tanh", init="xavier", init_scale=scale)
        probes = screen(model, **knobs)
        depths.append(one(probes, "trainable_depth").value or 0.0)
        variance, critical = one(probes, "weight_variance"), one(probes, "critical_weight_variance")
        assert variance.value == pytest.approx(scale**2, rel=0.05)
        assert critical.value == pytest.approx(1, abs=0.05)
    assert depths == sorted(depths, reverse=True)
    assert depths[0] > 300
    assert depths[-1] < 50


@pytest.mark.parametrize("knob", ["residual=true", "norm=batch"])
def test_theory_is_for_plain_networks(knob: str) -> None:
    """With shortcuts or norms, and for a user's own family, there is none, and the row says so."""
    name, _, value = knob.partition("=")
    model, knobs = mlp(activation="tanh", **{name: value})
    assert one(screen(model, **knobs), "trainable_depth").note is not None
    probe = one(screen(network()), "trainable_depth")
    assert (probe.value, probe.note) == (None, "no mean-field theory for this network")


def tried(**knobs: Any) -> dict[str, list[str]]:
    """The changes of each remedy, in words."""
    situation = Situation(training=training(), knobs=knobs, n_train=100)
    return {r.name: [str(c) for c in r.changes(situation)] for r in gradients.REMEDIES}


def test_what_is_there_already_is_not_tried() -> None:
    """He init, ReLU and a batch norm leave only clipping."""
    found = tried(activation="relu", norm="batch", init="he", init_scale=None)
    assert found == {
        "initialization": [], "activation": [], "normalization": [],
        "gradient clipping": ["clipping:norm=1.0"],
    }  # fmt: skip


def test_the_init_fits_the_activation() -> None:
    """He for ReLU and its like, Xavier for sigmoid and tanh; a scale is taken out."""
    relu = tried(activation="gelu", norm="none", init="default")
    tanh = tried(activation="tanh", norm="none", init="xavier", init_scale=3.0)
    assert relu["initialization"] == ["init=he, init_scale as by default"]
    assert tanh["initialization"] == ["init=xavier, init_scale as by default"]
    assert tried(activation="tanh", init="xavier")["initialization"] == []


def test_another_activation_brings_its_init() -> None:
    """ReLU with the Xavier init of the tanh before it would halve the variance at each layer."""
    found = tried(activation="tanh", init="xavier")
    assert found["activation"] == ["activation=relu, init=he, init_scale as by default"]
    assert tried(activation="tanh")["activation"] == ["activation=relu"]


def test_dead_and_saturated_units_are_told_by_activation() -> None:
    """One row each, and one of all together."""
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2))
    with torch.no_grad():
        model[0].bias.fill_(-1e3)
    inputs, labels = torch.randn(8, 4), torch.arange(8) % 2
    probes = gradients.screen(model, inputs, labels, depth=3, knobs={}, seed=0)
    by_place = {(p.quantity, p.at): p.value for p in probes}
    assert by_place["layer_dead_share", "1"] == by_place["dead_share", None] == 1.0
    assert by_place["layer_saturated_share", "3"] == by_place["saturated_share", None] == 0.0
