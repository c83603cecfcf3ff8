"""Normalisation: a norm behind every linear layer and convolution that has none.

A layer has one if, in the order of calls, a norm comes next before or after it, with no other such
layer between: so the pre-activation and the pre-norm block count as normalised. The last layer to
be called is the head and stays as it is. The weights are not drawn anew.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from .knobs import check_choice
from .surgery import Call, calls, norms, replaced, weight_layers
from .treatment import Treatment


def _batch_norm(layer: nn.Module, channels: int) -> nn.Module:
    """Ioffe & Szegedy 2015, arXiv:1502.03167, between weights and activation (section 3.2)."""
    if isinstance(layer, nn.Conv3d):
        return nn.BatchNorm3d(channels)
    return nn.BatchNorm2d(channels) if isinstance(layer, nn.Conv2d) else nn.BatchNorm1d(channels)


def _layer_norm(_layer: nn.Module, channels: int) -> nn.Module:
    """Ba et al. 2016, arXiv:1607.06450, over channels and positions."""
    return nn.GroupNorm(1, channels)


KINDS: Mapping[str, Callable[[nn.Module, int], nn.Module]] = {
    "batch": _batch_norm,
    "layer": _layer_norm,
}


def normalization(*, kind: str = "batch") -> Treatment:
    """Puts a norm behind every layer but the last that has none.

    - kind: batch or layer. A linear layer on tokens, with an output (batch, …, features) of three
      or more dimensions, always gets `nn.LayerNorm(features)`: a batch norm would take the tokens
      for channels.
    """
    check_choice("kind", kind, KINDS)
    return Treatment(prepare=partial(_normalize, kind=kind))


def _normalize(model: nn.Module, batch: Tensor, *, kind: str) -> nn.Module:
    found = calls(model, batch, [*weight_layers(model), *norms(model)])
    bare = _without_norm(found, set(norms(model)))
    if not bare:
        raise ValueError(
            "expected a linear layer or convolution without a norm before the last one; "
            "found none: the network has norms everywhere, or nothing that could have one"
        )
    new = {call.module: nn.Sequential(call.module, _norm_for(call, kind)) for call in bare}
    return replaced(model, batch, new, remedy=f"{kind} normalization")


def _without_norm(found: list[Call], norm_layers: set[nn.Module]) -> list[Call]:
    """The first calls of those weight layers that have no norm beside them and are not the last."""
    first: dict[nn.Module, Call] = {}
    for call in found:
        first.setdefault(call.module, call)
    order = [call.module for call in found]
    beside_norm = {a for pair in pairwise(order) for a, b in (pair, pair[::-1]) if b in norm_layers}
    last = [module for module in order if module not in norm_layers][-1:]
    left = norm_layers | beside_norm | set(last)
    return [call for module, call in first.items() if module not in left]


def _norm_for(call: Call, kind: str) -> nn.Module:
    """A norm for the layer's output, on the device and in the dtype of its weight."""
    layer, output = call.module, call.output
    if isinstance(layer, nn.Linear) and output.ndim > 2:
        norm: nn.Module = nn.LayerNorm(output.shape[-1])
    else:
        norm = KINDS[kind](layer, output.shape[1])
    weight = next(layer.parameters())
    return norm.to(weight.device, weight.dtype)
