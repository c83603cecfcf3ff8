"""The residual blocks of convolutional networks and their shortcuts.

A block is what lies between two additions: basic or bottleneck, with the activation after the
addition (He et al. 2015, arXiv:1512.03385) or before the convolutions (He et al. 2016,
arXiv:1603.05027). The family chooses the shortcut, None for the plain twin. `dims` is the number
of spatial dimensions, as in `blocks`.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from .blocks import ACTIVATIONS, NORMS, Block, convolution, drop, sequential

EXPANSION = 4
"""Channels that leave a bottleneck block for each inside it (He et al. 2015, table 1)."""


class ZeroPadShortcut(nn.Module):
    """Shortcut option A of He et al. 2015, section 3.3: subsample and zero-pad, no parameters.

    x: (batch, channels, *spatial) to (batch, channels + extra_channels, *spatial / stride).
    """

    def __init__(self, extra_channels: int, stride: int) -> None:
        super().__init__()
        self.extra_channels = extra_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        spatial = x.dim() - 2
        every_stride: list[slice[None, None, int]] = [slice(None, None, self.stride)] * spatial
        x = x[(slice(None), slice(None), *every_stride)]
        return nn.functional.pad(x, (0, 0) * spatial + (0, self.extra_channels))


def projection(
    dims: int, channels_in: int, channels_out: int, *, stride: int, norm: str
) -> nn.Sequential:
    """Shortcut option B of He et al. 2015, section 3.3: convolution 1 wide - norm."""
    return sequential(
        conv=convolution(dims, channels_in, channels_out, kernel=1, stride=stride, norm=norm),
        norm=NORMS[norm](channels_out, dims),
    )


def basic_block(
    dims: int,
    channels_in: int,
    channels_out: int,
    *,
    stride: int = 1,
    activation: str,
    norm: str,
    dropout: float,
    shortcut: nn.Module | None,
) -> Block:
    """The basic block of He et al. 2015 (figure 5, left): two convolutions 3 wide.

    conv - norm - activation - dropout - conv - norm, plus the shortcut, then the activation.
    The first convolution has the stride.
    """
    return Block(
        sequential(
            conv1=convolution(dims, channels_in, channels_out, kernel=3, stride=stride, norm=norm),
            norm1=NORMS[norm](channels_out, dims),
            activation1=ACTIVATIONS[activation](),
            dropout=drop(dropout),
            conv2=convolution(dims, channels_out, channels_out, kernel=3, norm=norm),
            norm2=NORMS[norm](channels_out, dims),
        ),
        shortcut=shortcut,
        activation=ACTIVATIONS[activation](),
    )


def bottleneck_block(
    dims: int,
    channels_in: int,
    width: int,
    *,
    stride: int = 1,
    activation: str,
    norm: str,
    dropout: float,
    shortcut: nn.Module | None,
) -> Block:
    """The bottleneck block of He et al. 2015 (figure 5, right): convolutions 1, 3 and 1 wide.

    conv - norm - activation - conv - norm - activation - dropout - conv - norm, plus the
    shortcut, then the activation: `channels_in` to `EXPANSION * width` channels. The convolution
    3 wide has the stride ("v1.5"); the paper gives it to the first.
    """
    channels_out = EXPANSION * width
    return Block(
        sequential(
            conv1=convolution(dims, channels_in, width, kernel=1, norm=norm),
            norm1=NORMS[norm](width, dims),
            activation1=ACTIVATIONS[activation](),
            conv2=convolution(dims, width, width, kernel=3, stride=stride, norm=norm),
            norm2=NORMS[norm](width, dims),
            activation2=ACTIVATIONS[activation](),
            dropout=drop(dropout),
            conv3=convolution(dims, width, channels_out, kernel=1, norm=norm),
            norm3=NORMS[norm](channels_out, dims),
        ),
        shortcut=shortcut,
        activation=ACTIVATIONS[activation](),
    )


def preactivation_block(
    dims: int,
    channels_in: int,
    channels: Sequence[int],
    *,
    kernels: Sequence[int],
    stride: int = 1,
    activation: str,
    norm: str,
    dropout: float,
    shortcut: nn.Module | None,
    shared: bool = False,
) -> nn.Module:
    """The pre-activation block of He et al. 2016 (figure 4e): norm - activation - convolution, …

    One such triple for each of `kernels`, to `channels` of the same place, then the addition and
    nothing after it. The first convolution has the stride; dropout precedes the last. If `shared`,
    the first norm and activation come before the paths split, so that the shortcut has them too
    (there, appendix).
    """
    layers: dict[str, nn.Module | None] = {}
    for i, (kernel, channels_out) in enumerate(zip(kernels, channels, strict=True), start=1):
        layers[f"norm{i}"] = NORMS[norm](channels_in, dims)
        layers[f"activation{i}"] = ACTIVATIONS[activation]()
        if i == len(kernels):
            layers["dropout"] = drop(dropout)
        layers[f"conv{i}"] = convolution(
            dims, channels_in, channels_out, kernel=kernel, stride=stride, norm=norm
        )
        channels_in, stride = channels_out, 1
    if not shared:
        return Block(sequential(**layers), shortcut=shortcut)
    before = {name: layers.pop(name) for name in ("norm1", "activation1")}
    return sequential(**before, split=Block(sequential(**layers), shortcut=shortcut))
