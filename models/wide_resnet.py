"""The wide residual network of Zagoruyko & Komodakis 2016: width instead of depth.

"Wide residual networks", arXiv:1605.07146, table 1: images 3 x 32 x 32, a 3 x 3 convolution with 16
channels, three stages of n pre-activation basic blocks on maps of 32, 16 and 8 pixels with 16, 32
and 64 times `widen` channels, norm, activation, global average pool, linear layer. Depth counts
convolutions, those of the three projection shortcuts too and the linear layer not, as the paper
does: 10 has one block a stage, 16 has two, 22 has three; 6n + 4 in all. WRN-28-10 is depth 28 with
`widen=10`.

A block that changes the number of channels has its first norm and activation before the paths
split, and a projection as its shortcut; the others have identities. With `widen=1` the first stage
has no projection.

Sizes with the default knobs: 9,681,280 n - 2,245,926 parameters and 1,415,577,600 n - 418,981,632
multiply-adds (MACs) an image: depth 28: 36,479,194 and 5,243,328,768.
"""

from torch import Tensor, nn

from .blocks import ACTIVATIONS, NORMS, average_pool, convolution, sequential
from .inputs import check_image_shape, standard_normal
from .knobs import check_depth, checked
from .residual import preactivation_block
from .stages import BlockShape, block_shapes
from .weights import initialize

depths: tuple[int, ...] = (10, 16, 22, 28, 40)

STEM_CHANNELS = 16


@checked
def build(
    depth: int,
    *,
    input_shape: tuple[int, ...] = (3, 32, 32),
    classes: int = 10,
    widen: int = 10,
    activation: str = "relu",
    norm: str = "batch",
    init: str = "he",
    init_scale: float | None = None,
    residual: bool = True,
    dropout: float = 0.0,
) -> nn.Module:
    """A network of `depth` convolutions: (batch, *input_shape) to logits (batch, classes).

    Its parts are `stem` (convolution), `blocks.0` … `blocks.{3n - 1}` (the stages begin at 0, n
    and 2n), `norm`, `activation`, `pool` (global average) and `head` (linear).

    - input_shape: (channels, height, width); every size works, and none changes the weights.
    - widen: the stages have 16, 32 and 64 times as many channels; the paper's k.
    - activation: relu, leaky_relu, gelu, elu, selu, tanh or sigmoid.
    - norm: none, batch, layer or group, before every activation. `layer` is over channels and
      positions, `GroupNorm(1, channels)`. A convolution has a bias exactly if norm is none.
    - init: default, he, xavier, orthogonal or normal; see `weights.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation.
    - residual: adds the shortcut around each block; without it the projections are absent.
    - dropout: probability of dropping an element between the two convolutions of a block
      (section 2.4).
    """
    check_depth("wide_resnet", depth, rule="6n+4", smallest=10, step=6)
    check_image_shape("wide_resnet", input_shape)

    def block(shape: BlockShape) -> nn.Module:
        return preactivation_block(
            2,
            shape.channels_in,
            (shape.channels_out, shape.channels_out),
            kernels=(3, 3),
            stride=shape.stride,
            activation=activation,
            norm=norm,
            dropout=dropout,
            shortcut=_shortcut(shape, norm) if residual else None,
            shared=not shape.keeps_channels,
        )

    shapes = block_shapes(
        [(depth - 4) // 6] * 3, channels_in=STEM_CHANNELS, width=STEM_CHANNELS * widen
    )
    network = sequential(
        stem=convolution(2, input_shape[0], STEM_CHANNELS, kernel=3, norm=norm),
        blocks=nn.Sequential(*map(block, shapes)),
        norm=NORMS[norm](shapes[-1].channels_out, 2),
        activation=ACTIVATIONS[activation](),
        pool=average_pool(2),
        head=nn.Linear(shapes[-1].channels_out, classes),
    )
    initialize(network, init=init, init_scale=init_scale)
    return network


def _shortcut(shape: BlockShape, norm: str) -> nn.Module:
    if shape.keeps_channels:
        return nn.Identity()
    return convolution(
        2, shape.channels_in, shape.channels_out, kernel=1, stride=shape.stride, norm=norm
    )


def example_input(batch_size: int, *, input_shape: tuple[int, ...] = (3, 32, 32)) -> Tensor:
    """Standard-normal images (batch_size, *input_shape); see `inputs.standard_normal`."""
    check_image_shape("wide_resnet", input_shape)
    return standard_normal(batch_size, input_shape)
