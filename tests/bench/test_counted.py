"""The truth that counters are judged by, from the shapes of layers and from published figures."""

import math

import pytest
import torch
from torch import Tensor, nn

from bench import mobilenet_v2
from bench.counted import NETWORKS, Network
from bench.counters import COUNTERS
from bench.measure import operations

EVERY_NETWORK = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)

# Blocks, tokens, width; and the width and vocabulary of a head that has no layer of its own.
ATTENTION_MACS = {"vit_b16": 12 * 2 * 197**2 * 768, "gpt2": 12 * 2 * 1024**2 * 768}
TIED_HEAD_MACS = {"gpt2": 1024 * 768 * 50257}


def products(network: nn.Module, x: Tensor) -> list[int]:
    """MACs of each convolution and linear layer in the order in which they run: each output
    element is a sum over the inputs of one output channel."""
    macs: list[int] = []

    def add(layer: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        macs.append(output.numel() * math.prod(layer.weight.shape[1:]))

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(add)
    network(x)
    return macs


@EVERY_NETWORK
def test_macs_follow_from_the_shapes_of_the_layers(network: Network) -> None:
    """No counter is asked: layers by hooks, attention and the tied head by their closed forms."""
    macs = products(*network.build("meta"))
    without_layer = ATTENTION_MACS.get(network.name, 0) + TIED_HEAD_MACS.get(network.name, 0)
    assert sum(macs) + without_layer == network.macs
    assert network.first_layer_macs in (0, macs[0])


@EVERY_NETWORK
def test_parameters_are_those_of_the_network(network: Network) -> None:
    """A shared weight counts once."""
    model, _ = network.build("meta")
    assert operations.parameter_count(model) == network.parameters


@EVERY_NETWORK
def test_our_counter_is_exact(network: Network) -> None:
    """Forward, and forward with backward."""
    counted = operations.count(*network.build("meta"))
    assert counted.forward_flops == 2 * network.macs
    assert counted.flops("step") == network.step_flops


@EVERY_NETWORK
def test_networks_are_built_for_a_count(network: Network) -> None:
    """In eval mode, one sample, on the device asked for."""
    model, inputs = network.build("meta")
    assert not any(module.training for module in model.modules())
    assert all(p.is_meta and p.requires_grad for p in model.parameters())
    assert inputs.is_meta
    assert len(inputs) == 1


def test_only_an_embedding_needs_no_gradient_of_its_input_saved() -> None:
    """Three forwards less the first layer; three exactly for the language model."""
    exact = [network.name for network in NETWORKS if network.step_flops == 6 * network.macs]
    assert exact == ["gpt2"]


# --- the depthwise network ---------------------------------------------------------------------


def test_depthwise_network_is_as_published() -> None:
    """Sandler et al. 2018, table 4, round to 3.4 million parameters and 300 million
    multiply-adds; published weights have 3,504,872 parameters."""
    layers = list(mobilenet_v2.layers())
    assert sum(layer.parameters for layer in layers) == 3_504_872
    macs = sum(layer.macs for layer in layers)
    assert macs == 300_774_272
    assert round(macs, -8) == 300_000_000


def test_closed_form_is_that_of_the_network_layer_by_layer() -> None:
    """Weights, and their use, in the order in which they run."""
    network = mobilenet_v2.build().to("meta").eval()
    x = torch.empty(1, *mobilenet_v2.INPUT_SHAPE, device="meta")
    layers = list(mobilenet_v2.layers())
    built = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert [layer.weights for layer in layers] == [m.weight.numel() for m in built]
    assert [layer.macs for layer in layers] == products(network, x)


def test_stages_are_those_of_the_paper() -> None:
    """17 blocks, each with one depthwise convolution; maps shrink from 112 to 7 pixels a side."""
    layers = list(mobilenet_v2.layers())
    spatial = [layer for layer in layers if layer.groups > 1]
    assert len(spatial) == 17
    assert all(layer.groups == layer.channels_in == layer.channels_out for layer in spatial)
    assert [math.isqrt(layer.pixels) for layer in spatial] == (
        [112] + [56] * 2 + [28] * 3 + [14] * 7 + [7] * 4
    )
    assert len(layers) == 1 + 17 * 3 - 1 + 2


@EVERY_NETWORK
def test_ptflops_differs_by_the_biases_alone(network: Network) -> None:
    """On the meta device it is the truth and one for each element to which a layer adds a bias."""
    pytest.importorskip("ptflops", reason="ptflops is missing")
    model, inputs = network.build("meta")
    ptflops = next(counter for counter in COUNTERS if counter.name == "ptflops_aten_meta")
    excess = ptflops.forward(model, inputs) - network.macs
    assert excess == biases(*network.build("meta"))


def biases(network: nn.Module, x: Tensor) -> int:
    """Elements that come out of layers with a bias."""
    added: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            module.register_forward_hook(lambda *call: added.append(call[2].numel()))
    network(x)
    return sum(added)
