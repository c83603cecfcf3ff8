"""The pre-activation residual network of He et al. 2016 for CIFAR: clean identities throughout.

"Identity mappings in deep residual networks", arXiv:1603.05027, figure 4e and section 4: norm and
activation come before each convolution, so that nothing stands on the path from addition to
addition, and a thousand layers train. Images 3 x 32 x 32, a 3 x 3 convolution, three stages of n
blocks on maps of 32, 16 and 8 pixels, norm, activation, global average pool, linear layer. Depth
counts weight layers on the longest path. With bottleneck blocks (1 x 1, 3 x 3, 1 x 1) 11 has one
block a stage, 20 has two; 9n + 2 in all: 164 and 1001 of table 4. With basic blocks
(`bottleneck=False`) 8 has one block a stage, 14 has two; 6n + 2 in all: 110 of table 2.

As in the appendix, the first block's first norm and activation come before the paths split, and
where a bottleneck block changes the shape, its shortcut is a projection after norm and activation.
Basic blocks change the shape by option A (subsample and zero-pad), which has no parameters. The
first convolution of a block has the stride, as in He et al. 2015.

Sizes with the default knobs: 92,736 n + 34,010 parameters and 13,369,344 n + 3,852,800
multiply-adds (MACs) an image: depth 164: 1,703,258 and 244,500,992; 1001: 10,327,706 and
1,487,849,984 (the paper's 10.2 million leave out the norms). With basic blocks they are those of
`cifar_resnet`: 110 has 1,727,962 and 252,887,680.
"""

from torch import Tensor, nn

from .blocks import ACTIVATIONS, NORMS, average_pool, convolution, sequential
from .inputs import check_image_shape, standard_normal
from .knobs import check_depth, checked
from .residual import EXPANSION, ZeroPadShortcut, preactivation_block
from .stages import BlockShape, block_shapes
from .weights import initialize

depths: tuple[int, ...] = (20, 38, 56, 110, 164)
"""Those that both kinds of block can have; 1001 is the paper's deepest."""


@checked
def build(
    depth: int,
    *,
    input_shape: tuple[int, ...] = (3, 32, 32),
    classes: int = 10,
    width: int = 16,
    bottleneck: bool = True,
    activation: str = "relu",
    norm: str = "batch",
    init: str = "he",
    init_scale: float | None = None,
    residual: bool = True,
    dropout: float = 0.0,
) -> nn.Module:
    """A network of `depth` weight layers: (batch, *input_shape) to logits (batch, classes).

    Its parts are `stem` (convolution), `blocks.0` … `blocks.{3n - 1}` (the stages begin at 0, n
    and 2n), `norm`, `activation`, `pool` (global average) and `head` (linear).

    - input_shape: (channels, height, width); every size works, and none changes the weights.
    - width: channels of the stem and inside the blocks of the first stage; the others have twice
      and four times as many. Four times as many leave a bottleneck block.
    - bottleneck: three convolutions a block (1 x 1, 3 x 3, 1 x 1), or two (3 x 3).
    - activation: relu, leaky_relu, gelu, elu, selu, tanh or sigmoid.
    - norm: none, batch, layer or group, before every activation. `layer` is over channels and
      positions, `GroupNorm(1, channels)`. A convolution has a bias exactly if norm is none.
    - init: default, he, xavier, orthogonal or normal; see `weights.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation.
    - residual: adds the shortcut around each block; without it the projections are absent.
    - dropout: probability of dropping an element before the last convolution of a block.
    """
    _check_depth(depth, bottleneck)
    check_image_shape("preact_resnet", input_shape)
    kernels = (1, 3, 1) if bottleneck else (3, 3)
    shapes = block_shapes(
        [(depth - 2) // (3 * len(kernels))] * 3,
        channels_in=width,
        width=width,
        expansion=EXPANSION if bottleneck else 1,
    )

    def block(i: int) -> nn.Module:
        shape = shapes[i]
        return preactivation_block(
            2,
            shape.channels_in,
            (*(shape.width for _ in kernels[1:]), shape.channels_out),
            kernels=kernels,
            stride=shape.stride,
            activation=activation,
            norm=norm,
            dropout=dropout,
            shortcut=_shortcut(shape, bottleneck, norm) if residual else None,
            shared=i == 0 or (bottleneck and not shape.keeps_channels),
        )

    network = sequential(
        stem=convolution(2, input_shape[0], width, kernel=3, norm=norm),
        blocks=nn.Sequential(*map(block, range(len(shapes)))),
        norm=NORMS[norm](shapes[-1].channels_out, 2),
        activation=ACTIVATIONS[activation](),
        pool=average_pool(2),
        head=nn.Linear(shapes[-1].channels_out, classes),
    )
    initialize(network, init=init, init_scale=init_scale)
    return network


def _check_depth(depth: int, bottleneck: bool) -> None:
    if bottleneck:
        check_depth("preact_resnet", depth, rule="9n+2", smallest=11, step=9)
    else:
        check_depth("preact_resnet:bottleneck=false", depth, rule="6n+2", smallest=8, step=6)


def _shortcut(shape: BlockShape, bottleneck: bool, norm: str) -> nn.Module:
    channels_in, _, channels_out, stride = shape
    if shape.keeps_channels:
        return nn.Identity()
    if bottleneck:
        return convolution(2, channels_in, channels_out, kernel=1, stride=stride, norm=norm)
    return ZeroPadShortcut(channels_out - channels_in, stride)


def example_input(batch_size: int, *, input_shape: tuple[int, ...] = (3, 32, 32)) -> Tensor:
    """Standard-normal images (batch_size, *input_shape); see `inputs.standard_normal`."""
    check_image_shape("preact_resnet", input_shape)
    return standard_normal(batch_size, input_shape)
