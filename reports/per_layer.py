"""What one more layer costs: a straight line through a cost against depth.

The line is fitted with weights of one over the cost, so that every depth counts by its relative
deviation: without them the deepest decides alone, and what is fixed is lost in its noise. Its
uncertainty comes from how far the depths lie off it, so it holds both noise and what is not
straight.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

FEWEST_DEPTHS = 3
"""Two depths are always on one line."""


@dataclass(frozen=True)
class PerLayer:
    """cost = fixed + each * depth, in the unit of the cost.

    Attributes:
        each: per unit of depth.
        fixed: what is left at depth 0; below 0 where the cost grows faster than the depth.
        worst: the largest deviation of a depth from the line, as a share of its cost.
        covariance: of fixed and each: two variances and what they have in common.
        degrees_of_freedom: of that: depths beyond the two that a line takes.
    """

    each: float
    fixed: float
    worst: float
    covariance: tuple[float, float, float]
    degrees_of_freedom: int

    def at(self, depth: float) -> float:
        """The line's cost at a depth."""
        return self.fixed + self.each * depth


def per_layer(costs: Mapping[int, float]) -> PerLayer | None:
    """The line through costs by depth; null for fewer than three depths and where a cost is 0."""
    if len(costs) < FEWEST_DEPTHS or min(costs.values()) <= 0:
        return None
    depths, values = np.array(list(costs), dtype=np.float64), np.array(list(costs.values()))
    (each, fixed), unscaled = np.polyfit(depths, values, 1, w=1 / values, cov="unscaled")
    off = (fixed + each * depths) / values - 1
    freedom = len(costs) - 2
    variance = unscaled * float(off @ off) / freedom
    return PerLayer(
        each=float(each),
        fixed=float(fixed),
        worst=float(np.abs(off).max()),
        covariance=(float(variance[1, 1]), float(variance[0, 0]), float(variance[0, 1])),
        degrees_of_freedom=freedom,
    )
