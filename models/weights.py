"""Initial weights by the name of their scheme.

A scheme draws one weight; `initialize` applies it to a whole network, head included. The schemes
take no account of the activation: He's gain is that of ReLU beside any other, and `init_scale`
is the way to another gain.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def _he(weight: Tensor) -> None:
    """Standard deviation sqrt(2 / fan_in) (He et al. 2015, arXiv:1502.01852, equation 10)."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def _xavier(weight: Tensor) -> None:
    """Standard deviation sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 12)."""
    nn.init.xavier_normal_(weight)


def _orthogonal(weight: Tensor) -> None:
    """Orthonormal rows or columns, whichever are fewer (Saxe et al. 2014, arXiv:1312.6120)."""
    nn.init.orthogonal_(weight)


def _normal(weight: Tensor) -> None:
    """Standard deviation 1, so that `init_scale` is the deviation."""
    nn.init.normal_(weight)


def _default(_weight: Tensor) -> None:
    """What PyTorch drew when the layer was built: uniform, variance 1 / (3 fan_in)."""


INITS: dict[str, Callable[[Tensor], None]] = {
    "default": _default,
    "he": _he,
    "xavier": _xavier,
    "orthogonal": _orthogonal,
    "normal": _normal,
}
NORMAL_DEVIATION = 0.01
"""Deviation of `normal` where none is given (Krizhevsky et al. 2012, section 5)."""


@torch.no_grad()
def initialize(network: nn.Module, *, init: str, init_scale: float | None) -> None:
    """Draws the weights of every linear layer and convolution, the head's too, in place.

    `init_scale` multiplies the standard deviation that the scheme gives; for `normal` it is the
    deviation. None means 1, and `NORMAL_DEVIATION` for `normal`. Biases become zero, except under
    `default`, which keeps PyTorch's. Norms keep scale 1 and offset 0. The draws come from
    PyTorch's global generator, as those of any layer; on the meta device nothing is drawn.
    """
    if init_scale is None:
        init_scale = NORMAL_DEVIATION if init == "normal" else 1.0
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            INITS[init](layer.weight)
            layer.weight.mul_(init_scale)
            if init != "default" and layer.bias is not None:
                layer.bias.zero_()
