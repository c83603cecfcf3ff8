"""Multilayer perceptron: the family in which nothing but depth can help.

Depth counts weight layers: 1 is logistic regression, 2 has one hidden layer, 3 has two. A hidden
layer is linear - norm - activation - dropout; the last layer is linear. This is the network on
which the trouble with depth was first measured (Glorot & Bengio 2010, "Understanding the
difficulty of training deep feedforward neural networks", section 2.3), there with one to five
hidden layers.

Sizes with the default knobs: 410 parameters at depth 1, 5,110 + 10,100 (depth - 2) from depth 2
on; each weight is one multiply-add (MAC) a sample.
"""

import math
import sys

from torch import Tensor, nn

from .blocks import ACTIVATIONS, NORMS, Block, drop, sequential
from .inputs import check_input_shape, standard_normal
from .knobs import check_depth, checked
from .weights import initialize

depths: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)


@checked
def build(
    depth: int,
    *,
    input_shape: tuple[int, ...] = (1, 40),
    classes: int = 10,
    width: int = 100,
    activation: str = "relu",
    norm: str = "none",
    init: str = "default",
    init_scale: float | None = None,
    residual: bool = False,
    dropout: float = 0.0,
) -> nn.Module:
    """A perceptron of `depth` weight layers: (batch, *input_shape) to logits (batch, classes).

    Its parts are `flatten`, `blocks.0` … `blocks.{depth - 2}` (the hidden layers) and `head`.

    - input_shape: sizes of one sample; it is flattened.
    - width: units of each hidden layer.
    - activation: relu, leaky_relu, gelu, elu, selu, tanh or sigmoid.
    - norm: none, batch, layer or group, between a hidden layer's weights and its activation.
    - init: default, he, xavier, orthogonal or normal; see `weights.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation.
    - residual: adds the identity around each hidden layer from the second on.
    - dropout: probability of dropping a hidden unit.
    """
    check_depth("mlp", depth, rule="an integer of at least 1", smallest=1)
    _check_input_shape(input_shape)
    features = [math.prod(input_shape)] + [width] * (depth - 1)
    hidden_layers = (
        Block(
            sequential(
                linear=nn.Linear(features[i], width),
                norm=NORMS[norm](width, 0),
                activation=ACTIVATIONS[activation](),
                dropout=drop(dropout),
            ),
            shortcut=nn.Identity() if residual and i > 0 else None,
        )
        for i in range(depth - 1)
    )
    network = sequential(
        flatten=nn.Flatten(),
        blocks=nn.Sequential(*hidden_layers),
        head=nn.Linear(features[-1], classes),
    )
    initialize(network, init=init, init_scale=init_scale)
    return network


def example_input(batch_size: int, *, input_shape: tuple[int, ...] = (1, 40)) -> Tensor:
    """Standard-normal samples (batch_size, *input_shape); see `inputs.standard_normal`."""
    _check_input_shape(input_shape)
    return standard_normal(batch_size, input_shape)


def _check_input_shape(input_shape: tuple[int, ...]) -> None:
    check_input_shape(
        "mlp",
        input_shape,
        ranks=range(1, sys.maxsize),
        takes="samples of one or more dimensions, such as (features,) or (channels, length)",
    )
