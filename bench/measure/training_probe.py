"""Reads the layers on the path of depth along a training: what flows, and what a step changes.

A reading takes a few consecutive steps, which take turns: each reads some of the layers. There,
hooks take the norm of a layer's output and of its gradient, how alike the outputs of different
inputs are, and which units no longer answer; weights are compared before and after the step. In all
other steps there is no hook. What is read has one more pass over activations, gradients and
weights, a copy of the weights, and waits for the device; where layers are small that takes as long
as nearly a whole step, which is why it is spread. `bench_training_probe` in
`bench/bench_harness.py` measures what a step costs that is read.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from .dead_units import Unresponsive, Watched, counted
from .hidden import hidden_layers, watched, weight_layers
from .signals import first_nonfinite, mean_cosine

# In so many steps there is one reading: more often tells hardly more of a training of hundreds.
EVERY = 10
# Steps over which a reading is spread.
TURNS = 8

_T = TypeVar("_T")

# Between these norms no square that matters leaves single precision (1e-38 to 3e38).
_LEAST, _MOST = 1e-15, 1e18


@dataclass(frozen=True, kw_only=True)
class StepSignals:
    """One reading. Values that are not finite stay so.

    Attributes:
        step: with which the reading began.
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
        """The first layer whose h is not finite; else, on the way back, whose ∂L/∂h is not.

        Of a reading that took one step; in one that is spread over several, all that is read in a
        later step has the weights that the first left behind.
        """
        return first_nonfinite(self.activation_rms, self.gradient_rms)


class TrainingProbe:
    """Watches one training; `steps` are the readings so far.

    The layers are looked up at the first step of a model: it must keep them from then on.

    Args:
        every: in so many steps there is one reading, which begins with the first.
        turns: consecutive steps that a reading takes, at most `every`: of layers, activations and
            weights each reads every `turns`-th. One reads all at once.
    """

    def __init__(self, every: int = EVERY, turns: int = TURNS) -> None:
        if every < 1 or turns < 1:
            raise ValueError(f"every and turns are at least 1; got {every} and {turns}")
        self._every = every
        self._turns = min(every, turns)
        self.steps: list[StepSignals] = []
        self._reading: _Reading | None = None

    def watch(self, model: nn.Module, step: int) -> AbstractContextManager[None]:
        """Enter around the forward, backward and update of each step, counted from 0; of several
        forwards the last counts. An error inside is passed on, and leaves no hook and no entry for
        the reading."""
        turn = step % self._every
        if turn == 0:
            network = self._reading.network if self._reading else None
            known = network is not None and network.model is model
            self._reading = _Reading(network if network and known else _Network(model), step)
        reading = self._reading
        if turn >= self._turns or reading is None or not reading.awaits(model, turn):
            return nullcontext()
        return self._turn(reading)

    @contextmanager
    def _turn(self, reading: "_Reading") -> Iterator[None]:
        with reading.taken(self._turns):
            yield
        if reading.turns == self._turns:
            self.steps.append(reading.signals())


class _Network:
    """What is looked up of a model once.

    Attributes:
        order: calls of hidden layers in the order of the forward; empty before the first.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.hidden = hidden_layers(model)
        self.units = Watched.of(model)
        self.weights = _trained_weights(model)
        self.order: list[str] = []

    def units_in(self, part: slice) -> Watched:
        """Some of the activations."""
        return replace(self.units, activations=_part(self.units.activations, part))

    @contextmanager
    def ordered(self) -> Iterator[None]:
        """What runs inside says the order, unless it raises."""
        order: list[str] = []

        def note(name: str, _output: Tensor) -> None:
            if name in order:  # another forward
                order.clear()
            order.append(name)

        with watched(self.model, self.hidden, note):
            yield
        self.order = order


class _Reading:
    """What the turns since `step` saw of a network; `turns` is how many of them have ended."""

    def __init__(self, network: _Network, step: int) -> None:
        self.network = network
        self.turns = 0
        self._step = step
        self._outputs: dict[str, _Measured] = {}
        self._gradients: dict[str, _Measured] = {}
        self._cosines: dict[str, float | None] = {}
        self._activations: list[Unresponsive] = []
        self._update_ratios: dict[str, float] = {}

    def awaits(self, model: nn.Module, turn: int) -> bool:
        """Whether this is the model and no turn is missing."""
        return self.network.model is model and self.turns == turn

    @contextmanager
    def taken(self, turns: int) -> Iterator[None]:
        """Inside, the next of so many turns is taken."""
        network, part = self.network, slice(self.turns, None, turns)
        weights = _part(network.weights, part)
        with torch.no_grad():
            before = [weight.clone() for weight in weights.values()]
        with (
            nullcontext() if network.order else network.ordered(),
            self._watched(_part(network.hidden, part)),
            counted(network.model, network.units_in(part)) as activations,
        ):
            yield
        self._activations += activations
        self._update_ratios |= _update_ratios(weights, before)
        self.turns += 1

    @contextmanager
    def _watched(self, layers: dict[str, nn.Module]) -> Iterator[None]:
        handles: dict[str, RemovableHandle] = {}

        def read(name: str, gradient: Tensor) -> None:
            self._gradients[name] = _norm(gradient), gradient.numel()

        # At once, since what comes next may work in place; kept tensors would take memory, too.
        def see(name: str, output: Tensor) -> None:
            if name in handles:  # of an earlier forward
                handles.pop(name).remove()
            if not output.numel():
                return
            self._outputs[name] = _norm(output.detach()), output.numel()
            self._cosines[name] = mean_cosine(output.detach())
            if output.requires_grad:
                handles[name] = output.register_hook(partial(read, name))

        try:
            with watched(self.network.model, layers, see):
                yield
        finally:
            for handle in handles.values():  # a layer may give out a parameter, which stays
                handle.remove()

    def signals(self) -> StepSignals:
        """All turns together, in the order of the network."""
        calls = dict.fromkeys([*self.network.order, *self._outputs])
        places = {name: place for place, name in enumerate(self.network.units.activations)}
        cosines = _chosen(self._cosines, calls)
        return StepSignals(
            step=self._step,
            activation_rms=_root_mean_squares(_chosen(self._outputs, calls)),
            gradient_rms=_root_mean_squares(_chosen(self._gradients, calls)),
            cosine={name: value for name, value in cosines.items() if value is not None},
            activations=tuple(sorted(self._activations, key=lambda each: places[each.name])),
            update_ratio=_chosen(self._update_ratios, self.network.weights),
        )


def _part(named: Mapping[str, _T], part: slice) -> dict[str, _T]:
    return dict(list(named.items())[part])


def _chosen(values: Mapping[str, _T], names: Iterable[str]) -> dict[str, _T]:
    return {name: values[name] for name in names if name in values}


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
        if isinstance(weight := getattr(layer, "weight", None), nn.Parameter)
        and weight.requires_grad
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
