"""The plain convolutional networks of Simonyan & Zisserman 2014: depth without shortcuts.

"Very deep convolutional networks for large-scale image recognition", arXiv:1409.1556, table 1:
images 3 x 224 x 224, five stages of 3 x 3 convolutions with 64, 128, 256, 512 and 512 channels, a
max pool after each stage, two hidden layers of 4096 units, linear layer. Depth counts weight
layers, the three linear ones too: 11 has 1, 1, 2, 2, 2 convolutions, 13 has 2, 2, 2, 2, 2, 16 has
2, 2, 3, 3, 3, 19 has 2, 2, 4, 4, 4: the paper's A, B, D and E. From 13 on the last three stages
have n + 1 convolutions each, also beyond the published: 22, 25, …; 3n + 10 in all.

There is no shortcut to switch off, so the family has no knob `residual`. The paper first trained
deep networks from shallow ones, and then found that the initial weights of Glorot & Bengio 2010 do
without that (section 3.1): they are the default here.

Sizes with the default knobs, in parameters and multiply-adds (MACs) an image:
11: 132,863,336 and 7,609,090,048; 13: 133,047,848 and 11,308,466,176; from there each step of 3
adds 5,309,696 and 4,161,798,144, so that 16 has 138,357,544 and 15,470,264,320. With `norm=batch`,
which the paper does not have, a convolution has no bias but scale and offset: one parameter more a
channel than without norm, so that 16 has 138,361,768. (Some libraries keep the biases beside the
norms: one more.)
"""

import sys

from torch import Tensor, nn

from .blocks import ACTIVATIONS, convolution_stem, drop, sequential
from .inputs import check_image_shape, standard_normal
from .knobs import check_depth_in, checked
from .weights import initialize

depths: tuple[int, ...] = (11, 13, 16, 19)

STAGES = 5
SMALLEST_SIZE = 2**STAGES
"""Pixels: each stage halves the size, rounded down."""
HIDDEN_UNITS_PER_CHANNEL = 64
"""Units of a hidden layer for each channel of the first stage: 4096 for 64."""


@checked
def build(
    depth: int,
    *,
    input_shape: tuple[int, ...] = (3, 224, 224),
    classes: int = 1000,
    width: int = 64,
    activation: str = "relu",
    norm: str = "none",
    init: str = "xavier",
    init_scale: float | None = None,
    dropout: float = 0.5,
) -> nn.Module:
    """A network of `depth` weight layers: (batch, *input_shape) to logits (batch, classes).

    Its parts are `blocks.0` … `blocks.{depth - 4}` (one convolution each; the last of a stage has
    the pool), `flatten`, `hidden.0` and `hidden.1` (linear, activation, dropout) and `head`
    (linear).

    - input_shape: (channels, height, width) of 32 x 32 or more; the first hidden layer has a weight
      for each of the pixels that five halvings leave (7 x 7 of 224 x 224).
    - width: channels of the first stage; the others have 2, 4, 8 and 8 times as many, and the
      hidden layers 64 times.
    - activation: relu, leaky_relu, gelu, elu, selu, tanh or sigmoid.
    - norm: none, batch, layer or group, after every convolution. `layer` is over channels and
      positions, `GroupNorm(1, channels)`. A convolution has a bias exactly if norm is none.
    - init: default, he, xavier, orthogonal or normal; see `weights.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation.
    - dropout: probability of dropping a unit of a hidden layer.
    """
    check_depth_in((range(11, 12), range(13, sys.maxsize, 3)), "vgg", depth, rule="11 or 3n+10")
    check_image_shape("vgg", input_shape, smallest=SMALLEST_SIZE)

    def block(i: int) -> nn.Sequential:
        layers = convolution_stem(
            2, channels[i], channels[i + 1], kernel=3, stride=1, activation=activation, norm=norm
        )
        if i + 1 in ends:
            layers.add_module("pool", nn.MaxPool2d(2))
        return layers

    def hidden_layer(features: int) -> nn.Sequential:
        return sequential(
            linear=nn.Linear(features, hidden_units),
            activation=ACTIVATIONS[activation](),
            dropout=drop(dropout),
        )

    stages = _convolutions(depth)
    ends = {sum(stages[: stage + 1]) for stage in range(STAGES)}
    channels = [input_shape[0]] + [
        width * factor
        for factor, convolutions in zip((1, 2, 4, 8, 8), stages, strict=True)
        for _ in range(convolutions)
    ]
    pixels = (input_shape[1] // SMALLEST_SIZE) * (input_shape[2] // SMALLEST_SIZE)
    hidden_units = HIDDEN_UNITS_PER_CHANNEL * width
    network = sequential(
        blocks=nn.Sequential(*map(block, range(sum(stages)))),
        flatten=nn.Flatten(),
        hidden=nn.Sequential(*map(hidden_layer, (channels[-1] * pixels, hidden_units))),
        head=nn.Linear(hidden_units, classes),
    )
    initialize(network, init=init, init_scale=init_scale)
    return network


def _convolutions(depth: int) -> tuple[int, ...]:
    """How many each stage has; the three linear layers are the others of `depth`."""
    if depth == 11:
        return (1, 1, 2, 2, 2)
    later = (depth - 7) // 3
    return (2, 2, later, later, later)


def example_input(batch_size: int, *, input_shape: tuple[int, ...] = (3, 224, 224)) -> Tensor:
    """Standard-normal images (batch_size, *input_shape); see `inputs.standard_normal`."""
    check_image_shape("vgg", input_shape, smallest=SMALLEST_SIZE)
    return standard_normal(batch_size, input_shape)
