"""The densely connected network of Huang et al. 2017: each layer sees all before it.

"Densely connected convolutional networks", arXiv:1608.06993, section 3: a dense layer appends
`growth` channels to its input, so that cost is quadratic in the depth of a dense block; between
the blocks a transition (norm, activation, 1 x 1 convolution, average pool) halves the size and
keeps the share `compression` of the channels. Depth counts weight layers.

- `layout="cifar"`: images 3 x 32 x 32, a 3 x 3 convolution, three blocks of n dense layers. With
  `bottleneck` (1 x 1 and 3 x 3 convolution a dense layer) 10 has one a block, 16 has two; 6n + 4 in
  all. Without, 7 has one a block, 10 has two; 3n + 4 in all. The defaults are DenseNet-BC (L, k) =
  (100, 12); `bottleneck=False, compression=1` is the plain DenseNet, (40, 12).
- `layout="imagenet"`: images 3 x 224 x 224, a convolution 7 wide and a max pool, four blocks. 121
  has 6, 12, 24, 16 dense layers, 123 has 6, 12, 25, 16; also published are 169, 201 and 264. Other
  depths add dense layers to the third block of the largest published depth below them: 121 + 2k.
  264 is the paper's name of a network with 265 weight layers (table 1: 6, 12, 64, 48), and both
  depths are that network. Without `bottleneck` the same blocks make 63, 64, …; 63 + k.

What a dense layer appends to is copied: nothing is shared or computed anew to save memory.

Sizes in parameters and multiply-adds (MACs) an image: with the default knobs, depth 100 has 769,162
and 287,929,692; the plain (40, 12) has 1,019,722 and 264,812,928. In the ImageNet layout 121 has
7,978,856 and 2,834,161,664; 169 has 14,149,480 and 3,359,843,328.
"""

import math
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .blocks import ACTIVATIONS, NORMS, average_pool, convolution, drop, imagenet_stem, sequential
from .inputs import check_image_shape, standard_normal
from .knobs import check_depth, check_depth_in, checked_with
from .stages import FourStages, grow_third_stage
from .weights import initialize

depths: tuple[int, ...] = (10, 22, 40, 70, 100)
"""Those of the CIFAR layout, with and without bottleneck."""

BOTTLENECK_WIDTH = 4
"""Channels inside a bottleneck layer for each that it appends (section 3, "Bottleneck layers")."""
PLAIN_STEM_CHANNELS = 16
PUBLISHED: tuple[FourStages, ...] = (
    (6, 12, 24, 16),
    (6, 12, 32, 32),
    (6, 12, 48, 32),
    (6, 12, 64, 48),
)


class Layout(NamedTuple):
    """What a layout has unless a knob says otherwise, and its smallest height and width."""

    input_shape: tuple[int, ...]
    classes: int
    growth: int
    smallest_size: int


# The smallest images of which a pixel is left for every pool.
LAYOUTS = {
    "cifar": Layout((3, 32, 32), classes=10, growth=12, smallest_size=4),
    "imagenet": Layout((3, 224, 224), classes=1000, growth=32, smallest_size=29),
}


class DenseLayer(nn.Module):
    """x: (batch, channels, height, width) to x and then `body(x)`, along the channels."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.body(x)), dim=1)


def normed_convolution(
    channels_in: int,
    channels_out: int,
    *,
    kernel: int,
    activation: str,
    norm: str,
    dropout: float,
) -> nn.Sequential:
    """norm - activation - convolution - dropout, of which the network consists (section 3)."""
    return sequential(
        norm=NORMS[norm](channels_in, 2),
        activation=ACTIVATIONS[activation](),
        conv=convolution(2, channels_in, channels_out, kernel=kernel, norm=norm),
        dropout=drop(dropout),
    )


@checked_with(layout=LAYOUTS)
def build(
    depth: int,
    *,
    layout: str = "cifar",
    input_shape: tuple[int, ...] | None = None,
    classes: int | None = None,
    growth: int | None = None,
    bottleneck: bool = True,
    compression: float = 0.5,
    activation: str = "relu",
    norm: str = "batch",
    init: str = "he",
    init_scale: float | None = None,
    dropout: float = 0.0,
) -> nn.Module:
    """A network of `depth` weight layers: (batch, *input_shape) to logits (batch, classes).

    Its parts are `stem`, `blocks.0` … (dense layers and, between dense blocks, transitions),
    `norm`, `activation`, `pool` (global average) and `head` (linear).

    - layout: cifar or imagenet; it decides the stem, the blocks and what None means below.
    - input_shape: (channels, height, width); None is (3, 32, 32) or (3, 224, 224). Height and width
      are at least 4 (cifar) or 29 (imagenet).
    - classes: None is 10 or 1000.
    - growth: channels that a dense layer appends, the paper's k; None is 12 or 32.
    - bottleneck: a 1 x 1 convolution to 4 growth channels before the 3 x 3 of each dense layer.
    - compression: share of the channels that a transition keeps, rounded down; the paper's theta.
    - activation: relu, leaky_relu, gelu, elu, selu, tanh or sigmoid.
    - norm: none, batch, layer or group, before every activation. `layer` is over channels and
      positions, `GroupNorm(1, channels)`. A convolution has a bias exactly if norm is none.
    - init: default, he, xavier, orthogonal or normal; see `weights.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation.
    - dropout: probability of dropping an element after each convolution but the first.
    """
    layers_per_block = _dense_layers(depth, layout, bottleneck)
    given = LAYOUTS[layout]
    input_shape = _image_shape(layout, input_shape)
    growth = given.growth if growth is None else growth

    if layout == "imagenet":
        channels = 2 * growth
        stem: nn.Module = imagenet_stem(input_shape[0], channels, activation=activation, norm=norm)
    else:
        channels = 2 * growth if bottleneck and compression < 1 else PLAIN_STEM_CHANNELS
        stem = convolution(2, input_shape[0], channels, kernel=3, norm=norm)
    blocks, channels = _blocks(
        layers_per_block,
        channels,
        growth=growth,
        bottleneck=bottleneck,
        compression=compression,
        convolve=partial(normed_convolution, activation=activation, norm=norm, dropout=dropout),
    )
    network = sequential(
        stem=stem,
        blocks=blocks,
        norm=NORMS[norm](channels, 2),
        activation=ACTIVATIONS[activation](),
        pool=average_pool(2),
        head=nn.Linear(channels, given.classes if classes is None else classes),
    )
    initialize(network, init=init, init_scale=init_scale)
    return network


def _blocks(
    layers_per_block: tuple[int, ...],
    channels: int,
    *,
    growth: int,
    bottleneck: bool,
    compression: float,
    convolve: Callable[..., nn.Sequential],
) -> tuple[nn.Sequential, int]:
    """Dense layers and the transitions between dense blocks, and the channels that leave them."""

    def dense_layer(channels_in: int) -> DenseLayer:
        if not bottleneck:
            return DenseLayer(convolve(channels_in, growth, kernel=3))
        inside = BOTTLENECK_WIDTH * growth
        narrow, grow = convolve(channels_in, inside, kernel=1), convolve(inside, growth, kernel=3)
        return DenseLayer(sequential(narrow=narrow, grow=grow))

    blocks: list[nn.Module] = []
    for i, layers in enumerate(layers_per_block):
        if i > 0:
            kept = max(1, int(compression * channels))
            transition = convolve(channels, kept, kernel=1)
            transition.add_module("pool", nn.AvgPool2d(2))
            blocks.append(transition)
            channels = kept
        blocks += (dense_layer(channels + growth * j) for j in range(layers))
        channels += growth * layers
    return nn.Sequential(*blocks), channels


def _dense_layers(depth: int, layout: str, bottleneck: bool) -> tuple[int, ...]:
    """Dense layers of each block; the other layers of `depth` are stem, transitions and head."""
    return (_imagenet_layers if layout == "imagenet" else _cifar_layers)(depth, bottleneck)


def _cifar_layers(depth: int, bottleneck: bool) -> tuple[int, ...]:
    family = "densenet" if bottleneck else "densenet:bottleneck=false"
    step = 6 if bottleneck else 3
    check_depth(family, depth, rule=f"{step}n+4", smallest=step + 4, step=step)
    return ((depth - 4) // step,) * 3


def _imagenet_layers(depth: int, bottleneck: bool) -> tuple[int, ...]:
    if not bottleneck:
        family = "densenet:bottleneck=false,layout=imagenet"
        check_depth(family, depth, rule="63+k", smallest=63)
        return grow_third_stage(PUBLISHED, depth - 5)
    check_depth_in(
        (range(121, sys.maxsize, 2), range(264, 265)),
        "densenet:layout=imagenet",
        depth,
        rule="121+2k or 264",
    )
    return grow_third_stage(PUBLISHED, math.ceil((depth - 5) / 2))


def _image_shape(layout: str, input_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """`input_shape`, or the layout's where it is None, if the layout can take it."""
    if input_shape is None:
        return LAYOUTS[layout].input_shape
    family = "densenet" if layout == "cifar" else f"densenet:layout={layout}"
    check_image_shape(family, input_shape, smallest=LAYOUTS[layout].smallest_size)
    return input_shape


@checked_with(layout=LAYOUTS)
def example_input(
    batch_size: int, *, layout: str = "cifar", input_shape: tuple[int, ...] | None = None
) -> Tensor:
    """Standard-normal images (batch_size, *input_shape); see `inputs.standard_normal`."""
    return standard_normal(batch_size, _image_shape(layout, input_shape))
