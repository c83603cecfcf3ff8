"""The published sizes of the wide residual network."""

import pytest
from torch import nn

from models import wide_resnet
from tests.models.counts import count_flops, count_parameters

FLOPS_PER_MAC = 2


def test_published_size() -> None:
    """WRN-28-10 to the last digit."""
    assert count_parameters(wide_resnet, 28) == 36_479_194


@pytest.mark.parametrize(
    ("depth", "widen", "millions"),
    [(40, 1, 0.6), (40, 2, 2.2), (40, 4, 8.9), (16, 8, 11.0), (28, 10, 36.5)],
)
def test_published_table(depth: int, widen: int, millions: float) -> None:
    """Zagoruyko & Komodakis 2016, tables 3 to 5, round to 0.1 million parameters."""
    assert round(count_parameters(wide_resnet, depth, widen=widen) / 1e6, 1) == millions


@pytest.mark.parametrize("depth", wide_resnet.depths)
def test_closed_forms(depth: int) -> None:
    """Sizes are linear in n = (depth - 4) / 6.

    A block of c channels has 2 x 9 c^2 weights, one multiply-add for each and pixel, and 4c
    parameters of norms.
    """
    n = (depth - 4) // 6
    assert sum(18 * c**2 + 4 * c for c in (160, 320, 640)) == 9_681_280
    assert sum(18 * c**2 * r**2 for c, r in ((160, 32), (320, 16), (640, 8))) == 1_415_577_600
    forward, both, first = count_flops(wide_resnet, depth)
    assert count_parameters(wide_resnet, depth) == 9_681_280 * n - 2_245_926
    assert forward == FLOPS_PER_MAC * (1_415_577_600 * n - 418_981_632)
    assert both == 3 * forward - first


def test_width_costs_its_square() -> None:
    """The weights of all but the layers that touch stem or head grow with the square of `widen`."""

    def inner_weights(widen: int) -> int:
        network = wide_resnet.build(16, widen=widen)
        blocks = list(network.get_submodule("blocks").children())[1:]
        layers = (m for block in blocks for m in block.modules())
        return sum(m.weight.numel() for m in layers if isinstance(m, nn.Conv2d))

    assert inner_weights(4) == 16 * inner_weights(1)
