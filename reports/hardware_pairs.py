"""Each machine against the base, cell by cell, and in geometric means.

The geometric mean is the only mean of ratios that does not depend on which machine is the base
(Fleming and Wallace 1986). It is given with the smallest and the largest ratio and has no interval:
the depths of a family are no sample of anything.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log

from .hardware_cells import Key, Point, Points, Series
from .median_ratio import Ratio, ratio_of
from .passes import PASSES


@dataclass(frozen=True)
class Pair:
    """A cell on the base and on another machine."""

    machine: str
    base: Point
    other: Point
    ratio: Ratio

    @property
    def key(self) -> Key:
        """Which cell it is."""
        return self.base.key

    @property
    def is_warned(self) -> bool:
        """Does either measurement carry warnings, as of a busy machine?"""
        return bool(self.base.row.get("warnings") or self.other.row.get("warnings"))

    @property
    def series(self) -> Series:
        """The series of the base's point: groups may be named otherwise elsewhere."""
        return self.base.series


@dataclass(frozen=True)
class Mean:
    """The ratios of one series, of one pass or of all: time over that of the base.

    Attributes:
        series: null for several together.
        pass_: null for all cells together, and for benchmarks that have none.
        faster, slower, undecided: cells; the first two only where the interval excludes 1.
        warned: the decided cells of which either measurement carries warnings.
        covers: `processes` if every interval holds for another process too, else `rounds`; null
            where there is no interval at all.
    """

    machine: str
    series: Series | None
    pass_: str | None
    geometric_mean: float
    smallest: float
    largest: float
    cells: int
    faster: int
    slower: int
    undecided: int
    warned: int
    covers: str | None


@dataclass(frozen=True)
class Unshared:
    """Cells of one series that some machines have and others not.

    Attributes:
        points: depths, or full names.
        only: the machines that have them.
    """

    series: Series
    points: tuple[int | str, ...]
    only: tuple[str, ...]


def pairs(base: Points, others: Sequence[Points]) -> tuple[Pair, ...]:
    """The cells that the base shares with each of the others, series by series."""
    found = [
        Pair(other.machine, point, other.by_key[key],
             ratio_of(point.median, other.by_key[key].median))
        for other in others
        for key, point in base.by_key.items()
        if key in other.by_key
    ]  # fmt: skip
    order = {other.machine: place for place, other in enumerate(others)}
    return tuple(sorted(found, key=lambda pair: (order[pair.machine], *_rank(pair.base))))


def series_rank(series: Series) -> tuple[str, ...]:
    """Families by name, a family's passes in the order in which a training takes them."""
    place = PASSES.index(series.pass_) if series.pass_ in PASSES else len(PASSES)
    setting = (f"{series.batch_size or 0:012d}", repr(series.dtype), repr(series.variants))
    return series.family, str(place), *setting, repr(series.match)


def _rank(point: Point) -> tuple[tuple[str, ...], int, str]:
    return series_rank(point.series), point.key.depth or 0, point.key.name or ""


def means(found: Sequence[Pair]) -> tuple[Mean, ...]:
    """Of each machine one a series, one a pass, and one of all cells."""
    machines = dict.fromkeys(pair.machine for pair in found)
    return tuple(each for machine in machines for each in _means_of(machine, found))


def _means_of(machine: str, found: Sequence[Pair]) -> Iterable[Mean]:
    ours = [pair for pair in found if pair.machine == machine]
    for series in dict.fromkeys(pair.series for pair in ours):
        yield _mean(machine, [pair for pair in ours if pair.series == series], series, series.pass_)
    for name in PASSES:
        if of_pass := [pair for pair in ours if pair.series.pass_ == name]:
            yield _mean(machine, of_pass, None, name)
    yield _mean(machine, ours, None, None)


def _mean(machine: str, found: Sequence[Pair], series: Series | None, pass_: str | None) -> Mean:
    ratios = [pair.ratio for pair in found]
    verdicts = [ratio.verdict for ratio in ratios]
    covers = {ratio.covers for ratio in ratios} - {None}
    values = [ratio.value for ratio in ratios]
    return Mean(
        machine=machine,
        series=series,
        pass_=pass_,
        geometric_mean=exp(statistics.fmean(map(log, values))),
        smallest=min(values),
        largest=max(values),
        cells=len(ratios),
        faster=verdicts.count("faster"),
        slower=verdicts.count("slower"),
        undecided=verdicts.count("undecided"),
        warned=sum(pair.is_warned and pair.ratio.verdict != "undecided" for pair in found),
        covers="rounds" if "rounds" in covers else next(iter(covers), None),
    )


def unshared(all_points: Sequence[Points]) -> tuple[Unshared, ...]:
    """What not every machine has, series by series."""
    having: dict[Key, tuple[str, ...]] = {}
    point_of: dict[Key, Point] = {}
    for points in all_points:
        for key, point in points.by_key.items():
            having[key] = (*having.get(key, ()), points.machine)
            point_of.setdefault(key, point)
    groups: dict[tuple[Series, tuple[str, ...]], list[Point]] = {}
    for key, names in having.items():
        if len(names) < len(all_points):
            groups.setdefault((point_of[key].series, names), []).append(point_of[key])
    ordered = sorted(groups.items(), key=lambda item: (series_rank(item[0][0]), item[0][1]))
    return tuple(
        Unshared(series, tuple(_point_name(each) for each in sorted(group, key=_rank)), only)
        for (series, only), group in ordered
    )


def _point_name(point: Point) -> int | str:
    return point.key.name or point.key.depth or 0
