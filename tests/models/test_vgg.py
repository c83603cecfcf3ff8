"""The published sizes of the plain convolutional networks."""

import pytest
import torch
from torch import nn

from models import vgg
from tests.models.counts import count_flops, count_forward_flops, count_parameters

FLOPS_PER_MAC = 2


@pytest.mark.parametrize(
    ("depth", "parameters", "macs"),
    [
        (11, 132_863_336, 7_609_090_048),
        (16, 138_357_544, 15_470_264_320),
    ],
)
def test_published_sizes(depth: int, parameters: int, macs: int) -> None:
    """Exact counts; Simonyan & Zisserman 2014, table 2, rounds to 133 and 138 million."""
    forward, both, first = count_flops(vgg, depth)
    assert count_parameters(vgg, depth) == parameters
    assert forward == FLOPS_PER_MAC * macs
    assert both == 3 * forward - first


@pytest.mark.parametrize(("depth", "millions"), [(11, 133), (13, 133), (16, 138), (19, 144)])
def test_published_table(depth: int, millions: int) -> None:
    """Table 2: parameters in millions of networks A, B, D and E."""
    assert round(count_parameters(vgg, depth) / 1e6) == millions


@pytest.mark.parametrize("depth", [13, 16, 19, 22, 52])
def test_closed_forms(depth: int) -> None:
    """From 13 on each step of 3 adds one convolution to each of the last three stages.

    A convolution of c channels has 9 c^2 weights and c biases, and 9 c^2 multiply-adds a pixel.
    """
    n = (depth - 13) // 3
    assert sum(9 * c**2 + c for c in (256, 512, 512)) == 5_309_696
    assert sum(9 * c**2 * r**2 for c, r in ((256, 56), (512, 28), (512, 14))) == 4_161_798_144
    assert count_parameters(vgg, depth) == 133_047_848 + 5_309_696 * n
    assert count_forward_flops(vgg, depth) == FLOPS_PER_MAC * (11_308_466_176 + 4_161_798_144 * n)


@pytest.mark.parametrize(
    ("depth", "stages"),
    [
        (11, (1, 1, 2, 2, 2)),
        (13, (2, 2, 2, 2, 2)),
        (16, (2, 2, 3, 3, 3)),
        (19, (2, 2, 4, 4, 4)),
        (22, (2, 2, 5, 5, 5)),
    ],
)
def test_shapes_of_the_stages(depth: int, stages: tuple[int, ...]) -> None:
    """One block a convolution; the last of a stage halves the size."""
    shapes = []
    with torch.device("meta"):
        network = vgg.build(depth)
        for block in network.get_submodule("blocks").children():
            block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
        network(vgg.example_input(2))
    expected = []
    for stage, convolutions in enumerate(stages):
        channels, size = min(512, 64 * 2**stage), 224 // 2**stage
        expected += [(channels, size, size)] * (convolutions - 1)
        expected.append((channels, size // 2, size // 2))
    assert shapes == expected


@pytest.mark.parametrize(("size", "pixels"), [(32, 1), (63, 1), (64, 4), (224, 49)])
def test_first_hidden_layer_sees_every_pixel(size: int, pixels: int) -> None:
    """It has a weight for each channel of each pixel that five halvings leave."""
    with torch.device("meta"):
        hidden = vgg.build(11, input_shape=(3, size, size)).get_submodule("hidden.0.linear")
    assert isinstance(hidden, nn.Linear)
    assert (hidden.in_features, hidden.out_features) == (512 * pixels, 4096)
