"""What a percentage point of accuracy costs, along a Pareto front."""

from collections.abc import Sequence
from dataclasses import dataclass

from .pareto import FrontPoint


@dataclass(frozen=True)
class PointPrice:
    """What one percentage point costs from one member of a Pareto front to the next, in the unit of
    the cost. `is_significant` says whether the gain is; null where the noise is unknown."""

    from_depth: int
    depth: int
    points: float
    per_point: float
    is_significant: bool | None


def point_prices(front: Sequence[FrontPoint]) -> tuple[PointPrice, ...]:
    """Along the front, where every member is more accurate than the one before it."""
    cost = {point.depth: point.cost for point in front}
    return tuple(
        PointPrice(
            from_depth=point.step.from_depth,
            depth=point.depth,
            points=point.step.points,
            per_point=(point.cost - cost[point.step.from_depth]) / point.step.points,
            is_significant=point.step.is_significant,
        )
        for point in front
        if point.step is not None
    )
