"""Isotropic residual network for signals and images: depth without a change of width or size.

After the stem every block is equal to the next, so that depth changes depth alone and every cost
is linear in it. Depth counts weight layers on the longest path: 2 is stem and head, 4 has one
block, 6 has two; 2 + 2 blocks in all. The block is the basic block of He et al. 2015 ("Deep
residual learning for image recognition", arXiv:1512.03385, sections 3.2 and 3.3), always with
an identity shortcut. `residual=False` is the plain twin: the same layers and parameters without
the shortcuts. The published network, with its three stages, is `cifar_resnet`.

Sizes with the default knobs: 418 + 3,552 blocks parameters; 2,640 + 69,120 blocks
multiply-adds (MACs) a sample.
"""

from torch import Tensor, nn

from .blocks import average_pool, convolution_stem, sequential
from .inputs import check_input_shape, standard_normal
from .knobs import check_depth, checked
from .residual import basic_block
from .weights import initialize

depths: tuple[int, ...] = (2, 4, 8, 16, 32, 64)


@checked
def build(
    depth: int,
    *,
    input_shape: tuple[int, ...] = (1, 40),
    classes: int = 10,
    width: int = 24,
    activation: str = "relu",
    norm: str = "batch",
    init: str = "he",
    init_scale: float | None = None,
    residual: bool = True,
    dropout: float = 0.0,
) -> nn.Module:
    """A network of `depth` weight layers: (batch, *input_shape) to logits (batch, classes).

    Its parts are `stem` (convolution 5 wide with stride 2, norm, activation), `blocks.0` …
    `blocks.{(depth - 2) / 2 - 1}`, `pool` (global average) and `head` (linear).

    - input_shape: (channels, length) of a signal or (channels, height, width) of an image.
    - width: channels of the stem and of every block.
    - activation: relu, leaky_relu, gelu, elu, selu, tanh or sigmoid.
    - norm: none, batch, layer or group, after every convolution. `layer` is over channels and
      positions, `GroupNorm(1, width)`. A convolution has a bias exactly if norm is none.
    - init: default, he, xavier, orthogonal or normal; see `weights.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation.
    - residual: adds the identity around each block.
    - dropout: probability of dropping an element between the two convolutions of a block, as in
      Zagoruyko & Komodakis 2016, section 2.4.
    """
    check_depth("resnet", depth, rule="2n+2", smallest=2, step=2)
    _check_input_shape(input_shape)
    channels, dims = input_shape[0], len(input_shape) - 1
    blocks = (
        basic_block(
            dims,
            width,
            width,
            activation=activation,
            norm=norm,
            dropout=dropout,
            shortcut=nn.Identity() if residual else None,
        )
        for _ in range((depth - 2) // 2)
    )
    network = sequential(
        stem=convolution_stem(
            dims, channels, width, kernel=5, stride=2, activation=activation, norm=norm
        ),
        blocks=nn.Sequential(*blocks),
        pool=average_pool(dims),
        head=nn.Linear(width, classes),
    )
    initialize(network, init=init, init_scale=init_scale)
    return network


def example_input(batch_size: int, *, input_shape: tuple[int, ...] = (1, 40)) -> Tensor:
    """Standard-normal samples (batch_size, *input_shape); see `inputs.standard_normal`."""
    _check_input_shape(input_shape)
    return standard_normal(batch_size, input_shape)


def _check_input_shape(input_shape: tuple[int, ...]) -> None:
    check_input_shape(
        "resnet",
        input_shape,
        ranks=(2, 3),
        takes="signals (channels, length) or images (channels, height, width)",
    )
