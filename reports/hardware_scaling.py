"""How a machine's time goes with depth: a fixed overhead and a time per layer, and where the lines
of two machines cross.

The line is that of `per_layer`, its intervals are of Student's t. Where two lines cross is a ratio
of two uncertain numbers, and has Fieller's interval (Fieller 1954): it may be unbounded, which
means that the slopes cannot be told apart. Nothing is said of depths beyond twice the deepest or
below the shallowest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import t

from .estimates import ALPHA
from .hardware_cells import Points, Series
from .per_layer import per_layer

# How far beyond what was measured a line is believed.
FARTHEST = 2.0
# A depth that lies farther off its line, as a share of its time, says that there is no line.
MOST_MISFIT = 0.25


@dataclass(frozen=True)
class Line:
    """Seconds against depth on one machine: `overhead + per_layer * depth`, with 95% intervals.

    Attributes:
        misfit: of the depth that lies farthest off the line, as a share of its time.
        covariance: of overhead and slope: two variances and what they have in common.
    """

    machine: str
    series: Series
    depths: tuple[int, ...]
    overhead_seconds: float
    overhead_low: float
    overhead_high: float
    per_layer_seconds: float
    per_layer_low: float
    per_layer_high: float
    misfit: float
    covariance: tuple[float, float, float]

    @property
    def is_straight(self) -> bool:
        """Does the line say what the times are?"""
        return self.misfit <= MOST_MISFIT


@dataclass(frozen=True)
class Crossing:
    """Where another machine's line crosses that of the base.

    Attributes:
        kind: `crosses`; `none` between the depths named; `undecided` where that cannot be told at
            95%; `not straight` where one of them is no line.
        depth, low, high: with a 95% interval; null unless they cross there.
        first, last: the depths between which anything is said.
        faster_shallow, faster_deep: the machine whose line is lower at `first` and at `last`.
    """

    machine: str
    base: str
    series: Series
    kind: str
    depth: float | None
    low: float | None
    high: float | None
    first: float
    last: float
    faster_shallow: str
    faster_deep: str


def lines(points: Points) -> tuple[Line, ...]:
    """One of each series with at least three depths."""
    by_series: dict[Series, dict[int, float]] = {}
    for key, point in points.by_key.items():
        if key.depth is not None:
            by_series.setdefault(point.series, {})[key.depth] = point.median.seconds
    found = (line(points.machine, series, seconds) for series, seconds in by_series.items())
    return tuple(each for each in found if each is not None)


def line(machine: str, series: Series, seconds: Mapping[int, float]) -> Line | None:
    """The line through these times, by depth; null for fewer than three depths."""
    found = per_layer(seconds)
    if found is None:
        return None
    quantile = float(t.ppf(1 - ALPHA / 2, found.degrees_of_freedom))
    of_overhead, of_slope = (quantile * math.sqrt(each) for each in found.covariance[:2])
    return Line(
        machine=machine,
        series=series,
        depths=tuple(sorted(seconds)),
        overhead_seconds=found.fixed,
        overhead_low=found.fixed - of_overhead,
        overhead_high=found.fixed + of_overhead,
        per_layer_seconds=found.each,
        per_layer_low=found.each - of_slope,
        per_layer_high=found.each + of_slope,
        misfit=found.worst,
        covariance=found.covariance,
    )


def crossings(base: Sequence[Line], other: Sequence[Line]) -> tuple[Crossing, ...]:
    """Of each series that both have a line of."""
    theirs = {each.series: each for each in other}
    return tuple(crossing(ours, theirs[ours.series]) for ours in base if ours.series in theirs)


def crossing(base: Line, other: Line) -> Crossing:
    """Where two lines cross, if they do between the shallowest depth and twice the deepest."""
    first = max(base.depths[0], other.depths[0])
    last = FARTHEST * min(base.depths[-1], other.depths[-1])
    apart = _Apart(base, other)
    depth = apart.root
    inside = depth is not None and first <= depth <= last
    low, high = apart.fieller() if inside else (None, None)
    kind = _kind(apart, first, last, crosses=low is not None)
    return Crossing(
        machine=other.machine,
        base=base.machine,
        series=base.series,
        kind=kind,
        depth=depth if kind == "crosses" else None,
        low=low if kind == "crosses" else None,
        high=high if kind == "crosses" else None,
        first=first,
        last=last,
        faster_shallow=other.machine if apart.at(first) < 0 else base.machine,
        faster_deep=other.machine if apart.at(last) < 0 else base.machine,
    )


@dataclass(frozen=True)
class _Apart:
    """How far another machine's line lies above that of the base."""

    base: Line
    other: Line

    @property
    def overhead(self) -> float:
        return self.other.overhead_seconds - self.base.overhead_seconds

    @property
    def slope(self) -> float:
        return self.other.per_layer_seconds - self.base.per_layer_seconds

    @property
    def root(self) -> float | None:
        """The depth at which they cross, however far away."""
        return -self.overhead / self.slope if self.slope else None

    @property
    def variances(self) -> tuple[float, float, float]:
        """Of overhead, of slope, and what they have in common."""
        first, second, both = (
            ours + theirs
            for ours, theirs in zip(self.base.covariance, self.other.covariance, strict=True)
        )
        return first, second, both

    @property
    def quantile(self) -> float:
        """Squared; degrees of freedom are the fewer of the two lines'."""
        freedom = min(len(self.base.depths), len(self.other.depths)) - 2
        return float(t.ppf(1 - ALPHA / 2, freedom)) ** 2

    def at(self, depth: float) -> float:
        """Seconds."""
        return self.overhead + self.slope * depth

    def is_sure(self, depth: float) -> bool:
        """Can they be told apart there?"""
        overhead, slope, both = self.variances
        variance = overhead + 2 * depth * both + depth**2 * slope
        return self.at(depth) ** 2 > self.quantile * variance

    def fieller(self) -> tuple[float | None, float | None]:
        """The depths at which the lines cannot be told apart, if they are an interval.

        Those d with (a + b d)^2 <= q (Vaa + 2 d Vab + d^2 Vbb), where q is the squared quantile.
        """
        overhead, slope, both = self.variances
        square = self.slope**2 - self.quantile * slope
        middle = self.overhead * self.slope - self.quantile * both
        root = middle**2 - square * (self.overhead**2 - self.quantile * overhead)
        if square <= 0:
            return None, None
        # Never below zero but by rounding: the crossing itself is one of those depths.
        low, high = ((-middle + sign * math.sqrt(max(root, 0.0))) / square for sign in (-1, 1))
        return low, high


def _kind(apart: _Apart, first: float, last: float, *, crosses: bool) -> str:
    if not apart.base.is_straight or not apart.other.is_straight:
        return "not straight"
    if crosses:
        return "crosses"
    one_side = apart.at(first) * apart.at(last) > 0
    sure = one_side and apart.is_sure(first) and apart.is_sure(last)
    return "none" if sure else "undecided"
