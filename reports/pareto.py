"""The Pareto front: depths that are more accurate than every cheaper one.

A depth is on the front if no other that costs as much or less is at least as accurate (of equals
the shallowest is). That is read off the figures; how sure it is, is said beside:

- `on`: more accurate, significantly at 95%, than every other depth that is not shown to cost more.
  All of these comparisons must succeed, so that none needs a correction (intersection-union test,
  Berger 1982).
- `off`: one that is shown to cost no more is more accurate, significantly at 95% after Bonferroni's
  correction for the number of them.
- null: it cannot be told.

What a depth is shown to cost is within `cost_bounds`; counts are exact. The knee is a mark for
pictures and decides nothing: it moves with the axis.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .cost_bounds import Bounds
from .costs import DepthCost
from .estimates import ALPHA, Estimate
from .gains import compared

COSTS = (
    "flops", "latency_seconds", "peak_bytes", "energy_joules", "train_flops", "train_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """From the member of the front before: percentage points of accuracy, with a 95% interval."""

    from_depth: int
    points: float
    low: float | None
    high: float | None

    @property
    def is_significant(self) -> bool | None:
        """Whether the interval leaves 0 out; null where the noise is unknown."""
        return None if self.low is None else self.low > 0

    def as_dict(self) -> dict[str, Any]:
        """The entry `step` of a member in the JSON verdict."""
        interval = {"points": self.points, "low": self.low, "high": self.high}
        return {"from": self.from_depth, **interval, "significant": self.is_significant}


@dataclass(frozen=True)
class FrontPoint:
    """One depth against one cost.

    Attributes:
        cost_low, cost_high: one-sided 95% bounds; the cost itself where its noise is unknown.
        accuracy, low, high: a fraction and its 95% interval.
        on_front: by the figures; `sure` is `on`, `off` or null.
        step: of a member of the front; null for the cheapest.
        knee: farthest above the line from the first to the last member, over the cost's logarithm.
    """

    depth: int
    cost: float
    cost_low: float
    cost_high: float
    accuracy: float
    low: float | None
    high: float | None
    on_front: bool
    sure: str | None
    step: Step | None
    knee: bool

    def as_dict(self) -> dict[str, Any]:
        """The entry of `pareto` in the JSON verdict, in the list of its cost."""
        return asdict(self) | {"step": self.step.as_dict() if self.step else None}


@dataclass(frozen=True)
class _Priced:
    estimate: Estimate
    cost: float
    bounds: Bounds


def fronts(
    costs: Sequence[DepthCost], estimates: Sequence[Estimate]
) -> Mapping[str, tuple[FrontPoint, ...]]:
    """By cost, the depths whose cost is known, the cheapest first; costs of one depth are left
    out."""
    accuracy = {each.depth: each for each in estimates}
    known = [cost for cost in costs if cost.depth in accuracy]
    priced = {name: _priced(name, known, accuracy) for name in COSTS}
    return {name: _points(depths) for name, depths in priced.items() if len(depths) > 1}


def knee(places: Sequence[float], heights: Sequence[float]) -> int | None:
    """The index of the point farthest above the straight line from the first to the last (Satopää
    et al. 2011, without its smoothing); null if none is above it. `places` rise."""
    if len(places) < 3 or places[-1] <= places[0]:
        return None
    line = np.interp(places, [places[0], places[-1]], [heights[0], heights[-1]])
    above = np.asarray(heights) - line
    place = int(above.argmax())
    return place if above[place] > 0 else None


def _priced(
    name: str, costs: Sequence[DepthCost], accuracy: Mapping[int, Estimate]
) -> list[_Priced]:
    known = [(cost, getattr(cost, name)) for cost in costs]
    found = [
        _Priced(accuracy[cost.depth], value, cost.bounds.get(name, Bounds(value, value)))
        for cost, value in known
        if value is not None
    ]
    return sorted(found, key=lambda each: (each.cost, -each.estimate.mean, each.estimate.depth))


def _points(priced: Sequence[_Priced]) -> tuple[FrontPoint, ...]:
    members = _members(priced)
    before = {id(b): a for a, b in pairwise(members)}
    marked = _knee(members)
    return tuple(
        FrontPoint(
            depth=each.estimate.depth,
            cost=each.cost,
            cost_low=each.bounds.low,
            cost_high=each.bounds.high,
            accuracy=each.estimate.mean,
            low=each.estimate.low,
            high=each.estimate.high,
            on_front=each in members,
            sure=_sure(each, [other for other in priced if other is not each]),
            step=_step(before[id(each)], each) if id(each) in before else None,
            knee=each is marked,
        )
        for each in priced
    )


def _members(priced: Sequence[_Priced]) -> list[_Priced]:
    found: list[_Priced] = []
    for each in priced:
        if not found or each.estimate.mean > found[-1].estimate.mean:
            found.append(each)
    return found


def _knee(members: Sequence[_Priced]) -> _Priced | None:
    if members[0].cost <= 0:
        return None
    places = [math.log(each.cost) for each in members]
    place = knee(places, [each.estimate.mean for each in members])
    return None if place is None else members[place]


def _step(before: _Priced, member: _Priced) -> Step:
    first, second = before.estimate, member.estimate
    points = 100 * (second.mean - first.mean)
    found = compared(first.raw, second.raw)
    if found is None:
        return Step(first.depth, points, None, None)
    return Step(first.depth, points, 100 * found.low, 100 * found.high)


def _sure(each: _Priced, others: Sequence[_Priced]) -> str | None:
    rivals = [other for other in others if other.bounds.low <= each.bounds.high]
    if all(_is_better(each, rival, ALPHA) for rival in rivals):
        return "on"
    cheaper = [other for other in others if other.bounds.high <= each.bounds.low]
    if any(_is_better(other, each, ALPHA / len(cheaper)) for other in cheaper):
        return "off"
    return None


def _is_better(one: _Priced, other: _Priced, level: float) -> bool:
    found = compared(other.estimate.tested, one.estimate.tested)
    return found is not None and found.difference > 0 and found.p_value < level
