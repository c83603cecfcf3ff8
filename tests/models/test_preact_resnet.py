"""The published sizes of the pre-activation network, and its clean identities."""

import pytest
import torch
from torch import nn

from models import cifar_resnet, preact_resnet
from tests.models.counts import count_flops, count_parameters

FLOPS_PER_MAC = 2


@pytest.mark.parametrize("depth", [11, 20, 164, 1001])
def test_closed_forms(depth: int) -> None:
    """Sizes are linear in n = (depth - 2) / 9.

    With 4c channels of r^2 pixels between the blocks of a stage, each block has 17 c^2 weights, a
    multiply-add for each and pixel, and 2 (4c + c + c) parameters of norms.
    """
    n = (depth - 2) // 9
    assert sum(17 * c**2 + 12 * c for c in (16, 32, 64)) == 92_736
    assert sum(17 * c**2 * r**2 for c, r in ((16, 32), (32, 16), (64, 8))) == 13_369_344
    assert count_parameters(preact_resnet, depth) == 92_736 * n + 34_010
    macs = 13_369_344 * n + 3_852_800
    if depth < 100:  # counting FLOPs takes a second or more from there on
        forward, both, first = count_flops(preact_resnet, depth)
        assert forward == FLOPS_PER_MAC * macs
        assert both == 3 * forward - first


@pytest.mark.parametrize(("depth", "millions"), [(164, 1.7), (1001, 10.2)])
def test_published_sizes(depth: int, millions: float) -> None:
    """He et al. 2016, table 4, counts weights, without the norms."""
    with torch.device("meta"):
        network = preact_resnet.build(depth)
    weights = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert round(sum(w.numel() for w in weights) / 1e6, 1) == millions


@pytest.mark.parametrize("depth", [8, 20])
def test_basic_blocks_have_the_sizes_of_the_cifar_resnet(depth: int) -> None:
    """The order of a block's layers changes neither its parameters nor its multiply-adds."""
    knobs = {"bottleneck": False}
    assert count_parameters(preact_resnet, depth, **knobs) == count_parameters(cifar_resnet, depth)
    assert count_flops(preact_resnet, depth, **knobs) == count_flops(cifar_resnet, depth)


@pytest.mark.parametrize("bottleneck", [True, False])
def test_identities_are_clean(bottleneck: bool) -> None:
    """Nothing follows the addition: with zero weights in its last convolution a block with an
    identity shortcut passes any value, negative ones too."""
    torch.manual_seed(0)
    network = preact_resnet.build(20, bottleneck=bottleneck)
    block = network.get_submodule("blocks.1")
    nn.init.zeros_(block.get_parameter("body.conv3.weight" if bottleneck else "body.conv2.weight"))
    h = torch.randn(2, 64 if bottleneck else 16, 8, 8)
    assert torch.equal(block(h), h)


@pytest.mark.parametrize(("bottleneck", "shared"), [(True, [0, 2, 4]), (False, [0])])
def test_blocks_that_share_their_first_activation(bottleneck: bool, shared: list[int]) -> None:
    """The first block, and each with a projection, split after norm and activation (appendix)."""
    network = preact_resnet.build(20 if bottleneck else 14, bottleneck=bottleneck)
    blocks = network.get_submodule("blocks").children()
    assert [i for i, block in enumerate(blocks) if hasattr(block, "split")] == shared


def test_shapes_of_the_stages() -> None:
    """Maps are 32, 16 and 8 pixels wide with 64, 128 and 256 channels, n blocks each."""
    network = preact_resnet.build(20)
    shapes = []
    for block in network.get_submodule("blocks").children():
        block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    network(preact_resnet.example_input(2))
    assert shapes == [(64, 32, 32)] * 2 + [(128, 16, 16)] * 2 + [(256, 8, 8)] * 2
