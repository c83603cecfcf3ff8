"""Layers that the families share: activations and norms by name, convolutions, pools, the block.

A family is then only its shape. No layer works in place and none is a placeholder: what a knob
switches off is absent, so that memory and operators are those of the network as written. `dims`
is the number of spatial dimensions throughout: 0 for vectors, 1 for signals, 2 for images.
"""

import math
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def batch_norm(channels: int, dims: int) -> nn.Module:
    """Batch normalisation (Ioffe & Szegedy 2015) of (batch, channels, *spatial)."""
    return nn.BatchNorm2d(channels) if dims == 2 else nn.BatchNorm1d(channels)


def layer_norm(channels: int, _dims: int) -> nn.Module:
    """Layer normalisation over channels and positions: `GroupNorm(1, channels)`.

    On vectors it is exactly `nn.LayerNorm(channels)`. On signals and images it has one scale and
    one offset a channel, and so does not depend on their size.
    """
    return nn.GroupNorm(1, channels)


def group_norm(channels: int, _dims: int) -> nn.Module:
    """Group normalisation (Wu & He 2018) in up to 8 equal groups of at least two channels.

    The number of groups is half of gcd(16, channels), and 1 for an odd number of channels: a
    group of one unit would normalise it away.
    """
    return nn.GroupNorm(max(1, math.gcd(16, channels) // 2), channels)


def no_norm(_channels: int, _dims: int) -> None:
    """No normalisation."""


NORMS: dict[str, Callable[[int, int], nn.Module | None]] = {
    "none": no_norm,
    "batch": batch_norm,
    "layer": layer_norm,
    "group": group_norm,
}


def drop(probability: float) -> nn.Module | None:
    """Dropout of single elements (Srivastava et al. 2014); nothing at probability 0."""
    return nn.Dropout(probability) if probability > 0 else None


def sequential(**layers: nn.Module | None) -> nn.Sequential:
    """The given layers in order under their names; those that are None are left out."""
    return nn.Sequential(OrderedDict((k, v) for k, v in layers.items() if v is not None))


def convolution(
    dims: int, channels_in: int, channels_out: int, *, kernel: int, stride: int = 1, norm: str
) -> nn.Module:
    """A convolution with padding kernel // 2; it has a bias exactly if `norm` is none."""
    kind = nn.Conv1d if dims == 1 else nn.Conv2d
    return kind(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=norm == "none")


def convolution_stem(
    dims: int,
    channels_in: int,
    channels_out: int,
    *,
    kernel: int,
    stride: int,
    activation: str,
    norm: str,
) -> nn.Sequential:
    """convolution - norm - activation, the first layer of a convolutional family."""
    return sequential(
        conv=convolution(dims, channels_in, channels_out, kernel=kernel, stride=stride, norm=norm),
        norm=NORMS[norm](channels_out, dims),
        activation=ACTIVATIONS[activation](),
    )


def imagenet_stem(
    channels_in: int, channels_out: int, *, activation: str, norm: str
) -> nn.Sequential:
    """The first layers of ImageNet networks (He et al. 2015, table 1): a quarter of the size.

    convolution 7 wide with stride 2 - norm - activation - max pool 3 wide with stride 2.
    """
    stem = convolution_stem(
        2, channels_in, channels_out, kernel=7, stride=2, activation=activation, norm=norm
    )
    stem.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))
    return stem


def average_pool(dims: int) -> nn.Sequential:
    """Global average pool: (batch, channels, *spatial) to (batch, channels)."""
    pool = nn.AdaptiveAvgPool1d(1) if dims == 1 else nn.AdaptiveAvgPool2d(1)
    return sequential(average=pool, flatten=nn.Flatten())


class Block(nn.Module):
    """`activation(body(x) + shortcut(x))`; without a shortcut, the plain twin of that block.

    The twins hold the same layers under the same names, so weights and hooks fit both.
    """

    def __init__(
        self,
        body: nn.Module,
        *,
        shortcut: nn.Module | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        if self.shortcut is not None:
            out = out + self.shortcut(x)
        if self.activation is not None:
            out = self.activation(out)
        return out
