"""Units that no longer answer: dead behind a ReLU, saturated at the flat ends of a sigmoid.

Counted by hooks on the activations that are modules; those that are functions are not seen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .hidden import weight_layers
from .saturation import convolves, units_last

DEAD, SATURATED = "dead", "saturated"

# Outputs beyond which an activation passes on under a hundredth of the gradient it can.
_FLAT: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.Tanh: lambda h: h.abs() > 0.995,
    nn.Sigmoid: lambda h: (h < 0.0025) | (h > 0.9975),
    nn.Softsign: lambda h: h.abs() > 0.9,
}
_DEAD_AT_ZERO = (nn.ReLU, nn.ReLU6)


@dataclass(frozen=True, kw_only=True)
class Unresponsive:
    """One call of one activation.

    Attributes:
        name: of the module.
        kind: `dead`: units of `nn.ReLU` and `nn.ReLU6` that are zero for the whole batch, a unit
            of a convolution being a channel; `saturated`: outputs of `nn.Tanh`, `nn.Sigmoid` and
            `nn.Softsign` where the slope is under a hundredth of its largest.
        hits: how many are.
        total: of how many units or outputs.
    """

    name: str
    kind: str
    hits: int
    total: int


def share(found: Sequence[Unresponsive], kind: str) -> float | None:
    """Of all units or outputs of that kind, those that are; None where there are none."""
    counted = [each for each in found if each.kind == kind]
    total = sum(each.total for each in counted)
    return sum(each.hits for each in counted) / total if total else None


@dataclass(frozen=True)
class Watched:
    """What is hooked of a model.

    Attributes:
        activations: whose units can be dead or saturated, in the order the network holds them.
        layers: whose kind tells where the units of an output lie; empty where they are last in all.
    """

    activations: Mapping[str, nn.Module]
    layers: Sequence[nn.Module]

    @classmethod
    def of(cls, model: nn.Module) -> "Watched":
        """All of a model."""
        kinds = (*_DEAD_AT_ZERO, *_FLAT)
        layers = list(weight_layers(model).values())
        return cls(
            {name: module for name, module in model.named_modules() if type(module) in kinds},
            layers if any(map(convolves, layers)) else [],
        )


@contextmanager
def counted(model: nn.Module, watched: Watched | None = None) -> Iterator[list[Unresponsive]]:
    """Inside, the list holds the activations that ran in the latest forward; no hook stays.

    Args:
        watched: of the model; all of it without.
    """
    watched = watched or Watched.of(model)
    found: list[Unresponsive] = []
    latest: dict[int, nn.Module] = {}  # by dimensions: its kind tells where an output's units lie

    def begin(*_: Any) -> None:
        found.clear()
        latest.clear()

    def see_weights(layer: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            latest[output.ndim] = layer

    def seer(name: str) -> Callable[..., None]:
        def see(module: nn.Module, _inputs: Any, output: Tensor) -> None:
            before = latest.get(output.ndim, module)
            counts = _counts(module, output.detach(), before)
            if counts is not None:
                found.append(
                    Unresponsive(name=name, kind=counts[0], hits=counts[1], total=counts[2])
                )

        return see

    handles = [model.register_forward_pre_hook(begin)]
    handles += [layer.register_forward_hook(see_weights) for layer in watched.layers]
    for name, module in watched.activations.items():
        handles.append(module.register_forward_hook(seer(name)))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _counts(module: nn.Module, h: Tensor, before: nn.Module) -> tuple[str, int, int] | None:
    if type(module) in _FLAT:
        flat = _FLAT[type(module)](h)
        return SATURATED, int(flat.sum()), flat.numel()
    if h.ndim < 2 or not h.numel():
        return None
    largest = units_last(h.amax(0, keepdim=True), before)  # of a ReLU nothing is below zero
    dead = largest.flatten(0, -2).amax(0) == 0
    return DEAD, int(dead.sum()), dead.numel()
