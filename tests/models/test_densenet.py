"""The published sizes of the densely connected network, in both layouts."""

import itertools
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from models import densenet
from tests.models.counts import count_flops, count_parameters, example_of

FLOPS_PER_MAC = 2
PLAIN = {"bottleneck": False, "compression": 1.0}
IMAGENET = {"layout": "imagenet"}
SMALL_IMAGENET = {
    "layout": "imagenet",
    "input_shape": (3, 32, 32),
    "growth": 4,
    "bottleneck": False,
}


@pytest.mark.parametrize(
    ("depth", "knobs", "parameters", "macs"),
    [
        (40, PLAIN, 1_019_722, 264_812_928),
        (100, {}, 769_162, 287_929_692),
        (121, IMAGENET, 7_978_856, 2_834_161_664),
        (169, IMAGENET, 14_149_480, 3_359_843_328),
    ],
)
def test_published_sizes(depth: int, knobs: dict[str, Any], parameters: int, macs: int) -> None:
    """Exact counts; Huang et al. 2017, table 2, rounds the first two to 1.0 and 0.8 million."""
    forward, both, first = count_flops(densenet, depth, batch_size=2, **knobs)
    assert count_parameters(densenet, depth, **knobs) == parameters
    assert forward == 2 * FLOPS_PER_MAC * macs
    assert both == 3 * forward - first


@pytest.mark.parametrize(
    ("depth", "growth", "knobs", "millions"),
    [
        (40, 12, PLAIN, 1.0),
        (100, 12, PLAIN, 7.0),
        (100, 24, PLAIN, 27.2),
        (100, 12, {}, 0.8),
        (250, 24, {}, 15.3),
        (190, 40, {}, 25.6),
    ],
)
def test_published_table(depth: int, growth: int, knobs: dict[str, Any], millions: float) -> None:
    """Huang et al. 2017, table 2, in millions of parameters."""
    assert round(count_parameters(densenet, depth, growth=growth, **knobs) / 1e6, 1) == millions


@pytest.mark.parametrize("depth", [7, 10, 40])
def test_plain_closed_form(depth: int) -> None:
    """A dense layer that sees c channels has 9 k c weights and 2c parameters of its norm, a
    transition c^2 and 2c, the head 10 c + 10 and a norm's 2c; c starts at 16 and grows by k."""
    n, k = (depth - 4) // 3, 12
    seen = [16 + k * i for i in range(3 * n + 1)]
    dense_layers = sum(9 * k * c + 2 * c for c in seen[:-1])
    transitions = sum(seen[i] ** 2 + 2 * seen[i] for i in (n, 2 * n))
    expected = 9 * 3 * 16 + dense_layers + transitions + 12 * seen[-1] + 10
    assert count_parameters(densenet, depth, **PLAIN) == expected


@pytest.mark.parametrize(
    ("depth", "dense_layers"),
    [
        (121, (6, 12, 24, 16)),
        (123, (6, 12, 25, 16)),
        (167, (6, 12, 47, 16)),
        (169, (6, 12, 32, 32)),
        (201, (6, 12, 48, 32)),
        (264, (6, 12, 64, 48)),
        (265, (6, 12, 64, 48)),
        (267, (6, 12, 65, 48)),
    ],
)
def test_depth_grows_the_third_block(depth: int, dense_layers: tuple[int, ...]) -> None:
    """Between the published depths; 264 is the paper's name of one with 265 weight layers."""
    with torch.device("meta"):
        network = densenet.build(depth, layout="imagenet")
    blocks = list(network.get_submodule("blocks").children())
    is_transition = [not isinstance(block, densenet.DenseLayer) for block in blocks]
    starts = [-1, *(i for i, yes in enumerate(is_transition) if yes), len(blocks)]
    assert tuple(b - a - 1 for a, b in itertools.pairwise(starts)) == dense_layers
    weighted = sum(isinstance(m, nn.Conv2d | nn.Linear) for m in network.modules())
    assert weighted == (265 if depth == 264 else depth)


@pytest.mark.parametrize("depth", [63, 64, 87, 135])
def test_imagenet_without_bottleneck(depth: int) -> None:
    """A dense layer is then one weight layer, and every depth from 63 on exists."""
    with torch.device("meta"):
        network = densenet.build(depth, layout="imagenet", bottleneck=False)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in network.modules()) == depth


def test_shapes_of_the_blocks() -> None:
    """A dense layer adds `growth` channels; a transition halves size and channels."""
    network = densenet.build(16)
    shapes = []
    for block in network.get_submodule("blocks").children():
        block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    network(densenet.example_input(2))
    assert shapes == [
        *((c, 32, 32) for c in (36, 48)),
        (24, 16, 16),
        *((c, 16, 16) for c in (36, 48)),
        (24, 8, 8),
        *((c, 8, 8) for c in (36, 48)),
    ]


@pytest.mark.parametrize(
    ("knobs", "channels"),
    [
        ({}, 24),
        ({"growth": 20}, 40),
        ({"compression": 1.0}, 16),
        ({"bottleneck": False}, 16),
        (PLAIN, 16),
    ],
)
def test_channels_of_the_stem(knobs: dict[str, Any], channels: int) -> None:
    """Twice the growth for DenseNet-BC, with both bottleneck and compression; else 16."""
    assert densenet.build(10, **knobs).get_parameter("stem.weight").shape[0] == channels


def test_features_are_kept() -> None:
    """What enters a dense layer leaves it unchanged, before what the layer adds."""
    layer = densenet.build(10).get_submodule("blocks.0")
    x = torch.randn(2, 24, 8, 8)
    out = layer(x)
    assert torch.equal(out[:, :24], x)
    assert out.shape == (2, 36, 8, 8)


def test_imagenet_layout_trains() -> None:
    """One step, small; and the same on the meta device and with fake tensors."""
    for mode in (torch.device("cpu"), torch.device("meta"), FakeTensorMode()):
        with mode:
            network = densenet.build(63, **SMALL_IMAGENET)
            logits = network(example_of(densenet, 2, SMALL_IMAGENET))
            logits.sum().backward()
        assert logits.shape == (2, 1000)
        assert all(p.grad is not None for p in network.parameters())


def test_imagenet_cost_is_quadratic_in_depth() -> None:
    """Each dense layer more in the third block costs equally more than the one before it."""
    parameters = [count_parameters(densenet, 121 + 2 * i, **IMAGENET) for i in range(4)]
    steps = [b - a for a, b in itertools.pairwise(parameters)]
    assert steps[1] - steps[0] == steps[2] - steps[1] > 0
