"""Reads the layers on the path of depth along a training: what flows, and what a step changes.

One step in some is read. There, hooks take the norm of each layer's output and of its gradient, how
alike the outputs of different inputs are, and which units no longer answer; weights are compared
before and after the step. In all other steps there is no hook. A step that is read has one more
pass over activations, gradients and weights, a copy of the weights, and waits for the device;
`bench_training_probe` in `bench/bench_harness.py` measures what that costs.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from .dead_units import Unresponsive, counted
from .hidden import hidden_layers, watched, weight_layers
from .signals import first_nonfinite, mean_cosine

# Of so many steps one is read: more often tells hardly more of a training of hundreds.
EVERY = 10

# Between these norms no square that matters leaves single precision (1e-38 to 3e38).
_LEAST, _MOST = 1e-15, 1e18


@dataclass(frozen=True, kw_only=True)
class StepSignals:
    """One step that was read. Values that are not finite stay so.

    Attributes:
        activation_rms: of h, by the name of the layer's call, in the order of the forward.
        gradient_rms: of ∂L/∂h where it arrives; L is what is differentiated, with the penalties
            and the loss scale that there are.
        cosine: mean over pairs of inputs of the cosine between their h; layers where it is
            undefined are left out.
        activations: units that are dead or saturated, by activation; see `dead_units`.
        update_ratio: ‖ΔW‖ / ‖W‖ of each weight layer, W before the step; those whose weights are
            zero are left out.
    """

    step: int
    activation_rms: dict[str, float]
    gradient_rms: dict[str, float]
    cosine: dict[str, float]
    activations: tuple[Unresponsive, ...]
    update_ratio: dict[str, float]

    @property
    def first_nonfinite(self) -> str | None:
        """The first layer whose h is not finite; else, on the way back, whose ∂L/∂h is not."""
        return first_nonfinite(self.activation_rms, self.gradient_rms)


class TrainingProbe:
    """Watches one training; `steps` are those that were read so far.

    The layers are looked up at the first step of a model: it must keep them from then on.

    Args:
        every: of so many steps one is read, the first included.
    """

    def __init__(self, every: int = EVERY) -> None:
        self._every = every
        self.steps: list[StepSignals] = []
        self._model: nn.Module | None = None
        self._hidden: dict[str, nn.Module] = {}
        self._weights: dict[str, Tensor] = {}

    def watch(self, model: nn.Module, step: int) -> AbstractContextManager[None]:
        """Enter around the forward, backward and update of each step, counted from 0; of several
        forwards the last counts. An error inside is passed on, and leaves no hook and no entry for
        the step."""
        return nullcontext() if step % self._every else self._reading(model, step)

    @contextmanager
    def _reading(self, model: nn.Module, step: int) -> Iterator[None]:
        self._look_up(model)
        outputs: dict[str, _Measured] = {}
        gradients: dict[str, _Measured] = {}
        cosines: dict[str, float | None] = {}
        handles: list[RemovableHandle] = []

        def read(name: str, gradient: Tensor) -> None:
            gradients[name] = _norm(gradient), gradient.numel()

        # At once, since what comes next may work in place; kept tensors would take memory, too.
        def see(name: str, output: Tensor) -> None:
            outputs[name] = _norm(output.detach()), output.numel()
            cosines[name] = mean_cosine(output.detach())
            if output.requires_grad:
                handles.append(output.register_hook(partial(read, name)))

        with torch.no_grad():
            before = [weight.clone() for weight in self._weights.values()]
        try:
            with watched(model, self._hidden, see), counted(model) as activations:
                yield
        finally:
            for handle in handles:  # a layer may give out a parameter, which stays
                handle.remove()
        backward = {name: gradients[name] for name in outputs if name in gradients}
        self.steps.append(
            StepSignals(
                step=step,
                activation_rms=_root_mean_squares(outputs),
                gradient_rms=_root_mean_squares(backward),
                cosine={name: value for name, value in cosines.items() if value is not None},
                activations=tuple(activations),
                update_ratio=_update_ratios(self._weights, before),
            )
        )

    def _look_up(self, model: nn.Module) -> None:
        if self._model is not model:
            self._model = model
            self._hidden = hidden_layers(model)
            self._weights = _trained_weights(model)


_Measured = tuple[Tensor, int]
"""The norm of a tensor, and how many elements it has."""


def _norm(values: Tensor) -> Tensor:
    """In double precision; where that takes twice as long, only if single is not enough."""
    if values.dtype is torch.float32 and values.is_cpu:
        norm: Tensor = torch.linalg.vector_norm(values)
        if _LEAST < norm.item() < _MOST:
            return norm
    found: Tensor = torch.linalg.vector_norm(values, dtype=torch.float64)
    return found


def _root_mean_squares(measured: Mapping[str, _Measured]) -> dict[str, float]:
    values = _numbers([norm for norm, _ in measured.values()])
    counts = [math.sqrt(max(1, elements)) for _, elements in measured.values()]
    return {n: v / c for n, v, c in zip(measured, values, counts, strict=True)}


def _numbers(scalars: Sequence[Tensor]) -> list[float]:
    """All in one transfer."""
    numbers: list[float] = torch.stack(list(scalars)).tolist() if scalars else []
    return numbers


def _trained_weights(model: nn.Module) -> dict[str, Tensor]:
    return {
        name: weight
        for name, layer in weight_layers(model).items()
        if isinstance(weight := getattr(layer, "weight", None), Tensor) and weight.requires_grad
    }


@torch.no_grad()
def _update_ratios(weights: Mapping[str, Tensor], before: list[Tensor]) -> dict[str, float]:
    """`before` is used up."""
    if not weights:
        return {}
    sizes = torch._foreach_norm(before)
    torch._foreach_sub_(before, list(weights.values()))
    numbers = _numbers([*sizes, *torch._foreach_norm(before)])
    pairs = zip(weights, numbers[: len(weights)], numbers[len(weights) :], strict=True)
    return {name: change / size for name, size, change in pairs if size != 0}
