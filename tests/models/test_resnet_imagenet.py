"""The published sizes of the ImageNet residual networks, and the depths between them."""

import pytest
import torch
from torch import nn

from models import resnet_imagenet
from tests.models.counts import count_flops, count_forward_flops, count_parameters

FLOPS_PER_MAC = 2
FIRST_LAYER_MACS = 118_013_952


@pytest.mark.parametrize(
    ("depth", "parameters", "macs"),
    [
        (18, 11_689_512, 1_814_073_344),
        (34, 21_797_672, 3_663_761_408),
        (50, 25_557_032, 4_089_184_256),
        (101, 44_549_160, 7_801_405_440),
    ],
)
def test_published_sizes(depth: int, parameters: int, macs: int) -> None:
    """Exact counts; He et al. 2015, table 1, rounds multiply-adds to 1.8, 3.6, 3.8 and 7.6 billion
    (a bottleneck block's stride in its first convolution saves some)."""
    forward, both, first = count_flops(resnet_imagenet, depth, batch_size=2)
    assert count_parameters(resnet_imagenet, depth) == parameters
    assert forward == 2 * FLOPS_PER_MAC * macs
    assert first == 2 * FLOPS_PER_MAC * FIRST_LAYER_MACS
    assert both == 3 * forward - first


@pytest.mark.parametrize(
    ("shallow", "deep"),
    [(18, 32), (34, 48), (50, 98), (50, 101), (101, 149), (200, 251)],
)
def test_depth_grows_the_third_stage(shallow: int, deep: int) -> None:
    """Between published depths each block of the third stage adds as many parameters as any other.

    With c = 256 a basic block has 2 x 9 c^2 weights and a bottleneck (4 + 9 + 4) c^2; each channel
    that leaves a convolution has two parameters of its norm.
    """
    basic, bottleneck = 18 * 256**2 + 4 * 256, 17 * 256**2 + 12 * 256
    assert (basic, bottleneck) == (1_180_672, 1_117_184)
    expected = basic * (deep - shallow) / 2 if deep < 50 else bottleneck * (deep - shallow) / 3
    grown = count_parameters(resnet_imagenet, deep) - count_parameters(resnet_imagenet, shallow)
    assert grown == expected


@pytest.mark.parametrize(("depth", "step", "macs"), [(18, 2, 231_211_008), (50, 3, 218_365_952)])
def test_multiply_adds_of_a_block(depth: int, step: int, macs: int) -> None:
    """One of the third stage has 14 x 14 pixels, for each a multiply-add of every weight."""
    assert macs == 14**2 * 256**2 * (18 if depth == 18 else 17)
    flops = [count_forward_flops(resnet_imagenet, d, batch_size=2) for d in (depth, depth + step)]
    assert flops[1] - flops[0] == 2 * FLOPS_PER_MAC * macs


@pytest.mark.parametrize(
    ("depth", "stages"),
    [
        (18, (2, 2, 2, 2)),
        (20, (2, 2, 3, 2)),
        (34, (3, 4, 6, 3)),
        (48, (3, 4, 13, 3)),
        (50, (3, 4, 6, 3)),
        (53, (3, 4, 7, 3)),
        (101, (3, 4, 23, 3)),
        (152, (3, 8, 36, 3)),
        (200, (3, 24, 36, 3)),
    ],
)
def test_shapes_of_the_stages(depth: int, stages: tuple[int, ...]) -> None:
    """Maps of 56, 28, 14 and 7 pixels with 64 to 512 channels, four times that of bottlenecks."""
    expansion = 4 if depth >= 50 else 1
    shapes = []
    with torch.device("meta"):
        network = resnet_imagenet.build(depth)
        for block in network.get_submodule("blocks").children():
            block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
        network(resnet_imagenet.example_input(2))
    expected = []
    for stage, blocks in enumerate(stages):
        expected += [(expansion * 64 * 2**stage, 56 // 2**stage, 56 // 2**stage)] * blocks
    assert shapes == expected


@pytest.mark.parametrize(("depth", "projections"), [(18, 3), (34, 3), (50, 4), (101, 4)])
def test_projections(depth: int, projections: int) -> None:
    """Shortcuts are identities except where the shape changes, which it does once a stage; the
    first stage of basic blocks keeps that of the stem."""
    with torch.device("meta"):
        blocks = resnet_imagenet.build(depth).get_submodule("blocks").children()
        shortcuts = [block.get_submodule("shortcut") for block in blocks]
    assert sum(not isinstance(shortcut, nn.Identity) for shortcut in shortcuts) == projections


def test_stride_of_a_bottleneck() -> None:
    """It is in the convolution 3 wide ("v1.5")."""
    body = resnet_imagenet.build(50, width=2).get_submodule("blocks.3.body")
    strides = {name: m.stride for name, m in body.named_children() if isinstance(m, nn.Conv2d)}
    assert strides == {"conv1": (1, 1), "conv2": (2, 2), "conv3": (1, 1)}
