"""Time against depth, one line a machine."""

from collections.abc import Iterator, Sequence

from ..hardware import Comparison
from ..hardware_cells import Point, Series
from ..units import unit_of
from .figure import Figure
from .hardware_names import by_network, drawn, network, some
from .machine_lines import Reading, against_depth, deepest_words, depth_rows


def draw(found: Comparison) -> Iterator[Figure]:
    """A figure for each family and pass of which several depths are shared."""
    for place, series in enumerate(by_network(found), 1):
        readings = _readings(found, series)
        if len({each.depth for each in readings}) > 1:
            yield _figure(f"time-{place}", found, series, readings)


def _readings(found: Comparison, series: Series) -> list[Reading]:
    """Of the base and of every machine that is drawn, as far as they share cells."""
    points = {
        (machine, point.key.depth): point
        for pair in found.pairs
        if pair.series == series and pair.machine in drawn(found)
        for machine, point in ((found.base, pair.base), (pair.machine, pair.other))
    }
    return [
        _reading(machine, depth, point)
        for (machine, depth), point in points.items()
        if depth is not None
    ]


def _reading(machine: str, depth: int, point: Point) -> Reading:
    median = point.median
    return Reading(machine, depth, median.seconds, median.low, median.high)


def _figure(key: str, found: Comparison, series: Series, readings: Sequence[Reading]) -> Figure:
    unit = unit_of("latency_seconds", [each.value for each in readings])
    return Figure(
        key=key,
        group=network(found, series),
        title=f"Time of a batch, {series.pass_}",
        words=(
            f"Median time of a batch against depth, with 95% intervals. "
            f"{deepest_words(found, readings, unit)}{some(found)}"
        ),
        spec=against_depth(found, readings, unit, "time"),
        header=("depth", "machine", unit.name, "low", "high"),
        rows=tuple(depth_rows(found, readings, unit)),
    )
