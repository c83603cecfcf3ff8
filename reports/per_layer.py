"""What one more layer costs: a straight line through a cost against depth.

The line is fitted with weights of one over the cost, so that every depth counts by its relative
deviation: without them the deepest decides alone, and what is fixed is lost in its noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PerLayer:
    """cost = fixed + each * depth, in the unit of the cost.

    Attributes:
        each: per unit of depth.
        fixed: what is left at depth 0; below 0 where the cost grows faster than the depth.
        worst: the largest deviation of a depth from the line, as a share of its cost.
    """

    each: float
    fixed: float
    worst: float

    def at(self, depth: float) -> float:
        """The line's cost at a depth."""
        return self.fixed + self.each * depth


def per_layer(costs: Mapping[int, float]) -> PerLayer | None:
    """The line through costs by depth; null for fewer than three depths (two are always on one) and
    where a cost is 0."""
    if len(costs) < 3 or min(costs.values()) <= 0:
        return None
    depths, values = np.array(list(costs), dtype=np.float64), np.array(list(costs.values()))
    each, fixed = np.polyfit(depths, values, 1, w=1 / values)
    worst = np.abs(fixed + each * depths - values) / values
    return PerLayer(float(each), float(fixed), float(worst.max()))
