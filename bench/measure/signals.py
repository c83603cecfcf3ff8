"""How far the signal and its gradient get through a network, layer by layer, in one pass.

Measured where it matters: ∂L/∂h and h of each layer on the path of depth. The norm of a weight's
gradient is no substitute: in a bias-free ReLU net ⟨W_l, ∂L/∂W_l⟩ is the same for every layer, so
that it stays put while ∂L/∂h vanishes. One pass forward and backward in training mode (batch norms
as they train) is all it takes; nothing is trained.

One draw of the weights is one draw of every figure: in a ReLU net of width n the gradient's root
mean square at depth L has a relative spread of about sqrt(L / n) (Hanin & Nica 2018,
arXiv:1812.05994).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from .dead_units import DEAD, SATURATED, Unresponsive, counted, share
from .hidden import hidden_layers, tensor_of, watched
from .passes import call
from .state import left_as_found

Objective = Callable[[Any], Tensor]
"""From a network's output to a scalar."""

# Rows between which cosines are taken: all pairs of so many.
_COSINE_ROWS = 64

# The smallest number that fp32 holds; a root mean square of zero is taken for it in a slope.
_SMALLEST = 1.4e-45


OUTPUT = "the output"
"""Named where all hidden layers are finite and the loss is not."""


@dataclass(frozen=True, kw_only=True)
class LayerSignal:
    """One call of one layer. A root mean square that is not finite stays so.

    Attributes:
        name: of the module; `name#2` is its second call.
        activation_rms, gradient_rms: of h and ∂L/∂h over batch and units; the gradient's is None
            where none arrives.
        cosine: mean over pairs of inputs of the cosine between their h; None for one input.
    """

    name: str
    activation_rms: float
    gradient_rms: float | None
    cosine: float | None


@dataclass(frozen=True, kw_only=True)
class Signals:
    """Every layer on the path of depth, in the order of the forward.

    Attributes:
        first_nonfinite: the first layer whose h is not finite, or `OUTPUT` where only the loss is
            not; else, on the way back, the first whose ∂L/∂h is not.
        activations: units that are dead or saturated, by activation; see `dead_units`.
    """

    layers: tuple[LayerSignal, ...]
    first_nonfinite: str | None
    activations: tuple[Unresponsive, ...]

    @property
    def dead_share(self) -> float | None:
        """Of all units behind a ReLU; None without one."""
        return share(self.activations, DEAD)

    @property
    def saturated_share(self) -> float | None:
        """Of all outputs of bounded activations; None without one."""
        return share(self.activations, SATURATED)

    @property
    def gradient_slope(self) -> float | None:
        """Of ln rms(∂L/∂h) a layer: positive where gradients vanish on the way back."""
        return slope([layer.gradient_rms for layer in self.layers])

    @property
    def activation_slope(self) -> float | None:
        """Of ln rms(h) a layer."""
        return slope([layer.activation_rms for layer in self.layers])

    @property
    def gradient_ratio(self) -> float | None:
        """rms(∂L/∂h) at the first layer over the last; None where it is not a number."""
        if not self.layers:
            return None
        first, last = self.layers[0].gradient_rms, self.layers[-1].gradient_rms
        ratio = first / last if first is not None and last else math.nan
        return ratio if math.isfinite(ratio) else None

    @property
    def last_cosine(self) -> float | None:
        """Between inputs at the last layer."""
        return self.layers[-1].cosine if self.layers else None

    @property
    def depth_scale(self) -> float | None:
        """Layers over which the mean square of ∂L/∂h changes by a factor e, as measured: in a wide
        plain net 1 / |ln χ₁| (Schoenholz et al. 2017, arXiv:1611.01232)."""
        found = self.gradient_slope
        return 1 / abs(2 * found) if found else None


def slope(values: Sequence[float | None]) -> float | None:
    """Least squares of ln(value) against its place; None for fewer than two finite values.

    Zero counts as the smallest number there is, since what underflows has vanished; None where all
    are zero.
    """
    known = [(i, v) for i, v in enumerate(values) if v is not None and math.isfinite(v)]
    if len(known) < 2 or not any(v for _, v in known):
        return None
    places = np.array([i for i, _ in known], dtype=float)
    logs = np.log(np.maximum([v for _, v in known], _SMALLEST))
    return float(np.polyfit(places, logs, 1)[0])


def random_direction(output: Any) -> Tensor:
    """A loss without labels: the output's product with one standard-normal direction, a row.

    Raises:
        ValueError: the output holds no floating-point tensor.
    """
    tensor = tensor_of(output)
    if tensor is None:
        raise ValueError(f"expected a floating-point tensor as output; got {type(output).__name__}")
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(tensor.shape, generator=generator).to(tensor)
    return (tensor * direction).sum() / (len(tensor) if tensor.ndim else 1)


def signals(model: nn.Module, inputs: Any, objective: Objective = random_direction) -> Signals:
    """One pass of a batch; the model is left as found, also after an error.

    Gradients are taken of the layers' outputs alone: those of parameters are not touched, and a
    layer that comes before every parameter to train has none.

    Args:
        inputs: as the network takes them, (batch, …).
        objective: what is differentiated.

    Raises:
        Whatever the network and the objective raise.
    """
    seen: dict[str, tuple[float, float | None]] = {}
    edges: dict[str, GradientEdge] = {}

    # At once, since what comes next may work in place.
    def see(name: str, output: Tensor) -> None:
        if output.numel():
            seen[name] = _rms(output.detach()), mean_cosine(output.detach())
            if output.requires_grad:
                edges[name] = get_gradient_edge(output)

    with left_as_found(model), torch.enable_grad():
        model.train()
        with watched(model, hidden_layers(model), see), counted(model) as activations:
            loss = objective(call(model, inputs))
        gradients = _gradient_rms(loss, edges)
    layers = tuple(
        LayerSignal(name=name, activation_rms=rms, gradient_rms=gradients.get(name), cosine=cosine)
        for name, (rms, cosine) in seen.items()
    )
    forward = {layer.name: layer.activation_rms for layer in layers}
    if not bool(loss.isfinite()):
        forward[OUTPUT] = math.nan
    return Signals(
        layers=layers,
        first_nonfinite=first_nonfinite(forward, gradients),
        activations=tuple(activations),
    )


def _gradient_rms(loss: Tensor, edges: Mapping[str, GradientEdge]) -> dict[str, float]:
    if not edges or not loss.requires_grad:
        return {}
    found = torch.autograd.grad(loss, list(edges.values()), allow_unused=True)
    return {n: _rms(g) for n, g in zip(edges, found, strict=True) if g is not None}


def _rms(values: Tensor) -> float:
    """In double precision: squares of what fp32 holds may leave it."""
    return math.sqrt(float(values.double().square().mean()))


def mean_cosine(output: Tensor) -> float | None:
    """Of all pairs of the first 64 rows; rows that are zero are left out. None where there are
    fewer than two, or what is not finite.

    Args:
        output: (batch, …).
    """
    if output.ndim < 2:
        return None
    rows = output[:_COSINE_ROWS].flatten(1).double()
    norms = torch.linalg.vector_norm(rows, dim=1)
    known = norms != 0
    total = torch.where(known, norms.reciprocal(), 0.0) @ rows
    square, count = float(total.dot(total)), int(known.sum())
    if count < 2 or not math.isfinite(square):
        return None
    return (square - count) / (count * (count - 1))


def first_nonfinite(
    activation_rms: Mapping[str, float], gradient_rms: Mapping[str, float]
) -> str | None:
    """The first layer whose h is not finite; else, on the way back, whose ∂L/∂h is not.

    Args:
        activation_rms: of all layers, in the order of the forward.
    """
    back = (name for name in reversed(list(activation_rms)) if name in gradient_rms)
    ways = (
        (name for name, value in activation_rms.items() if not math.isfinite(value)),
        (name for name in back if not math.isfinite(gradient_rms[name])),
    )
    return next((name for way in ways for name in way), None)
