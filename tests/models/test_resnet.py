"""The isotropic residual network."""

import pytest
import torch

from models import resnet
from tests.models.counts import count_forward_flops, count_parameters


@pytest.mark.parametrize("depth", resnet.depths)
def test_closed_forms(depth: int) -> None:
    """Parameters and multiply-adds are linear in the number of blocks."""
    blocks = (depth - 2) // 2
    assert count_parameters(resnet, depth) == 418 + 3_552 * blocks
    assert count_forward_flops(resnet, depth) == 2 * (2_640 + 69_120 * blocks)


@pytest.mark.parametrize("input_shape", [(1, 40), (2, 1), (3, 28, 28), (1, 5, 9)])
def test_blocks_keep_the_shape_of_the_stem(input_shape: tuple[int, ...]) -> None:
    """The stem halves each size, rounded up; all blocks work at that size and width."""
    network = resnet.build(6, input_shape=input_shape, width=6).eval()
    shapes = []
    for layer in (network.get_submodule("stem"), *network.get_submodule("blocks").children()):
        layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape)))
    x = resnet.example_input(2, input_shape=input_shape)
    assert network(x).shape == (2, 10)
    assert shapes == [(2, 6, *((size + 1) // 2 for size in input_shape[1:]))] * 3


def test_convolutions_have_a_bias_only_without_norm() -> None:
    """A norm's offset replaces the bias of the convolution before it."""
    for norm, has_bias in (("none", True), ("batch", False), ("layer", False), ("group", False)):
        names = dict(resnet.build(4, norm=norm).named_parameters())
        assert ("stem.conv.bias" in names) is has_bias
        assert ("blocks.0.body.conv2.bias" in names) is has_bias


def test_residual_block_with_zero_weights_is_the_identity() -> None:
    """What is left of a block without weights is its shortcut; the plain twin passes nothing."""
    torch.manual_seed(0)
    h = torch.rand(2, 24, 20)
    for residual in (True, False):
        block = resnet.build(4, residual=residual, norm="none").get_submodule("blocks.0")
        for parameter in block.parameters():
            torch.nn.init.zeros_(parameter)
        assert torch.equal(block(h), h if residual else torch.zeros_like(h))
