"""The published sizes of the CIFAR residual network."""

import pytest
import torch

from models import cifar_resnet
from models.residual import ZeroPadShortcut
from tests.models.counts import count_flops, count_forward_flops, count_parameters

FLOPS_PER_MAC = 2


@pytest.mark.parametrize(
    ("depth", "parameters", "macs"),
    [
        (20, 269_722, 40_551_040),
        (56, 853_018, 125_485_696),
        (110, 1_727_962, 252_887_680),
    ],
)
def test_published_sizes(depth: int, parameters: int, macs: int) -> None:
    """Exact counts; He et al. 2015, table 6, rounds parameters to 0.27, 0.85 and 1.7 million."""
    assert count_parameters(cifar_resnet, depth) == parameters
    assert count_forward_flops(cifar_resnet, depth) == FLOPS_PER_MAC * macs


@pytest.mark.parametrize("depth", cifar_resnet.depths)
@pytest.mark.parametrize("residual", [True, False])
def test_closed_forms(depth: int, residual: bool) -> None:
    """Sizes are linear in n = (depth - 2) / 6, with and without shortcuts."""
    n = (depth - 2) // 6
    macs = 14_155_776 * n - 1_916_288
    forward, both, first = count_flops(cifar_resnet, depth, residual=residual)
    assert count_parameters(cifar_resnet, depth, residual=residual) == 97_216 * n - 21_926
    assert forward == FLOPS_PER_MAC * macs
    assert first == 884_736
    assert both == 6 * macs - 884_736


def test_shapes_of_the_stages() -> None:
    """Maps are 32, 16 and 8 pixels wide with 16, 32 and 64 channels, n blocks each."""
    network = cifar_resnet.build(14)
    shapes = []
    for block in network.get_submodule("blocks").children():
        block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    network(cifar_resnet.example_input(2))
    assert shapes == [(16, 32, 32)] * 2 + [(32, 16, 16)] * 2 + [(64, 8, 8)] * 2


@pytest.mark.parametrize("size", [8, 7])
@pytest.mark.parametrize("dims", [1, 2])
def test_option_a_shortcut(dims: int, size: int) -> None:
    """The shortcut is every second position, then channels of zeros, for odd sizes too."""
    x = torch.randn(2, 3, *[size] * dims)
    out = ZeroPadShortcut(3, 2)(x)
    every_second = x[:, :, ::2] if dims == 1 else x[:, :, ::2, ::2]
    assert torch.equal(out[:, :3], every_second)
    assert not out[:, 3:].any()
    assert out.shape == (2, 6, *[(size + 1) // 2] * dims)
