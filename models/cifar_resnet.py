"""The CIFAR-10 residual network of He et al. 2015, as published.

"Deep residual learning for image recognition", arXiv:1512.03385, section 4.2: images 3 x 32 x 32,
a 3 x 3 convolution, three stages of n basic blocks on maps of 32, 16 and 8 pixels with 16, 32 and
64 channels, global average pool, linear layer. Depth counts weight layers: 8 has one block a
stage, 14 has two, 20 has three; 6n + 2 in all. Shortcuts are identities, between stages option A
(subsample and zero-pad): none has parameters, and the plain twin (`residual=False`) has exactly
as many.

Sizes with the default knobs: 97,216 n - 21,926 parameters and 14,155,776 n - 1,916,288
multiply-adds (MACs) an image: depth 20: 269,722 and 40,551,040; 56: 853,018 and 125,485,696;
110: 1,727,962 and 252,887,680.
"""

from torch import Tensor, nn

from .blocks import Block, average_pool, convolution_stem, sequential
from .inputs import standard_normal
from .knobs import check_depth, checked
from .residual import ZeroPadShortcut, basic_block
from .weights import initialize

depths: tuple[int, ...] = (8, 14, 20, 32, 44, 56, 110)


@checked
def build(
    depth: int,
    *,
    classes: int = 10,
    width: int = 16,
    activation: str = "relu",
    norm: str = "batch",
    init: str = "he",
    init_scale: float | None = None,
    residual: bool = True,
    dropout: float = 0.0,
) -> nn.Module:
    """A network of `depth` weight layers: (batch, 3, 32, 32) to logits (batch, classes).

    Its parts are `stem`, `blocks.0` … `blocks.{3n - 1}` (the stages begin at 0, n and 2n), `pool`
    (global average) and `head` (linear).

    - width: channels of the first stage; the others have twice and four times as many.
    - activation: relu, leaky_relu, gelu, elu, selu, tanh or sigmoid.
    - norm: none, batch, layer or group, after every convolution. `layer` is over channels and
      positions, `GroupNorm(1, channels)`. A convolution has a bias exactly if norm is none.
    - init: default, he, xavier, orthogonal or normal; see `weights.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation.
    - residual: adds the shortcut around each block.
    - dropout: probability of dropping an element between the two convolutions of a block, as in
      Zagoruyko & Komodakis 2016, section 2.4.
    """
    check_depth("cifar_resnet", depth, rule="6n+2", smallest=8, step=6)

    def block(channels_in: int, channels_out: int) -> Block:
        stride = channels_out // channels_in
        same_shape = stride == 1
        shortcut = nn.Identity() if same_shape else ZeroPadShortcut(channels_in, stride)
        return basic_block(
            2,
            channels_in,
            channels_out,
            stride=stride,
            activation=activation,
            norm=norm,
            dropout=dropout,
            shortcut=shortcut if residual else None,
        )

    blocks_per_stage = (depth - 2) // 6
    channels = [width] + [c for c in (width, 2 * width, 4 * width) for _ in range(blocks_per_stage)]
    blocks = (block(channels[i], channels[i + 1]) for i in range(3 * blocks_per_stage))
    network = sequential(
        stem=convolution_stem(2, 3, width, kernel=3, stride=1, activation=activation, norm=norm),
        blocks=nn.Sequential(*blocks),
        pool=average_pool(2),
        head=nn.Linear(4 * width, classes),
    )
    initialize(network, init=init, init_scale=init_scale)
    return network


def example_input(batch_size: int) -> Tensor:
    """Standard-normal images (batch_size, 3, 32, 32); see `inputs.standard_normal`."""
    return standard_normal(batch_size, (3, 32, 32))
