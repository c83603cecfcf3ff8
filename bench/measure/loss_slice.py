"""The loss around a network's weights, along random directions scaled filter by filter.

A filter is what one index of a weight's first dimension selects: the weights of one output
channel or of one neuron. A direction is normal random numbers, of which each filter is scaled to
the norm of the weights it moves: so a step of 0.1 moves every filter by 10%, and networks whose
weights differ in scale can be compared. Tensors of one dimension or none (biases, normalisation)
stay where they are, as in Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets"
(arXiv:1712.09913, section 4); larger ones count as weights whatever their role, also embeddings.

The network is in eval mode: with batch statistics the loss of one example would depend on the
others, and each evaluation would move the running averages. A slice shows one or two directions
out of thousands: a smooth slice does not prove a smooth loss.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .state import left_as_found, random_state

Objective = Callable[[nn.Module], Tensor]
"""From a network to its scalar loss on some fixed batch. Every call starts from the same global
random state."""

Direction = Sequence[Tensor]
"""One tensor for each trainable parameter, shaped like it."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Losses along one direction.

    Attributes:
        coordinates: relative step from the present weights, which are at 0.
        losses: one for each coordinate; None where the loss is not finite.
    """

    coordinates: tuple[float, ...]
    losses: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Losses along two directions; the first direction is that of the `Slice` of the same seed.

    Attributes:
        coordinates: relative steps along either direction, with the present weights at (0, 0).
        losses: `losses[i][j]` belongs to step `coordinates[i]` along the first direction and
            `coordinates[j]` along the second; None where the loss is not finite.
    """

    coordinates: tuple[float, ...]
    losses: tuple[tuple[float | None, ...], ...]


def slice_1d(
    model: nn.Module, objective: Objective, *, span: float = 1.0, points: int = 21, seed: int = 0
) -> Slice:
    """Losses at `points` steps from -`span` to `span` along one direction.

    Raises:
        ValueError: `points` is even or below 3, or no trainable weight has two dimensions.
    """
    steps = _steps(span, points)
    with at_rest(model) as parameters:
        [direction] = filter_normalised(parameters, count=1, seed=seed)
        losses = tuple(loss_at(model, objective, [(step, direction)]) for step in steps)
    return Slice(coordinates=steps, losses=losses)


def slice_2d(
    model: nn.Module, objective: Objective, *, span: float = 1.0, points: int = 9, seed: int = 0
) -> Surface:
    """Losses on a grid of `points` x `points` steps along two directions.

    Raises:
        ValueError: `points` is even or below 3, or no trainable weight has two dimensions.
    """
    steps = _steps(span, points)
    with at_rest(model) as parameters:
        first, second = filter_normalised(parameters, count=2, seed=seed)
        losses = tuple(
            tuple(loss_at(model, objective, [(a, first), (b, second)]) for b in steps)
            for a in steps
        )
    return Surface(coordinates=steps, losses=losses)


@contextmanager
def at_rest(model: nn.Module) -> Iterator[list[nn.Parameter]]:
    """Inside, `model` is in eval mode; its trainable parameters are given, a shared one once.
    Afterwards mode, buffers, gradients and global random states are as before.

    Raises:
        ValueError: no parameter is trainable.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("expected a network with a trainable parameter; found none: unfreeze some")
    kept = [(p, p.grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()]
    with random_state(device=str(parameters[0].device)), left_as_found(model):
        model.eval()
        try:
            yield parameters
        finally:
            _put_gradients_back(kept)


def _put_gradients_back(
    kept: list[tuple[nn.Parameter, Tensor | None, Tensor | None]],
) -> None:
    for parameter, gradient, values in kept:
        parameter.grad = gradient
        if gradient is not None and values is not None:
            gradient.detach().copy_(values)


def evaluate(model: nn.Module, objective: Objective) -> Tensor:
    """The loss; whatever it draws at random is the same in each call."""
    parameter = next(model.parameters())
    with random_state(device=str(parameter.device)):
        return objective(model)


@torch.no_grad()
def loss_at(
    model: nn.Module, objective: Objective, moves: Sequence[tuple[float, Direction]]
) -> float | None:
    """The loss after steps along directions, None if it is not finite; the weights are put back."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    found = [p.clone() for p in parameters]
    try:
        for step, direction in moves:
            for parameter, towards in zip(parameters, direction, strict=True):
                parameter.add_(towards, alpha=step)
        loss = float(evaluate(model, objective))
    finally:
        for parameter, values in zip(parameters, found, strict=True):
            parameter.copy_(values)
    return loss if math.isfinite(loss) else None


@torch.no_grad()
def filter_normalised(
    parameters: Sequence[nn.Parameter], *, count: int, seed: int
) -> list[Direction]:
    """`count` random directions d, each filter f scaled: d_f <- d_f ||w_f|| / ||d_f||.

    Raises:
        ValueError: no parameter has two dimensions.
    """
    if all(p.ndim < 2 for p in parameters):
        raise ValueError(
            "expected a trainable weight of two dimensions or more to move; "
            "found only biases and the like"
        )
    generator = torch.Generator().manual_seed(seed)
    return [[_scaled_noise(p, generator) for p in parameters] for _ in range(count)]


def _scaled_noise(weight: Tensor, generator: torch.Generator) -> Tensor:
    if weight.ndim < 2:
        return torch.zeros_like(weight)
    noise = torch.randn(weight.shape, generator=generator).to(weight)
    return noise * (_filter_norms(weight) / _filter_norms(noise))


def _filter_norms(weight: Tensor) -> Tensor:
    """(filters, 1, ...), to be multiplied with the weight."""
    norms: Tensor = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
    return norms


def _steps(span: float, points: int) -> tuple[float, ...]:
    """The middle one is exactly 0."""
    if points < 3 or points % 2 == 0:
        raise ValueError(f"points must be odd and at least 3, so that one lies at 0; got {points}")
    return tuple(span * (2 * i / (points - 1) - 1) for i in range(points))
