"""Initialisation: the weights of linear layers and convolutions are drawn anew.

The head is drawn too: the three papers treat every layer alike, and LSUV scales each convolution
and inner product. Biases become zero; norms and embeddings are left alone, and so is what lies
inside `nn.MultiheadAttention`, whose weights are not those of layers. A factor that a network
gives its initial weights, such as GPT-2's for depth, is lost.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...measure.state import left_as_found
from .knobs import check_choice
from .surgery import WeightLayer, weight_layers
from .treatment import Treatment


def _he(weight: Tensor) -> None:
    """Variance 2 / fan_in (He et al. 2015, arXiv:1502.01852, equation 10)."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def _xavier(weight: Tensor) -> None:
    """Variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010, equation 12)."""
    nn.init.xavier_normal_(weight)


def _lecun(weight: Tensor) -> None:
    """Variance 1 / fan_in (LeCun et al. 1998, "Efficient backprop", section 4.6)."""
    nn.init.kaiming_normal_(weight, nonlinearity="linear")


DRAWS: Mapping[str, Callable[[Tensor], None]] = {"he": _he, "xavier": _xavier, "lecun": _lecun}


def initialization(*, scheme: str = "lsuv") -> Treatment:
    """Draws all weights by a scheme: `lsuv`, `he`, `xavier` or `lecun`.

    `lsuv` is layer-sequential unit variance (Mishkin & Matas 2016, arXiv:1511.06422, algorithm 1):
    orthonormal weights, scaled layer by layer so that the output of each has variance 1 on a batch.
    """
    check_choice("scheme", scheme, ("lsuv", *DRAWS))
    if scheme == "lsuv":
        return Treatment(prepare=_layer_sequential_unit_variance)
    return Treatment(prepare=partial(_redrawn, scheme=scheme))


def _redrawn(model: nn.Module, _batch: Tensor, *, scheme: str) -> nn.Module:
    draw(model, DRAWS[scheme])
    return model


@torch.no_grad()
def draw(model: nn.Module, scheme: Callable[[Tensor], Any]) -> list[WeightLayer]:
    """Draws every weight by `scheme` and zeroes the biases, in place; returns the layers.

    Raises:
        ValueError: the network has no linear layer or convolution.
    """
    layers = weight_layers(model, sealed=(nn.MultiheadAttention,))
    if not layers:
        raise ValueError("expected linear layers or convolutions to draw weights for; found none")
    for layer in layers:
        scheme(layer.weight)
        if layer.bias is not None:
            layer.bias.zero_()
    return layers


def _layer_sequential_unit_variance(model: nn.Module, batch: Tensor) -> nn.Module:
    layers = draw(model, nn.init.orthogonal_)
    handles = [layer.register_forward_hook(_UnitVariance()) for layer in layers]
    try:
        with left_as_found(model), torch.no_grad():
            model.train()  # norms use the batch's statistics, as they will
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return model


class _UnitVariance:
    """Divides a layer's weight, and its output with it, by the deviation of the output.

    The layer is linear and has no bias yet, so one division is exact where the paper iterates, and
    one forward pass serves all layers in the order in which they are called. A layer that is called
    again keeps the scale of its first call. An output without variance leaves the weight as drawn.
    """

    def __init__(self) -> None:
        self._done = False

    def __call__(self, layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
        deviation = output.std(correction=0)
        if self._done or not torch.isfinite(deviation) or deviation == 0:
            return None
        self._done = True
        assert isinstance(layer.weight, Tensor)
        layer.weight.div_(deviation)
        return output / deviation
