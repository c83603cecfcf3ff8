"""The ImageNet residual networks of He et al. 2015, and the depths between and beyond them.

"Deep residual learning for image recognition", arXiv:1512.03385, table 1: images 3 x 224 x 224,
a convolution 7 wide and a max pool, four stages on maps of 56, 28, 14 and 7 pixels, global average
pool, linear layer. Depth counts weight layers on the longest path. Below 50 a block is basic, two
layers: 18 has 2, 2, 2, 2 blocks, 20 has 2, 2, 3, 2, 34 has 3, 4, 6, 3. From 50 on it is a
bottleneck, three layers: 50 has 3, 4, 6, 3 blocks, 53 has 3, 4, 7, 3, 101 has 3, 4, 23, 3.
Published are 18, 34, 50, 101, 152 and, with 3, 24, 36, 3 blocks, 200 (He et al. 2016,
arXiv:1603.05027, there with pre-activation). Other depths add blocks to the third stage of the
largest published depth below them: 18 + 2k up to 48, 50 + 3k from 50 on.

Shortcuts that change the shape are projections, option B; the others are identities. A bottleneck
block has its stride in the convolution 3 wide ("v1.5", as those who publish weights have it): the
paper's own, with the stride in the first, has as many parameters and fewer multiply-adds.

Sizes with the default knobs, in parameters and multiply-adds (MACs) an image:
18: 11,689,512 and 1,814,073,344; 34: 21,797,672 and 3,663,761,408; 50: 25,557,032 and
4,089,184,256; 101: 44,549,160 and 7,801,405,440. A block more in the third stage adds 1,180,672
and 231,211,008 if it is basic, 1,117,184 and 218,365,952 if it is a bottleneck.
"""

import sys

from torch import Tensor, nn

from .blocks import Block, average_pool, imagenet_stem, sequential
from .inputs import check_image_shape, standard_normal
from .knobs import check_depth_in, checked
from .residual import EXPANSION, basic_block, bottleneck_block, projection
from .stages import BlockShape, FourStages, block_shapes, grow_third_stage
from .weights import initialize

depths: tuple[int, ...] = (18, 34, 50, 101, 152, 200)

SMALLEST_BOTTLENECK = 50
BASIC_STAGES: tuple[FourStages, ...] = ((2, 2, 2, 2), (3, 4, 6, 3))
BOTTLENECK_STAGES: tuple[FourStages, ...] = (
    (3, 4, 6, 3),
    (3, 4, 23, 3),
    (3, 8, 36, 3),
    (3, 24, 36, 3),
)


@checked
def build(
    depth: int,
    *,
    input_shape: tuple[int, ...] = (3, 224, 224),
    classes: int = 1000,
    width: int = 64,
    activation: str = "relu",
    norm: str = "batch",
    init: str = "he",
    init_scale: float | None = None,
    residual: bool = True,
    dropout: float = 0.0,
) -> nn.Module:
    """A network of `depth` weight layers: (batch, *input_shape) to logits (batch, classes).

    Its parts are `stem` (convolution, norm, activation, max pool), `blocks.0` …, `pool` (global
    average) and `head` (linear).

    - input_shape: (channels, height, width); every size works, and none changes the weights.
    - width: channels of the stem and inside the blocks of the first stage; in each later stage
      twice as many. Four times as many leave a bottleneck block.
    - activation: relu, leaky_relu, gelu, elu, selu, tanh or sigmoid.
    - norm: none, batch, layer or group, after every convolution. `layer` is over channels and
      positions, `GroupNorm(1, channels)`. A convolution has a bias exactly if norm is none.
    - init: default, he, xavier, orthogonal or normal; see `weights.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation.
    - residual: adds the shortcut around each block; without it the projections are absent, as in
      the plain networks of the paper's table 2.
    - dropout: probability of dropping an element before the last convolution of a block.
    """
    check_depth_in(
        (range(18, SMALLEST_BOTTLENECK, 2), range(SMALLEST_BOTTLENECK, sys.maxsize, 3)),
        "resnet_imagenet",
        depth,
        rule="18+2k up to 48 or 50+3k",
    )
    check_image_shape("resnet_imagenet", input_shape)
    bottleneck = depth >= SMALLEST_BOTTLENECK

    def block(shape: BlockShape) -> Block:
        kind = bottleneck_block if bottleneck else basic_block
        return kind(
            2,
            shape.channels_in,
            shape.width,
            stride=shape.stride,
            activation=activation,
            norm=norm,
            dropout=dropout,
            shortcut=_shortcut(shape, norm) if residual else None,
        )

    shapes = block_shapes(
        _stages(depth),
        channels_in=width,
        width=width,
        expansion=EXPANSION if bottleneck else 1,
    )
    network = sequential(
        stem=imagenet_stem(input_shape[0], width, activation=activation, norm=norm),
        blocks=nn.Sequential(*map(block, shapes)),
        pool=average_pool(2),
        head=nn.Linear(shapes[-1].channels_out, classes),
    )
    initialize(network, init=init, init_scale=init_scale)
    return network


def _stages(depth: int) -> FourStages:
    """Blocks a stage; stem and head are the two layers outside them."""
    if depth < SMALLEST_BOTTLENECK:
        return grow_third_stage(BASIC_STAGES, (depth - 2) // 2)
    return grow_third_stage(BOTTLENECK_STAGES, (depth - 2) // 3)


def _shortcut(shape: BlockShape, norm: str) -> nn.Module:
    if shape.keeps_channels:
        return nn.Identity()
    return projection(2, shape.channels_in, shape.channels_out, stride=shape.stride, norm=norm)


def example_input(batch_size: int, *, input_shape: tuple[int, ...] = (3, 224, 224)) -> Tensor:
    """Standard-normal images (batch_size, *input_shape); see `inputs.standard_normal`."""
    check_image_shape("resnet_imagenet", input_shape)
    return standard_normal(batch_size, input_shape)
