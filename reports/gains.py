"""What more depth gains: percentage points of accuracy per doubling, from one depth to the next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .costs import DepthCost
from .estimates import Comparison, Estimate, Moments, compare
from .held_equal import ALIKE


@dataclass(frozen=True)
class Gain:
    """Percent points of accuracy per doubling (of FLOPs or of depth) from one depth to the next."""

    from_depth: int
    to_depth: int
    points: float | None
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, Any]:
        """The entry of `gain_per_doubling` in the JSON verdict."""
        interval = {"points": self.points, "low": self.low, "high": self.high}
        return {"from": self.from_depth, "to": self.to_depth, **interval}


def gains_between(
    estimates: Sequence[Estimate], costs: Sequence[DepthCost]
) -> tuple[tuple[Gain, ...], str, tuple[str, ...]]:
    """Gains per doubling of FLOPs, or of depth where some FLOPs are unknown or all were held equal;
    which of the two it is; notes."""
    known = {cost.depth: cost.flops for cost in costs if cost.flops}
    missing = [each.depth for each in estimates if each.depth not in known]
    equal = not missing and max(known.values(), default=1) <= ALIKE * min(known.values(), default=1)
    depths = {each.depth: float(each.depth) for each in estimates}
    size = depths if missing or equal else known
    steps = list(pairwise(estimates))
    gains = tuple(_gain(a, b, size[a.depth], size[b.depth]) for a, b in steps)
    if not steps or size is known:
        return gains, "FLOPs", ()
    if equal:
        return gains, "depth", ("Gains are per doubling of depth: the FLOPs were held equal.",)
    at = f" at depth {', '.join(map(str, missing))}" if known else ""
    note = f"Gains are per doubling of depth: the forward FLOPs{at} are unknown."
    return gains, "depth", (note,)


def compared(first: Moments | None, second: Moments | None) -> Comparison | None:
    """The second less the first; null where one is unknown."""
    return compare(first, second) if first and second else None


def _gain(first: Estimate, second: Estimate, first_size: float, second_size: float) -> Gain:
    doublings = math.log2(second_size / first_size)
    if doublings <= 0:  # more depth for no more FLOPs: a gain per doubling has no meaning
        return Gain(first.depth, second.depth, None, None, None)
    scale = 100 / doublings
    points = scale * (second.mean - first.mean)
    comparison = compared(first.raw, second.raw)
    if comparison is None:
        return Gain(first.depth, second.depth, points, None, None)
    low, high = scale * comparison.low, scale * comparison.high
    return Gain(first.depth, second.depth, points, low, high)
