"""Why one machine's time grows faster with depth than another's: what binds its cells.

What binds a cell (arithmetic, memory or launches) was derived from the roofline when it was
measured. The machine's own speed at that, by the reference kernels of the day, says how much of the
difference the hardware explains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .hardware_cells import Point, Points, Series
from .machines import Machine
from .rows import number_or_none

# Of each bound, the reference kernel that says how fast the machine is at it.
KERNELS = {"compute": "matmul", "memory": "copy", "launches": "launch"}


@dataclass(frozen=True)
class Cause:
    """What binds the cells of a series on one machine.

    Attributes:
        bounds: by depth, shallowest first; empty where it was not recorded.
        reference_ratio: of the deepest cell's bound, the time that the reference kernel takes here
            over that of the base; null where it is unknown or the base's cell is bound otherwise.
    """

    machine: str
    series: Series
    bounds: Mapping[int, str]
    reference_ratio: float | None

    @property
    def deepest(self) -> str | None:
        """What binds the deepest cell."""
        return list(self.bounds.values())[-1] if self.bounds else None


def causes(
    machines: Sequence[Machine], all_points: Sequence[Points], wanted: Sequence[Series]
) -> tuple[Cause, ...]:
    """Of each series, the base first; machines and points: in one order, the base first."""
    return tuple(
        _cause(series, machine, points, machines[0], all_points[0])
        for series in wanted
        for machine, points in zip(machines, all_points, strict=True)
    )


def _cause(
    series: Series, machine: Machine, points: Points, base: Machine, base_points: Points
) -> Cause:
    ours, theirs = bounds(points, series), bounds(base_points, series)
    last = list(ours.values())[-1:]
    alike = bool(last) and last == list(theirs.values())[-1:] and last[0] in KERNELS
    here, there = (
        _speed(each, last[0], _deepest(known, series)) if alike else None
        for each, known in ((machine, points), (base, base_points))
    )
    ratio = there / here if here and there and machine is not base else None
    return Cause(machine.name, series, ours, ratio)


def bounds(points: Points, series: Series) -> dict[int, str]:
    """What binds each depth of a series, where it is known."""
    found = {
        key.depth: str(point.row["bound"])
        for key, point in points.by_key.items()
        if point.series == series and key.depth is not None and point.row.get("bound")
    }
    return dict(sorted(found.items()))


def _deepest(points: Points, series: Series) -> Point:
    ours = [point for point in points.by_key.values() if point.series == series]
    return max(ours, key=lambda point: point.key.depth or 0)


def _speed(machine: Machine, bound: str, point: Point) -> float | None:
    """What the machine does in a second of what binds: FLOPs, bytes or launches."""
    place = (point.row.get("device"), point.row.get("dtype"))
    for row in machine.kernels:
        if (row.get("device"), row.get("dtype")) == place and row.get("kernel") == KERNELS[bound]:
            return _per_second(row)
    return None


def _per_second(row: Mapping[str, Any]) -> float | None:
    for name in ("flops_per_second", "bytes_per_second"):
        if number_or_none(row.get(name)):
            return number_or_none(row[name])
    seconds = number_or_none(row.get("queued_seconds", row.get("seconds")))
    return number_or_none(1 / seconds) if seconds else None
