"""How flat a loss is around a network's weights: its rise when all filters move at random.

Directions are filter-normalised (Li et al. 2018, arXiv:1712.09913): a network can be rescaled
without changing what it computes, and curvature with it; these steps are rescaled, too. The network
is in eval mode.
"""

from dataclasses import dataclass

from torch import nn

from .curvature import mean_and_error
from .loss_slice import Objective, at_rest, filter_normalised, loss_at


@dataclass(frozen=True, kw_only=True)
class Flatness:
    """How much the loss rises when all filters move at random by `radius` of their norms.

    Attributes:
        increases: one for each direction; None where the loss is not finite.
        mean_increase: None if a loss is not finite.
        error: standard error of the mean; None with the mean, and for one direction.
    """

    radius: float
    increases: tuple[float | None, ...]
    mean_increase: float | None
    error: float | None


def flatness(
    model: nn.Module,
    objective: Objective,
    *,
    radius: float = 0.1,
    directions: int = 10,
    seed: int = 0,
) -> Flatness:
    """Mean increase of the loss over random filter-normalised steps (see `loss_slice`).

    Raises:
        ValueError: the loss at the present weights is not finite, or no trainable weight has two
            dimensions.
    """
    with at_rest(model) as parameters:
        centre = loss_at(model, objective, [])
        if centre is None:
            raise ValueError(
                "expected a finite loss at the present weights: look at an earlier epoch"
            )
        moves = filter_normalised(parameters, count=directions, seed=seed)
        losses = [loss_at(model, objective, [(radius, direction)]) for direction in moves]
    increases = [None if loss is None else loss - centre for loss in losses]
    finite = [i for i in increases if i is not None]
    mean, error = mean_and_error(finite) if len(finite) == directions else (None, None)
    return Flatness(radius=radius, increases=tuple(increases), mean_increase=mean, error=error)
