"""MobileNetV2: a network of depthwise convolutions whose cost is known in closed form.

Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks", arXiv:1801.04381,
table 2, width 1, images 3 x 224 x 224, 1000 classes. It is no family, since its depth is fixed: it
is here for the counters, most of which stumble over a depthwise convolution in one pass or another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor, nn

INPUT_SHAPE = (3, 224, 224)
CLASSES = 1000
STEM_CHANNELS, LAST_CHANNELS = 32, 1280
KERNEL = 3


class Stage(NamedTuple):
    """A row of the paper's table 2: t, c, n and s; only the first of the blocks has the stride."""

    expansion: int
    channels: int
    blocks: int
    stride: int


STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A convolution without a bias and the batch norm after it, or the linear head.

    Attributes:
        pixels: of its output map; 1 for the head.
    """

    channels_in: int
    channels_out: int
    kernel: int
    pixels: int
    groups: int = 1
    head: bool = False

    @property
    def weights(self) -> int:
        """Each output channel sees the input channels of its group."""
        return self.channels_out * (self.channels_in // self.groups) * self.kernel**2

    @property
    def parameters(self) -> int:
        """A batch norm has a scale and an offset a channel; the head has a bias."""
        return self.weights + self.channels_out * (1 if self.head else 2)

    @property
    def macs(self) -> int:
        """Every weight is used once a pixel of the output."""
        return self.weights * self.pixels


class _Shape(NamedTuple):
    """What distinguishes one inverted residual block from another."""

    channels_in: int
    channels_out: int
    expansion: int
    stride: int


def _shapes() -> Iterator[_Shape]:
    channels_in = STEM_CHANNELS
    for stage in STAGES:
        for i in range(stage.blocks):
            stride = stage.stride if i == 0 else 1
            yield _Shape(channels_in, stage.channels, stage.expansion, stride)
            channels_in = stage.channels


def layers() -> Iterator[Layer]:
    """Every layer with weights, from the first to the last: the closed form of all costs.

    A block of expansion t from c to c' channels on m pixels, s the stride, has weights t c c
    (expansion; none where t is 1) + 9 t c (depthwise) + t c c' (projection), of which the first
    are used m times and the others m / s^2 times.
    """
    side = INPUT_SHAPE[1] // 2
    yield Layer(channels_in=3, channels_out=STEM_CHANNELS, kernel=KERNEL, pixels=side**2)
    for c, c_out, t, stride in _shapes():
        hidden = t * c
        if t > 1:
            yield Layer(channels_in=c, channels_out=hidden, kernel=1, pixels=side**2)
        side //= stride
        pixels = side**2
        depthwise = Layer(channels_in=hidden, channels_out=hidden, kernel=KERNEL, pixels=pixels)
        yield replace(depthwise, groups=hidden)
        yield Layer(channels_in=hidden, channels_out=c_out, kernel=1, pixels=pixels)
    last = STAGES[-1].channels
    yield Layer(channels_in=last, channels_out=LAST_CHANNELS, kernel=1, pixels=side**2)
    yield Layer(channels_in=LAST_CHANNELS, channels_out=CLASSES, kernel=1, pixels=1, head=True)


def build() -> nn.Module:
    """(batch, 3, 224, 224) to logits (batch, 1000)."""
    last = STAGES[-1].channels
    return nn.Sequential(
        *_convolution(3, STEM_CHANNELS, KERNEL, stride=2),
        *(InvertedResidual(shape) for shape in _shapes()),
        *_convolution(last, LAST_CHANNELS, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(LAST_CHANNELS, CLASSES),
    )


def _convolution(
    channels_in: int,
    channels_out: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    linear: bool = False,
) -> list[nn.Module]:
    """convolution - batch norm - ReLU6, or without an activation where `linear`."""
    convolution = nn.Conv2d(
        channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False
    )
    norm = nn.BatchNorm2d(channels_out)
    return [convolution, norm] if linear else [convolution, norm, nn.ReLU6()]


class InvertedResidual(nn.Module):
    """expansion - depthwise convolution - projection, and a shortcut where the shape stays."""

    def __init__(self, shape: _Shape) -> None:
        super().__init__()
        c, c_out, t, stride = shape
        hidden = t * c
        self.body = nn.Sequential(
            *(_convolution(c, hidden, 1) if t > 1 else []),
            *_convolution(hidden, hidden, KERNEL, stride=stride, groups=hidden),
            *_convolution(hidden, c_out, 1, linear=True),
        )
        self.residual = stride == 1 and c == c_out

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return x + out if self.residual else out
